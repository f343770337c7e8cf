/* fastpar, through its C ABI. */
#include <stdio.h>
#include <stdlib.h>

#include "../peer.h"

static void check(fastpar_status status, const fastpar_error *error) {
    if (status == FASTPAR_OK) return;
    fprintf(stderr, "fastpar: %s\n", error->message);
    abort();
}

void peer_init(unsigned threads, const char *variant) {
    (void)variant;
    fastpar_pool_options options = {.struct_size = sizeof options, .threads = threads};
    fastpar_error error;
    check(fastpar_pool_start(&options, &error), &error);
}

static const fastpar_loop_options singly = {
    .struct_size = sizeof singly,
    .schedule = FASTPAR_SCHEDULE_GRAIN,
    .grain = 1,
};

void peer_run(size_t chunks, const struct peer_body *body) {
    fastpar_error error;
    /* Up to 24 items are as many chunks by default. */
    check(fastpar_for(chunks <= 24 ? NULL : &singly, chunks, body->call_chunk, body->data, &error), &error);
}

struct sums {
    uint64_t (*part)(void *, size_t);
    void *data;
};

static int32_t fold(void *context, const fastpar_chunk *chunk, void *accumulator) {
    const struct sums *sums = context;
    *(uint64_t *)accumulator += sums->part(sums->data, chunk->index);
    return 0;
}

static int32_t combine(void *context, void *into, const void *from) {
    (void)context;
    *(uint64_t *)into += *(const uint64_t *)from;
    return 0;
}

uint64_t peer_sum(size_t chunks, uint64_t (*part)(void *, size_t), void *data) {
    struct sums sums = {part, data};
    uint64_t sum = 0;
    fastpar_error error;
    check(fastpar_reduce(&singly, chunks, fold, combine, &sums, &sum, sizeof sum, &error), &error);
    return sum;
}
