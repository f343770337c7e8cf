/* What events cost the thread that has them: its CPU time, where no trace runs, and where one does.

   cost TRACE ROUNDS     writes the trace, and prints nanoseconds: the least and the middle of all rounds

   Everything is done on one thread. A round has so few events that the trace's thread is not woken for them,
   and the next one begins when they are in the file: so none is lost, as the trace tells. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fastpar.h"

enum { SPANS = 200, LOOPS = 5, FEW = 10, MANY = 50, CALLS = 50, CLOCKS = 1000 };

static fastpar_error error;

static void check(fastpar_status status) {
    if (status == FASTPAR_OK) return;
    fprintf(stderr, "%s\n", error.message);
    exit(1);
}

static int32_t nothing(void *user_data, const fastpar_chunk *chunk) {
    (void)user_data;
    (void)chunk;
    return 0;
}

static fastpar_loop_options options = {
    .struct_size = sizeof options, .schedule = FASTPAR_SCHEDULE_GRAIN, .grain = 1, .max_lanes = 1};

static void loop(size_t chunks, const char *name) {
    options.name = name;
    check(fastpar_for(&options, chunks, nothing, NULL, &error));
}

static void clocks(void) {
    struct timespec now;
    for (int i = 0; i < CLOCKS; i++) clock_gettime(CLOCK_MONOTONIC, &now);
}

static void spans(void) {
    for (int i = 0; i < SPANS; i++) {
        fastpar_trace_begin("span");
        fastpar_trace_end();
    }
}

static void few_chunks(void) {
    for (int i = 0; i < LOOPS; i++) loop(FEW, NULL);
}
static void many_chunks(void) {
    for (int i = 0; i < LOOPS; i++) loop(MANY, NULL);
}
static void calls(void) {
    for (int i = 0; i < CALLS; i++) loop(1, NULL);
}
static void named_calls(void) {
    for (int i = 0; i < CALLS; i++) loop(1, "a call with a name");
}

enum { CLOCK, SPAN, FEW_CHUNKS, MANY_CHUNKS, CALL, NAMED, KINDS };
static void (*const work[KINDS])(void) = {clocks, spans, few_chunks, many_chunks, calls, named_calls};

static double cpu_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Waits until the events so far are in the trace, of which the end is read. */
static void wait_for_file(const char *trace, int round) {
    char name[40], end[4097];
    snprintf(name, sizeof name, "round %d", round);
    fastpar_trace_begin(name);
    fastpar_trace_end();
    snprintf(name, sizeof name, "\"round %d\"", round);
    do {
        struct timespec moment = {.tv_nsec = 1000000};
        nanosleep(&moment, NULL);
        FILE *file = fopen(trace, "rb");
        if (file == NULL) exit(1);
        if (fseek(file, -4096, SEEK_END) != 0) rewind(file);
        end[fread(end, 1, sizeof end - 1, file)] = 0;
        fclose(file);
    } while (strstr(end, name) == NULL);
}

/* The least and the middle time of each kind of work. */
static void measure(int rounds, const char *trace, double least[KINDS], double middle[KINDS]) {
    double *took = calloc((size_t)rounds * KINDS, sizeof *took);
    if (took == NULL) exit(1);
    if (trace != NULL) check(fastpar_trace_start(NULL, trace, &error));
    for (int kind = 0; kind < KINDS; kind++) work[kind](); /* what is made once */
    for (int round = 0; round < rounds; round++) {
        spans(); /* the thread has slept: its caches are cold */
        few_chunks();
        for (int kind = 0; kind < KINDS; kind++) {
            double begin = cpu_time();
            work[kind]();
            took[kind * rounds + round] = cpu_time() - begin;
        }
        if (trace != NULL) wait_for_file(trace, round);
    }
    if (trace != NULL) check(fastpar_trace_stop(&error));
    for (int kind = 0; kind < KINDS; kind++) {
        double *all = took + kind * rounds;
        qsort(all, (size_t)rounds, sizeof *all, by_size);
        least[kind] = all[0];
        middle[kind] = all[rounds / 2];
    }
    free(took);
}

static void print(const char *name, const double times[KINDS]) {
    const double span = times[SPAN] / (2 * SPANS), chunk = (times[MANY_CHUNKS] - times[FEW_CHUNKS]) / (LOOPS * (MANY - FEW));
    printf("\"%s\":{\"clock\":%.1f,\"span\":%.1f,\"chunk\":%.1f,\"call\":%.0f,\"named\":%.0f}", name, times[CLOCK] / CLOCKS,
           span, chunk, times[CALL] / CALLS, times[NAMED] / CALLS);
}

int main(int argc, char **argv) {
    int rounds = argc == 3 ? atoi(argv[2]) : 0;
    double least[KINDS], middle[KINDS];
    if (rounds <= 0) return 2;
    check(fastpar_pool_start(NULL, &error));
    measure(rounds, NULL, least, middle);
    printf("{");
    print("off_least", least);
    printf(",");
    print("off_middle", middle);
    measure(rounds, argv[1], least, middle);
    printf(",");
    print("on_least", least);
    printf(",");
    print("on_middle", middle);
    printf("}\n");
    return 0;
}
