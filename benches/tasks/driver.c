/* Measures one library in one cell, and prints one line of JSON.

   driver PEER.so VARIANT THREADS CELL CALLS ITERATIONS_PER_US LIMIT_SECONDS
   driver calibrate

   The time of a call is the median of CALLS, after one that is not counted. Every result is checked. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "data.h"
#include "leaves.h"
#include "peer.h"

#define MOST_CALLS 1000

static const size_t spawned = 1000000, numbers = 20000000, nodes = 10000000, pieces = 100000, scanned = 100000000,
                    records = 5000000;
static const uint64_t fib_of = 30;
static const double piece_us = 10;

static uint64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

static void must(int holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "wrong: %s\n", what);
    exit(3);
}

static void *library;

static void *function(const char *name) {
    void *found = dlsym(library, name);
    if (found == NULL) {
        puts("{\"missing\": true}");
        exit(0);
    }
    return found;
}

#define PEER(name) (*(void **)&name = function(#name))

/* ---- cells: `prepare` once, `refresh` before each `call`, `check` after it; the divisor of its time ---- */

static uint64_t *words, *unsorted;
static uint64_t right;

static void (*peer_spawn_)(size_t);
static void spawn_prepare(void) { *(void **)&peer_spawn_ = function("peer_spawn"); }
static void spawn_call(void) { peer_spawn_(spawned); }

static uint64_t (*peer_fib_)(uint64_t);
static void fib_prepare(void) {
    *(void **)&peer_fib_ = function("peer_fib");
    right = fib_serial(fib_of);
}
static void fib_call(void) { must(peer_fib_(fib_of) == right, "fib"); }

static void (*sort_words)(uint64_t *, size_t);
static void words_refresh(void) { memcpy(words, unsorted, numbers * sizeof *words); }
static void words_prepare(const char *name, int doubles) {
    *(void **)&sort_words = function(name);
    words = huge(numbers * sizeof *words);
    unsorted = huge(numbers * sizeof *words);
    if (doubles) {
        fill_doubles((double *)unsorted, numbers);
    } else {
        fill_words(unsorted, numbers);
    }
    for (size_t i = 0; i < numbers; i++) right += unsorted[i];
}
static void quicksort_prepare(void) { words_prepare("peer_quicksort", 0); }
static void sort_u64_prepare(void) { words_prepare("peer_sort_u64", 0); }
static void sort_f64_prepare(void) { words_prepare("peer_sort_f64", 1); }
static void words_call(void) { sort_words(words, numbers); }
static void words_check(void) {
    uint64_t sum = words[0];
    for (size_t i = 1; i < numbers; i++) {
        must(words[i - 1] <= words[i], "order");
        sum += words[i];
    }
    must(sum == right, "numbers");
}
static void doubles_check(void) {
    const double *sorted = (const double *)words;
    uint64_t sum = words[0];
    for (size_t i = 1; i < numbers; i++) {
        must(sorted[i - 1] <= sorted[i], "order");
        sum += words[i];
    }
    must(sum == right, "numbers");
}

static struct tree *tree;
static uint64_t (*peer_tree_)(struct tree *);
static void tree_prepare(void) {
    *(void **)&peer_tree_ = function("peer_tree");
    tree = huge(nodes * sizeof *tree);
    grow(tree, nodes);
    for (size_t i = 0; i < nodes; i++) right += tree[i].value;
}
static void tree_call(void) { must(peer_tree_(tree) == right, "tree"); }

static void (*peer_pipeline_)(void);
static void pipeline_prepare(void) {
    *(void **)&peer_pipeline_ = function("peer_pipeline");
    pipeline_make(pieces);
}
static void pipeline_refresh(void) { pipeline_begin((uint64_t)(piece_us * iterations_per_us)); }
static void pipeline_call(void) { peer_pipeline_(); }
static void pipeline_check(void) { must(pipeline_ended(), "pipeline"); }

static uint32_t *in, *out;
static void (*peer_scan_)(const uint32_t *, uint32_t *, size_t);
static void scan_prepare(void) {
    *(void **)&peer_scan_ = function("peer_scan");
    in = huge(scanned * sizeof *in);
    out = huge(scanned * sizeof *out);
    for (size_t i = 0; i < scanned; i++) in[i] = (uint32_t)(i * 2654435761u >> 7);
    memset(out, 1, scanned * sizeof *out);
}
static void scan_call(void) { peer_scan_(in, out, scanned); }
static void scan_check(void) {
    uint32_t sum = 0;
    for (size_t i = 0; i < scanned; i++) {
        must(out[i] == sum, "scan");
        sum += in[i];
    }
}

static struct trade *trades, *unordered;
static void (*peer_sort_records_)(struct trade *, size_t);
static void records_prepare(void) {
    *(void **)&peer_sort_records_ = function("peer_sort_records");
    trades = huge(records * sizeof *trades);
    unordered = huge(records * sizeof *trades);
    fill_trades(unordered, records);
}
static void records_refresh(void) { memcpy(trades, unordered, records * sizeof *trades); }
static void records_call(void) { peer_sort_records_(trades, records); }
static void records_check(void) {
    uint64_t sum = trades[0].number;
    for (size_t i = 1; i < records; i++) {
        must(trades[i - 1].time <= trades[i].time && is_trade(&trades[i]), "order");
        sum += trades[i].number;
    }
    must(sum == (uint64_t)records * (records - 1) / 2, "records");
}

static void nothing(void) {}

static const struct cell {
    const char *name;
    void (*prepare)(void), (*refresh)(void), (*call)(void), (*check)(void);
    size_t divisor;
} cells[] = {
    {"spawn", spawn_prepare, nothing, spawn_call, nothing, 1000000},
    {"fib", fib_prepare, nothing, fib_call, nothing, 1},
    {"quicksort", quicksort_prepare, words_refresh, words_call, words_check, 1},
    {"tree", tree_prepare, nothing, tree_call, nothing, 1},
    {"pipeline", pipeline_prepare, pipeline_refresh, pipeline_call, pipeline_check, 1},
    {"scan", scan_prepare, nothing, scan_call, scan_check, 1},
    {"sort-u64", sort_u64_prepare, words_refresh, words_call, words_check, 1},
    {"sort-f64", sort_f64_prepare, words_refresh, words_call, doubles_check, 1},
    {"sort-records", records_prepare, records_refresh, records_call, records_check, 1},
};

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "calibrate") == 0) {
        uint64_t best = UINT64_MAX;
        for (int i = 0; i < 50; i++) {
            uint64_t start = now_ns();
            sink = spin(1000000); /* else the compiler leaves it out */
            uint64_t took = now_ns() - start;
            if (took < best) best = took;
        }
        printf("%.3f\n", 1e9 / (double)best);
        return 0;
    }
    if (argc != 8) return 2;
    const struct cell *cell = NULL;
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        if (strcmp(cells[i].name, argv[4]) == 0) cell = &cells[i];
    }
    library = dlopen(argv[1], RTLD_NOW);
    if (cell == NULL || library == NULL) {
        fprintf(stderr, "%s\n", cell == NULL ? "no such cell" : dlerror());
        return 2;
    }
    static uint64_t samples[MOST_CALLS], cpu[MOST_CALLS];
    size_t calls = (size_t)atoi(argv[5]);
    if (calls == 0 || calls > MOST_CALLS) return 2;
    iterations_per_us = atof(argv[6]);
    alarm((unsigned)atoi(argv[7])); /* its signal ends the process: the library did not come back in time */
    void (*peer_init_)(unsigned, const char *, const struct tools *);
    *(void **)&peer_init_ = function("peer_init");
    cell->prepare();
    peer_init_((unsigned)atoi(argv[3]), argv[2], &leaves);
    for (size_t i = 0; i <= calls; i++) {
        cell->refresh();
        uint64_t start = now_ns(), start_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        cell->call();
        uint64_t took = now_ns() - start, took_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start_cpu;
        cell->check();
        if (i > 0) {
            samples[i - 1] = took;
            cpu[i - 1] = took_cpu;
        }
    }
    qsort(samples, calls, sizeof *samples, by_value);
    qsort(cpu, calls, sizeof *cpu, by_value);
    double divisor = (double)cell->divisor;
    printf("{\"ns\": %.1f, \"least\": %.1f, \"cpu_ns\": %.1f, \"calls\": %zu}\n", (double)samples[calls / 2] / divisor,
           (double)samples[0] / divisor, (double)cpu[calls / 2] / divisor, calls);
    fflush(stdout);
    _exit(0); /* the pools of some libraries take their time to end */
}
