/* No library: the loop that all the others are compared with. */
#include "../peer.h"

void peer_init(unsigned threads, const char *variant) {
    (void)threads;
    (void)variant;
}

void peer_run(size_t chunks, const struct peer_body *body) {
    for (size_t i = 0; i < chunks; i++) body->call(body->data, i);
}

uint64_t peer_sum(size_t chunks, uint64_t (*part)(void *, size_t), void *data) {
    uint64_t sum = 0;
    for (size_t i = 0; i < chunks; i++) sum += part(data, i);
    return sum;
}
