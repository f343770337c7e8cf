/* What the driver asks of each library under test, one shared object per library. A library leaves out what
   it has nothing for. What a leaf of the work does comes from the driver, so that it is the same machine code
   for all. */
#ifndef PEER_H
#define PEER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tree {
    struct tree *left, *right;
    uint64_t value;
};

/* A record of 48 bytes, sorted by its time. */
struct trade {
    int64_t time;
    uint64_t number;
    uint64_t rest[4];
};

struct item {
    uint64_t number, result;
};

/* Smaller parts are sorted by `sort_part`, smaller numbers computed by `fib_serial`. */
#define QUICKSORT_PART ((size_t)1 << 14)
#define FIB_SERIAL 15
/* Items of a pipeline at a time. */
#define IN_FLIGHT 64

struct tools {
    uint64_t (*fib_serial)(uint64_t n);
    /* Cuts into two parts, none of them empty; the first number of the second. */
    size_t (*partition)(uint64_t *numbers, size_t count);
    void (*sort_part)(uint64_t *numbers, size_t count);
    /* A pipeline: the next item or NULL; what is done in parallel; what is done in order. */
    struct item *(*feed)(void);
    void (*work)(struct item *item);
    void (*take)(struct item *item);
};

/* `variant` names one of the library's own ways. */
void peer_init(unsigned threads, const char *variant, const struct tools *tools);
/* `count` empty tasks, made by one task. */
void peer_spawn(size_t count);
uint64_t peer_fib(uint64_t n);
void peer_quicksort(uint64_t *numbers, size_t count);
/* The sum of all values: a task for each left branch. */
uint64_t peer_tree(struct tree *root);
void peer_pipeline(void);
void peer_scan(const uint32_t *in, uint32_t *out, size_t count);
void peer_sort_u64(uint64_t *numbers, size_t count);
void peer_sort_f64(double *numbers, size_t count);
void peer_sort_records(struct trade *records, size_t count);

#ifdef __cplusplus
}
#endif

#endif
