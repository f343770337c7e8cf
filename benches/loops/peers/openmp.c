/* OpenMP: libgomp when compiled by gcc, libomp when compiled by clang. Variants "static" and "dynamic". */
#include <omp.h>
#include <string.h>

#include "../peer.h"

static int is_static;
/* Given to every loop: `omp_set_num_threads` would hold for the thread that calls it only. */
static int threads_asked;

void peer_init(unsigned threads, const char *variant) {
    omp_set_dynamic(0);
    threads_asked = (int)threads;
    is_static = strcmp(variant, "static") == 0;
}

void peer_run(size_t chunks, const struct peer_body *body) {
    if (is_static) {
#pragma omp parallel for num_threads(threads_asked) schedule(static)
        for (size_t i = 0; i < chunks; i++) body->call(body->data, i);
    } else {
#pragma omp parallel for num_threads(threads_asked) schedule(dynamic, 1)
        for (size_t i = 0; i < chunks; i++) body->call(body->data, i);
    }
}

uint64_t peer_sum(size_t chunks, uint64_t (*part)(void *, size_t), void *data) {
    uint64_t sum = 0;
    if (is_static) {
#pragma omp parallel for num_threads(threads_asked) schedule(static) reduction(+ : sum)
        for (size_t i = 0; i < chunks; i++) sum += part(data, i);
    } else {
#pragma omp parallel for num_threads(threads_asked) schedule(dynamic, 1) reduction(+ : sum)
        for (size_t i = 0; i < chunks; i++) sum += part(data, i);
    }
    return sum;
}
