/* How many workers come to help a loop, and how long the loop takes, beside one thread. Prints one line
 * of JSON.

   helpers MILLISECONDS     how long each loop is measured

   For Linux and Windows: the clock and the sleep are POSIX's, which MinGW has too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fastpar.h"

typedef struct cell {
    const char *name;
    uint32_t chunks;
    double work_us; /* of the whole loop, on one thread */
    long wait_us;   /* of each chunk, asleep */
} cell;

static const cell cells[] = {
    {"130 us in 24 chunks", 24, 130, 0},        {"1.3 ms in 24", 24, 1300, 0},
    {"13 ms in 24", 24, 13000, 0},              {"13 ms in 10,000", 10000, 13000, 0},
    {"130 ms in 24", 24, 130000, 0},            {"24 waits of 1 ms", 24, 0, 1000},
    {"24 waits of 5 ms", 24, 0, 5000},
};

enum { CELLS = sizeof cells / sizeof cells[0], MOST = 100000, FEWEST = 3 };

static fastpar_error error;

static void check(fastpar_status status) {
    if (status == FASTPAR_OK) return;
    fprintf(stderr, "%s\n", error.message);
    exit(1);
}

static double now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* A chain of dependent steps: its time does not depend on the compiler or on memory. */
static void spin(uint64_t iterations) {
    uint64_t x = iterations;
    while (iterations-- > 0) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        __asm__ volatile("" : "+r"(x));
    }
}

static double iterations_per_us(void) {
    double best = 1e18;
    for (int i = 0; i < 50; i++) {
        double begin = now_us(), took;
        spin(1000000);
        took = now_us() - begin;
        if (took < best) best = took;
    }
    return 1e6 / best;
}

typedef struct body {
    uint64_t iterations;
    struct timespec wait;
} body;

static int32_t chunk(void *user_data, const fastpar_chunk *chunk) {
    const body *what = user_data;
    (void)chunk;
    if (what->iterations > 0) {
        spin(what->iterations);
    } else {
        nanosleep(&what->wait, NULL);
    }
    return 0;
}

/* The median of the loops of so many milliseconds, and how many there were. */
static double loops(const fastpar_loop_options *options, uint32_t chunks, body *what, double ms, uint64_t *count) {
    static double times[MOST];
    double begin = now_us(), at = begin;
    uint64_t done = 0;
    while (done < MOST && (at - begin < ms * 1e3 || done < FEWEST)) {
        double before = at;
        check(fastpar_for(options, chunks, chunk, what, &error));
        at = now_us();
        times[done++] = at - before;
    }
    qsort(times, done, sizeof *times, by_value);
    *count = done;
    return times[done / 2];
}

static uint64_t helpers(void) {
    fastpar_pool_stats stats;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    check(fastpar_pool_stats_read(&stats, &error));
    return stats.helpers;
}

int main(int argc, char **argv) {
    double rate, ms;
    fastpar_loop_options options;
    if (argc != 2) return 2;
    ms = atof(argv[1]);
    rate = iterations_per_us();
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.schedule = FASTPAR_SCHEDULE_GRAIN;
    options.grain = 1;
    check(fastpar_pool_start(NULL, &error));
    printf("{\"threads\": %u, \"cpus\": %u, \"loops\": [", fastpar_pool_threads(), fastpar_cpus());
    for (int i = 0; i < CELLS; i++) {
        uint64_t count = 0, alone = 0, before;
        double serial, parallel;
        body what;
        memset(&what, 0, sizeof what);
        what.iterations = (uint64_t)(cells[i].work_us * rate / cells[i].chunks);
        what.wait.tv_nsec = cells[i].wait_us * 1000;
        options.max_lanes = 1;
        serial = loops(&options, cells[i].chunks, &what, ms / 4, &alone);
        options.max_lanes = 0;
        before = helpers();
        parallel = loops(&options, cells[i].chunks, &what, ms, &count);
        printf("%s{\"name\": \"%s\", \"one_thread_us\": %.1f, \"us\": %.1f, \"calls\": %llu, \"helpers\": %.2f}",
               i > 0 ? ", " : "", cells[i].name, serial, parallel, (unsigned long long)count,
               (double)(helpers() - before) / (double)count);
    }
    printf("]}\n");
    return 0;
}
