/* pthreadpool. It has no reduction: partial sums on cache lines of their own. */
#include <pthreadpool.h>
#include <stdlib.h>

#include "../peer.h"

static pthreadpool_t pool;

void peer_init(unsigned threads, const char *variant) {
    (void)variant;
    pool = pthreadpool_create(threads);
    if (pool == NULL) abort();
}

void peer_run(size_t chunks, const struct peer_body *body) {
    pthreadpool_parallelize_1d(pool, body->call, body->data, chunks, 0);
}

struct sums {
    uint64_t (*part)(void *, size_t);
    void *data;
    struct {
        _Alignas(64) uint64_t sum;
    } of[256];
};

static void add(void *context, size_t index) {
    struct sums *sums = context;
    sums->of[index].sum = sums->part(sums->data, index);
}

uint64_t peer_sum(size_t chunks, uint64_t (*part)(void *, size_t), void *data) {
    struct sums sums = {.part = part, .data = data};
    if (chunks > sizeof sums.of / sizeof sums.of[0]) abort();
    pthreadpool_parallelize_1d(pool, add, &sums, chunks, 0);
    uint64_t sum = 0;
    for (size_t i = 0; i < chunks; i++) sum += sums.of[i].sum;
    return sum;
}
