/* The work itself, the same for every library. */
#ifndef LEAVES_H
#define LEAVES_H

#include <stdatomic.h>

#include "peer.h"

static double iterations_per_us;
static volatile uint64_t sink;

__attribute__((noinline)) static uint64_t spin(uint64_t iterations) {
    uint64_t x = iterations | 1;
    for (uint64_t i = 0; i < iterations; i++) x = x * 6364136223846793005u + 1442695040888963407u;
    return x;
}

__attribute__((noinline)) static uint64_t fib_serial(uint64_t n) {
    return n < 2 ? n : fib_serial(n - 1) + fib_serial(n - 2);
}

static void swap(uint64_t *a, uint64_t *b) {
    uint64_t kept = *a;
    *a = *b;
    *b = kept;
}

/* Hoare's, by the median of three: before the cut no number is greater than the pivot, after it none less. */
__attribute__((noinline)) static size_t partition(uint64_t *numbers, size_t count) {
    uint64_t *first = numbers, *middle = numbers + count / 2, *end = numbers + count - 1;
    if (*middle < *first) swap(middle, first);
    if (*end < *first) swap(end, first);
    if (*end < *middle) swap(end, middle);
    uint64_t pivot = *middle;
    size_t low = 0, high = count - 1;
    for (;;) {
        while (numbers[low] < pivot) low++;
        while (numbers[high] > pivot) high--;
        if (low >= high) return high + 1;
        swap(&numbers[low++], &numbers[high--]);
    }
}

__attribute__((noinline)) static void sort_part(uint64_t *numbers, size_t count) {
    while (count > 24) {
        size_t cut = partition(numbers, count);
        if (cut < count - cut) {
            sort_part(numbers, cut);
            numbers += cut;
            count -= cut;
        } else {
            sort_part(numbers + cut, count - cut);
            count = cut;
        }
    }
    for (size_t i = 1; i < count; i++) {
        uint64_t number = numbers[i];
        size_t at = i;
        for (; at > 0 && numbers[at - 1] > number; at--) numbers[at] = numbers[at - 1];
        numbers[at] = number;
    }
}

/* ---- a pipeline ---- */

static struct item *items;
static size_t items_count, items_fed, items_taken;
static uint64_t item_iterations;
static int out_of_order;

static void pipeline_make(size_t count) {
    items_count = count;
    items = calloc(count, sizeof *items);
    if (items == NULL) abort();
}

static void pipeline_begin(uint64_t iterations) {
    item_iterations = iterations;
    items_fed = items_taken = 0;
    for (size_t i = 0; i < items_count; i++) items[i] = (struct item){i, 0};
}

static struct item *feed(void) { return items_fed < items_count ? &items[items_fed++] : NULL; }
static void work(struct item *item) { item->result = spin(item_iterations); }
static void take(struct item *item) {
    if (item->number != items_taken++ || item->result == 0) out_of_order = 1;
}

static int pipeline_ended(void) { return !out_of_order && items_taken == items_count; }

static const struct tools leaves = {fib_serial, partition, sort_part, feed, work, take};

#endif
