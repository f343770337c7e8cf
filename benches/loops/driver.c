/* Measures one library in one cell, and prints one line of JSON.

   driver PEER.so VARIANT THREADS CELL CALLERS MILLISECONDS ITERATIONS_PER_US LIMIT_SECONDS
   driver calibrate

   One caller: the median of many calls, back to back. Several callers at once: wall time over the number
   of calls of all, since the median call of an oversubscribed machine says little. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "peer.h"

#define SUM_BYTES ((size_t)64 << 20)
#define SUM_CHUNKS 24
#define HUGE_PAGE ((size_t)2 << 20)
#define MOST_SAMPLES 200000

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- what the loops do ---- */

enum kind { EMPTY, WORK, SUM, NESTED };

struct cell {
    const char *name;
    enum kind kind;
    size_t chunks;
    double work_us;  /* of the whole loop, on one thread */
    int heavy;       /* the chunk in the middle costs ten times the others */
    unsigned pause_us; /* before every call: threads that wait have gone to sleep */
};

static const struct cell cells[] = {
    {"empty-24", EMPTY, 24, 0, 0, 0},
    {"empty-2400", EMPTY, 2400, 0, 0, 0},
    {"empty-240000", EMPTY, 240000, 0, 0, 0},
    {"work-130us-24", WORK, 24, 130, 0, 0},
    {"work-13ms-24", WORK, 24, 13000, 0, 0},
    {"work-13ms-10000", WORK, 10000, 13000, 0, 0},
    {"skewed-13ms-24", WORK, 24, 13000, 1, 0},
    {"sum-64MiB", SUM, SUM_CHUNKS, 0, 0, 0},
    {"nested-24x24", NESTED, 24, 0, 0, 0},
    /* For the series: the same work by any number of threads, and in chunks of any size. */
    {"cold-130us-24", WORK, 24, 130, 0, 2000},
    {"cold-1ms-24", WORK, 24, 1000, 0, 2000},
    {"work-13ms-240", WORK, 240, 13000, 0, 0},
    {"chunks-30ns", WORK, 133333, 4000, 0, 0},
    {"chunks-100ns", WORK, 40000, 4000, 0, 0},
    {"chunks-300ns", WORK, 13333, 4000, 0, 0},
    {"chunks-1us", WORK, 4000, 4000, 0, 0},
    {"chunks-3us", WORK, 1333, 4000, 0, 0},
    {"chunks-10us", WORK, 400, 4000, 0, 0},
    {"chunks-100us", WORK, 40, 4000, 0, 0},
};

/* A chain of dependent steps: its time does not depend on the compiler or on memory. */
static inline void spin(uint64_t iterations) {
    uint64_t x = iterations;
    while (iterations-- > 0) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        __asm__ volatile("" : "+r"(x));
    }
}

struct work {
    uint64_t iterations;
    size_t heavy;
};

static inline void do_nothing(void *data, size_t index) {
    (void)data;
    (void)index;
    __asm__ volatile("");
}

static inline void do_work(void *data, size_t index) {
    const struct work *work = data;
    spin(index == work->heavy ? 10 * work->iterations : work->iterations);
}

static struct peer_body empty_body;
static void (*peer_run_)(size_t, const struct peer_body *);

static inline void do_nested(void *data, size_t index) {
    (void)data;
    (void)index;
    peer_run_(24, &empty_body);
}

/* Aligned alike, or the place of two instructions decides an empty loop. */
#define BODY(name)                                                                                       \
    __attribute__((aligned(64))) static void name##_call(void *data, size_t index) { name(data, index); } \
    __attribute__((aligned(64))) static int32_t name##_chunk(void *data, const fastpar_chunk *chunk) {   \
        name(data, chunk->index);                                                                        \
        return 0;                                                                                        \
    }
BODY(do_nothing)
BODY(do_work)
BODY(do_nested)

static uint64_t sum_part(void *data, size_t index) {
    const uint64_t *words = data;
    size_t count = SUM_BYTES / sizeof *words, each = count / SUM_CHUNKS;
    size_t end = index + 1 == SUM_CHUNKS ? count : (index + 1) * each;
    uint64_t sum = 0;
    for (size_t i = index * each; i < end; i++) sum += words[i];
    return sum;
}

/* ---- measuring ---- */

static const struct cell *cell;
static struct peer_body body;
static struct work work;
static uint64_t *words, right_sum;
static uint64_t (*peer_sum_)(size_t, uint64_t (*)(void *, size_t), void *);

static void call_once(void) {
    if (cell->kind == SUM) {
        if (peer_sum_(SUM_CHUNKS, sum_part, words) != right_sum) abort();
    } else {
        peer_run_(cell->chunks, &body);
    }
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void measure_one(uint64_t budget) {
    static uint64_t samples[MOST_SAMPLES];
    uint64_t start = now_ns(), at = start;
    while (at - start < budget / 4) {
        call_once();
        at = now_ns();
    }
    size_t count = 0;
    start = at;
    while (count < MOST_SAMPLES && (at - start < budget || count < 3)) {
        if (cell->pause_us > 0) {
            usleep(cell->pause_us);
            at = now_ns();
        }
        call_once();
        uint64_t end = now_ns();
        samples[count++] = end - at;
        at = end;
    }
    qsort(samples, count, sizeof *samples, by_value);
    printf("{\"ns\": %llu, \"p10\": %llu, \"p90\": %llu, \"mean\": %.1f, \"calls\": %zu}\n",
           (unsigned long long)samples[count / 2], (unsigned long long)samples[count / 10],
           (unsigned long long)samples[count * 9 / 10], (double)(at - start) / (double)count, count);
}

static pthread_barrier_t ready;

struct caller {
    pthread_t thread;
    uint64_t budget, start, end;
    size_t calls;
};

static void *caller(void *argument) {
    struct caller *self = argument;
    for (int i = 0; i < 2; i++) call_once();
    pthread_barrier_wait(&ready);
    self->start = self->end = now_ns();
    while (self->calls < 2 || self->end - self->start < self->budget) {
        call_once();
        self->calls++;
        self->end = now_ns();
    }
    return NULL;
}

static void measure_many(unsigned count, uint64_t budget) {
    static struct caller callers[64];
    uint64_t start = UINT64_MAX, end = 0;
    size_t calls = 0;
    if (count > 64) abort();
    pthread_barrier_init(&ready, NULL, count);
    for (unsigned i = 0; i < count; i++) {
        callers[i].budget = budget;
        if (pthread_create(&callers[i].thread, NULL, caller, &callers[i]) != 0) abort();
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_join(callers[i].thread, NULL);
        if (callers[i].start < start) start = callers[i].start;
        if (callers[i].end > end) end = callers[i].end;
        calls += callers[i].calls;
    }
    double each = (double)(end - start) / (double)calls;
    printf("{\"ns\": %.1f, \"mean\": %.1f, \"calls\": %zu}\n", each, each, calls);
}

static void calibrate(void) {
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 50; i++) {
        uint64_t start = now_ns();
        spin(1000000);
        uint64_t took = now_ns() - start;
        if (took < best) best = took;
    }
    printf("%.3f\n", 1e9 / (double)best);
}

static void prepare(double iterations_per_us) {
    empty_body = (struct peer_body){do_nothing_call, do_nothing_chunk, NULL};
    switch (cell->kind) {
    case EMPTY:
        body = empty_body;
        break;
    case WORK:
        work.heavy = cell->heavy ? cell->chunks / 2 : SIZE_MAX;
        work.iterations = (uint64_t)(cell->work_us * iterations_per_us) / (cell->chunks + (cell->heavy ? 9 : 0));
        body = (struct peer_body){do_work_call, do_work_chunk, &work};
        break;
    case SUM:
        words = aligned_alloc(HUGE_PAGE, SUM_BYTES);
        if (words == NULL) abort();
        /* In small pages where they happen to lie decides a process's time by a fifth. */
        madvise(words, SUM_BYTES, MADV_HUGEPAGE);
        for (size_t i = 0; i < SUM_BYTES / sizeof *words; i++) right_sum += words[i] = i * 0x9e3779b97f4a7c15u;
        break;
    case NESTED:
        body = (struct peer_body){do_nested_call, do_nested_chunk, NULL};
        break;
    }
}

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (found == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    return found;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "calibrate") == 0) {
        calibrate();
        return 0;
    }
    if (argc != 9) return 2;
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        if (strcmp(cells[i].name, argv[4]) == 0) cell = &cells[i];
    }
    void *library = dlopen(argv[1], RTLD_NOW);
    if (cell == NULL || library == NULL) {
        fprintf(stderr, "%s\n", cell == NULL ? "no such cell" : dlerror());
        return 2;
    }
    void (*peer_init_)(unsigned, const char *);
    *(void **)&peer_init_ = symbol(library, "peer_init");
    *(void **)&peer_run_ = symbol(library, "peer_run");
    *(void **)&peer_sum_ = symbol(library, "peer_sum");
    unsigned callers = (unsigned)atoi(argv[5]);
    alarm((unsigned)atoi(argv[8])); /* its signal ends the process: the library did not come back in time */
    prepare(atof(argv[7]));
    peer_init_((unsigned)atoi(argv[3]), argv[2]);
    uint64_t budget = (uint64_t)atoi(argv[6]) * 1000000u;
    if (callers == 1) {
        measure_one(budget);
    } else {
        measure_many(callers, budget);
    }
    fflush(stdout);
    _exit(0); /* the pools of some libraries take their time to end */
}
