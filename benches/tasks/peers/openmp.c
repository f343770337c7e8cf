/* OpenMP's tasks, ordered loops and scans. It sorts nothing. */
#include <omp.h>

#include "../peer.h"

static const struct tools *driver;
static int threads_asked;

void peer_init(unsigned threads, const char *variant, const struct tools *tools) {
    (void)variant;
    driver = tools;
    omp_set_dynamic(0);
    threads_asked = (int)threads;
}

void peer_spawn(size_t count) {
#pragma omp parallel num_threads(threads_asked)
#pragma omp single
    for (size_t i = 0; i < count; i++) {
#pragma omp task
        __asm__ volatile(""); /* without it gcc makes no task */
    }
}

static uint64_t fib(uint64_t n) {
    if (n < FIB_SERIAL) return driver->fib_serial(n);
    uint64_t one = 0, two = 0;
#pragma omp task shared(one)
    one = fib(n - 1);
    two = fib(n - 2);
#pragma omp taskwait
    return one + two;
}

uint64_t peer_fib(uint64_t n) {
    uint64_t result = 0;
#pragma omp parallel num_threads(threads_asked)
#pragma omp single
    result = fib(n);
    return result;
}

static void quicksort(uint64_t *numbers, size_t count) {
    while (count > QUICKSORT_PART) {
        size_t cut = driver->partition(numbers, count);
#pragma omp task
        quicksort(numbers + cut, count - cut);
        count = cut;
    }
    driver->sort_part(numbers, count);
}

void peer_quicksort(uint64_t *numbers, size_t count) {
#pragma omp parallel num_threads(threads_asked)
#pragma omp single
    quicksort(numbers, count);
}

static struct {
    _Alignas(128) uint64_t value;
} sums[1024];

static void walk(struct tree *node) {
    uint64_t value = 0;
    for (; node; node = node->right) {
        if (node->left) {
            struct tree *left = node->left;
#pragma omp task
            walk(left);
        }
        value += node->value;
    }
    sums[omp_get_thread_num()].value += value;
}

uint64_t peer_tree(struct tree *root) {
    for (size_t i = 0; i < 1024; i++) sums[i].value = 0;
#pragma omp parallel num_threads(threads_asked)
#pragma omp single
    walk(root);
    uint64_t all = 0;
    for (size_t i = 0; i < 1024; i++) all += sums[i].value;
    return all;
}

/* All items are fed before the loop, which needs their number. */
void peer_pipeline(void) {
    enum { BLOCK = 4096 };
    static struct item *block[BLOCK];
    size_t count;
    do {
        for (count = 0; count < BLOCK && (block[count] = driver->feed()) != NULL;) count++;
#pragma omp parallel for num_threads(threads_asked) schedule(dynamic, 1) ordered
        for (size_t i = 0; i < count; i++) {
            driver->work(block[i]);
#pragma omp ordered
            driver->take(block[i]);
        }
    } while (count == BLOCK);
}

void peer_scan(const uint32_t *in, uint32_t *out, size_t count) {
    uint32_t sum = 0;
#pragma omp parallel for num_threads(threads_asked) reduction(inscan, + : sum)
    for (size_t i = 0; i < count; i++) {
        out[i] = sum;
#pragma omp scan exclusive(sum)
        sum += in[i];
    }
}
