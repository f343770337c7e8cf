/* What is worked on: the same in every process. */
#ifndef DATA_H
#define DATA_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "peer.h"

/* In small pages where they happen to lie decides a part of a process's time. */
static void *huge(size_t bytes) {
    const size_t page = (size_t)2 << 20;
    size_t size = (bytes + page - 1) / page * page;
    void *memory = aligned_alloc(page, size);
    if (memory == NULL) abort();
    madvise(memory, size, MADV_HUGEPAGE);
    return memory;
}

/* Numbers that look random: splitmix64. */
static uint64_t mix(uint64_t index) {
    uint64_t x = (index + 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void fill_words(uint64_t *words, size_t count) {
    for (size_t i = 0; i < count; i++) words[i] = mix(i);
}

/* Of both signs, and of many magnitudes; neither zeros nor what is no number. */
static void fill_doubles(double *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        double above = 1.0 + (double)(mix(i) >> 11);
        numbers[i] = (i & 1 ? above : -above) / (double)(1 + mix(i + count) % 1000000);
    }
}

/* Times of a trading day in milliseconds since 1970, in no order, many of them equal. */
static void fill_trades(struct trade *trades, size_t count) {
    for (size_t i = 0; i < count; i++) {
        trades[i] = (struct trade){.time = 1700000000000 + (int64_t)(mix(i) % 86400000), .number = i, .rest = {~mix(i)}};
    }
}

static int is_trade(const struct trade *trade) {
    return trade->rest[0] == ~mix(trade->number) &&
           trade->time == 1700000000000 + (int64_t)(mix(trade->number) % 86400000);
}

/* A tree of `count` nodes, whose branches are of random sizes; a node comes before those below it. */
static void grow(struct tree *nodes, size_t count) {
    struct part {
        size_t first, count;
    } waiting[256];
    size_t depth = 0;
    waiting[depth++] = (struct part){0, count};
    while (depth > 0) {
        struct part part = waiting[--depth];
        size_t below = part.count - 1, left = below > 0 ? mix(part.first) % (below + 1) : 0;
        struct tree *node = &nodes[part.first];
        node->value = mix(part.first + count);
        node->left = left > 0 ? node + 1 : NULL;
        node->right = left < below ? node + 1 + left : NULL;
        struct part parts[2] = {{part.first + 1, left}, {part.first + 1 + left, below - left}};
        /* The smaller one is done first, so that few wait. */
        int larger = parts[1].count > parts[0].count;
        if (depth + 2 > sizeof waiting / sizeof waiting[0]) abort();
        if (parts[larger].count > 0) waiting[depth++] = parts[larger];
        if (parts[!larger].count > 0) waiting[depth++] = parts[!larger];
    }
}

#endif
