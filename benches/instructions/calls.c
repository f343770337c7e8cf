/* One call after the other, for callgrind, which counts the instructions of `measured` and of what it calls.

   calls CASE REPEAT

   Everything runs on one thread: callgrind counts all threads, so the only worker is held in a job
   meanwhile. Loops have fewer chunks than make a lane look at the clock, so that the count is the same
   each time. */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fastpar.h"

enum { SMALL = 1 << 10, BLOB = 16 << 10 };

static unsigned char blob[BLOB], packed[2 * BLOB], back[BLOB];
static size_t packed_len; /* of the last that was compressed */
static fastpar_error error;
static fastpar_loop_options one_by_one = {
    .struct_size = sizeof one_by_one, .schedule = FASTPAR_SCHEDULE_GRAIN, .grain = 1, .max_lanes = 1};

static void check(fastpar_status status) {
    if (status == FASTPAR_OK) return;
    fprintf(stderr, "%s\n", error.message);
    exit(1);
}

static int32_t nothing(void *user_data, const fastpar_chunk *chunk) {
    (void)user_data;
    (void)chunk;
    return 0;
}

/* The job that holds the worker. */
static sem_t worker_is_held, worker_may_go;

static int32_t hold_worker(void *user_data, const fastpar_chunk *chunk) {
    (void)user_data;
    (void)chunk;
    sem_post(&worker_is_held);
    while (sem_wait(&worker_may_go) != 0) { }
    return 0;
}

static void loop_24(void) { check(fastpar_for(NULL, 24, nothing, NULL, &error)); }
static void claims_60(void) { check(fastpar_for(&one_by_one, 60, nothing, NULL, &error)); }
static void compress(size_t len) { check(fastpar_compress(NULL, blob, len, packed, sizeof packed, &packed_len, &error)); }
static void decompress(void) {
    size_t written;
    check(fastpar_decompress(NULL, packed, packed_len, back, BLOB, &written, &error));
}
static void compress_1k(void) { compress(SMALL); }
static void compress_16k(void) { compress(BLOB); }

static const struct {
    const char *name;
    size_t packed; /* bytes that are compressed before */
    void (*call)(void);
} cases[] = {{"loop_24", 0, loop_24},           {"claims_60", 0, claims_60},
             {"compress_1k", 0, compress_1k},   {"decompress_1k", SMALL, decompress},
             {"compress_16k", 0, compress_16k}, {"decompress_16k", BLOB, decompress}};

__attribute__((noinline)) void measured(void (*call)(void), int repeat) {
    for (int i = 0; i < repeat; i++) call();
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    fastpar_pool_options pool = {.struct_size = sizeof pool, .threads = 1};
    check(fastpar_pool_start(&pool, &error));
    fastpar_job *job = NULL;
    sem_init(&worker_is_held, 0, 0);
    sem_init(&worker_may_go, 0, 0);
    check(fastpar_for_start(NULL, 1, hold_worker, NULL, &job, &error));
    while (sem_wait(&worker_is_held) != 0) { }
    /* Numbers that count up in a noisy way: neither constant nor random. */
    uint32_t noise = 1;
    for (size_t i = 0; i < BLOB; i++) {
        noise = noise * 1664525 + 1013904223;
        blob[i] = (unsigned char)(i / 64 + (noise >> 30));
    }
    compress_16k();
    decompress();
    if (memcmp(blob, back, BLOB) != 0) return 1;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (strcmp(argv[1], cases[i].name) != 0) continue;
        if (cases[i].packed != 0) compress(cases[i].packed);
        cases[i].call(); /* what is made once */
        measured(cases[i].call, atoi(argv[2]));
        sem_post(&worker_may_go);
        fastpar_job_free(job);
        return 0;
    }
    return 2;
}
