/* Kernels that memory limits, beside the same work by plain threads, one a CPU: what the machine gives.

   kernels THREADS MEBIBYTES ROUNDS

   All take turns in one process, and one line of JSON has the median of each in GB/s of the bytes that a
   program touches once (a copy reads and writes them: twice that goes over the bus). */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "fastpar.h"

enum { MOST_CPUS = 256, MOST_ROUNDS = 64, PIECE = (1 << 20) / sizeof(uint64_t) };

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void check(fastpar_status status, const fastpar_error *error) {
    if (status == FASTPAR_OK) return;
    fprintf(stderr, "%s\n", error->message);
    exit(1);
}

static uint64_t *words, *copies;
static float *values;
static size_t count, lanes;
static uint64_t right_sum;

/* ---- what is done with a part ---- */

static uint64_t sum_of(size_t begin, size_t end) {
    uint64_t sum = 0;
    for (size_t i = begin; i < end; i++) sum += words[i];
    return sum;
}

/* In pieces of a megabyte: memcpy does something else from some size on, which would compare sizes of
   parts. */
static void copy_of(size_t begin, size_t end) {
    for (size_t at = begin; at < end; at += PIECE) {
        size_t piece = end - at < PIECE ? end - at : PIECE;
        memcpy(copies + at, words + at, piece * sizeof *words);
    }
}

/* Two passes over the same values: the second one finds them in the cache, if they fit. */
static float mean_of(size_t begin, size_t end) {
    float sums[16] = {0};
    size_t i = begin;
    for (; i + 16 <= end; i += 16)
        for (size_t k = 0; k < 16; k++) sums[k] += values[i + k];
    float sum = 0;
    for (size_t k = 0; k < 16; k++) sum += sums[k];
    for (; i < end; i++) sum += values[i];
    return sum / (float)(end - begin);
}

static void centre(size_t begin, size_t end) {
    float mean = mean_of(begin, end);
    for (size_t i = begin; i < end; i++) values[i] -= mean;
}

/* ---- plain threads ---- */

static pthread_barrier_t start_line, finish_line;
static int cpus;
static void (*part)(size_t begin, size_t end);
static _Atomic uint64_t plain_sum;

static void add_sum(size_t begin, size_t end) {
    atomic_fetch_add(&plain_sum, sum_of(begin, end));
}

static void *plain_thread(void *argument) {
    size_t at = (size_t)(uintptr_t)argument, all = (size_t)cpus;
    for (;;) {
        pthread_barrier_wait(&start_line);
        part(count * at / all, count * (at + 1) / all);
        pthread_barrier_wait(&finish_line);
    }
    return NULL;
}

static void plain(void (*work)(size_t, size_t)) {
    part = work;
    pthread_barrier_wait(&start_line);
    pthread_barrier_wait(&finish_line);
}

/* ---- the same by fastpar ---- */

static int32_t fold(void *data, const fastpar_chunk *chunk, void *sum) {
    (void)data;
    *(uint64_t *)sum += sum_of(chunk->begin, chunk->end);
    return 0;
}

static int32_t combine(void *data, void *into, const void *from) {
    (void)data;
    *(uint64_t *)into += *(const uint64_t *)from;
    return 0;
}

static int32_t copy_chunk(void *data, const fastpar_chunk *chunk) {
    (void)data;
    copy_of(chunk->begin, chunk->end);
    return 0;
}

static int32_t centre_chunk(void *data, const fastpar_chunk *chunk) {
    (void)data;
    centre(chunk->begin, chunk->end);
    return 0;
}

static fastpar_error error;
static fastpar_loop_options by_segments = {.struct_size = sizeof by_segments};
static fastpar_loop_options by_cache = {
    .struct_size = sizeof by_cache, .schedule = FASTPAR_SCHEDULE_CACHE, .item_size = sizeof(float)};
static fastpar_loop_options by_l2;

static void sum_serial(void) {
    if (sum_of(0, count) != right_sum) abort();
}

static void sum_plain(void) {
    plain_sum = 0;
    plain(add_sum);
    if (plain_sum != right_sum) abort();
}

static void sum_fastpar(void) {
    uint64_t sum = 0;
    check(fastpar_reduce(&by_segments, count, fold, combine, NULL, &sum, sizeof sum, &error), &error);
    if (sum != right_sum) abort();
}

static void copy_plain(void) { plain(copy_of); }
static void copy_fastpar(void) { check(fastpar_for(&by_segments, count, copy_chunk, NULL, &error), &error); }

/* The values are floats: twice as many as words. */
static void centre_segments(void) { check(fastpar_for(&by_segments, count * 2, centre_chunk, NULL, &error), &error); }
static void centre_cache(void) { check(fastpar_for(&by_cache, count * 2, centre_chunk, NULL, &error), &error); }
static void centre_l2(void) { check(fastpar_for(&by_l2, count * 2, centre_chunk, NULL, &error), &error); }

/* The two passes again in chunks of some size, for a table of sizes. */
static const size_t chunk_kib[] = {128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
enum { SIZES = sizeof chunk_kib / sizeof chunk_kib[0] };

static void centre_grain(size_t kib) {
    fastpar_loop_options options = {
        .struct_size = sizeof options, .schedule = FASTPAR_SCHEDULE_GRAIN, .grain = (kib << 10) / sizeof(float)};
    check(fastpar_for(&options, count * 2, centre_chunk, NULL, &error), &error);
}

static const struct {
    const char *name;
    void (*run)(void);
} ways[] = {
    {"sum_serial", sum_serial},           {"sum_plain", sum_plain},       {"sum_fastpar", sum_fastpar},
    {"copy_plain", copy_plain},           {"copy_fastpar", copy_fastpar}, {"two_pass_segments", centre_segments},
    {"two_pass_cache_default", centre_cache}, {"two_pass_cache_l2", centre_l2},
};
enum { WAYS = sizeof ways / sizeof ways[0] };

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void *memory(size_t bytes) {
    void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) exit(1);
    madvise(data, bytes, MADV_HUGEPAGE);
    return data;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    size_t bytes = (size_t)atoll(argv[2]) << 20;
    int rounds = atoi(argv[3]) < MOST_ROUNDS ? atoi(argv[3]) : MOST_ROUNDS;
    count = bytes / sizeof *words;
    words = memory(bytes);
    copies = memory(bytes);
    values = (float *)copies; /* what is in them does not matter to the time, as long as they are numbers */
    for (size_t i = 0; i < count; i++) right_sum += words[i] = i * 0x9e3779b97f4a7c15u & 0x3f7fffff3f7fffffu;

    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    cpus = CPU_COUNT(&set) < MOST_CPUS ? CPU_COUNT(&set) : MOST_CPUS;
    pthread_barrier_init(&start_line, NULL, (unsigned)cpus + 1);
    pthread_barrier_init(&finish_line, NULL, (unsigned)cpus + 1);
    for (int i = 0; i < cpus; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, plain_thread, (void *)(uintptr_t)i) != 0) return 1;
    }
    fastpar_pool_options pool = {.struct_size = sizeof pool, .threads = (uint32_t)atoi(argv[1])};
    check(fastpar_pool_start(&pool, &error), &error);
    lanes = fastpar_pool_threads();
    long l2 = sysconf(_SC_LEVEL2_CACHE_SIZE);
    if (l2 <= 0) l2 = 1 << 20;
    by_l2 = by_cache;
    by_l2.cache_bytes = (size_t)l2 / 2 * lanes; /* half of the cache of each core */

    static double times[WAYS][MOST_ROUNDS];
    for (int round = -1; round < rounds; round++) { /* the first one warms up */
        for (int turn = 0; turn < WAYS; turn++) {
            int way = (turn + round + 1) % WAYS;
            double start = seconds();
            ways[way].run();
            if (round >= 0) times[way][round] = seconds() - start;
        }
    }
    static double by_size[SIZES][MOST_ROUNDS];
    int few = rounds < 7 ? rounds : 7;
    for (int round = 0; round < few; round++) {
        for (int size = 0; size < SIZES; size++) {
            double start = seconds();
            centre_grain(chunk_kib[size]);
            by_size[size][round] = seconds() - start;
        }
    }
    printf("{\"threads\": %zu, \"cpus\": %d, \"bytes\": %zu, \"l2_bytes\": %ld", lanes, cpus, bytes, l2);
    for (int way = 0; way < WAYS; way++) {
        qsort(times[way], (size_t)rounds, sizeof(double), by_value);
        printf(", \"%s\": %.3f", ways[way].name, (double)bytes / times[way][rounds / 2] / 1e9);
    }
    printf(", \"two_pass_by_chunk\": [");
    for (int size = 0; size < SIZES; size++) {
        qsort(by_size[size], (size_t)few, sizeof(double), by_value);
        printf("%s{\"kib\": %zu, \"gbps\": %.3f}", size > 0 ? ", " : "", chunk_kib[size],
               (double)bytes / by_size[size][few / 2] / 1e9);
    }
    printf("]}\n");
    fflush(stdout);
    _exit(0); /* the plain threads wait for ever */
}
