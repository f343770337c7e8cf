/* Measures what the simulation of larger machines is made of, and prints one line of JSON, all in
   nanoseconds: medians. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fastpar.h"

enum { ROUNDS = 201, STEPS = 2000 };

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e9 + (double)at.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double times[ROUNDS], other_times[ROUNDS];

static double median(double *values) {
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

/* CPUs that this process may use. */
static cpu_set_t all;

/* Keeps the calling thread on the n-th of them. */
static void stay_on(int n) {
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &all) && n-- == 0) CPU_SET(cpu, &one);
    if (CPU_COUNT(&one) != 1) exit(1); /* two CPUs are needed */
    if (sched_setaffinity(0, sizeof one, &one) != 0) exit(1);
}

static _Alignas(64) _Atomic uint32_t ball;
static _Alignas(64) _Atomic uint32_t bell;
static _Alignas(64) _Atomic double heard;
static _Alignas(64) _Atomic uint64_t counter;

/* ---- a cache line that goes from one core to another and back ---- */

static void *play_back(void *argument) {
    (void)argument;
    stay_on(1);
    for (uint32_t turn = 0; turn < ROUNDS * STEPS; turn++) {
        while (atomic_load_explicit(&ball, memory_order_acquire) != 2 * turn + 1) __asm__ volatile("pause");
        atomic_store_explicit(&ball, 2 * turn + 2, memory_order_release);
    }
    return NULL;
}

static double line_transfer(void) {
    pthread_t other;
    if (pthread_create(&other, NULL, play_back, NULL) != 0) exit(1);
    uint32_t turn = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (int step = 0; step < STEPS; step++, turn++) {
            atomic_store_explicit(&ball, 2 * turn + 1, memory_order_release);
            while (atomic_load_explicit(&ball, memory_order_acquire) != 2 * turn + 2) __asm__ volatile("pause");
        }
        times[round] = (now() - start) / (2 * STEPS);
    }
    pthread_join(other, NULL);
    return median(times);
}

/* ---- an atomic addition ---- */

static _Atomic int adding;

static void *add_too(void *argument) {
    (void)argument;
    stay_on(1);
    while (atomic_load_explicit(&adding, memory_order_relaxed)) atomic_fetch_add(&counter, 1);
    return NULL;
}

static double atomic_addition(int contended) {
    pthread_t other;
    adding = contended;
    if (contended && pthread_create(&other, NULL, add_too, NULL) != 0) exit(1);
    /* It starts on this CPU and has to get away first. */
    for (uint64_t before = counter; contended && counter == before;) sched_yield();
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (int step = 0; step < STEPS; step++) atomic_fetch_add(&counter, 1);
        times[round] = (now() - start) / STEPS;
    }
    adding = 0;
    if (contended) pthread_join(other, NULL);
    return median(times);
}

/* ---- waking a sleeping thread ---- */

static void *sleeper(void *argument) {
    (void)argument;
    stay_on(1);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        while (bell == round) syscall(SYS_futex, &bell, FUTEX_WAIT_PRIVATE, round, NULL, NULL, 0);
        heard = now();
    }
    return NULL;
}

/* How long the thread that wakes is busy with it, and how long until the other one runs. */
static void wake(double *call, double *latency) {
    pthread_t other;
    if (pthread_create(&other, NULL, sleeper, NULL) != 0) exit(1);
    for (int round = 0; round < ROUNDS; round++) {
        usleep(2000); /* asleep, and its CPU idle */
        heard = 0;
        double start = now();
        bell++;
        syscall(SYS_futex, &bell, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        times[round] = now() - start;
        while (heard == 0) __asm__ volatile("pause");
        other_times[round] = heard - start;
    }
    pthread_join(other, NULL);
    *call = median(times);
    *latency = median(other_times);
}

/* ---- fastpar on one lane ---- */

static int32_t nothing(void *data, const fastpar_chunk *chunk) {
    (void)data;
    (void)chunk;
    return 0;
}

static double loop(size_t chunks, uint32_t lanes) {
    fastpar_loop_options options = {
        .struct_size = sizeof options, .schedule = FASTPAR_SCHEDULE_GRAIN, .grain = 1, .max_lanes = lanes};
    fastpar_error error;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (int call = 0; call < 20; call++)
            if (fastpar_for(&options, chunks, nothing, NULL, &error) != FASTPAR_OK) exit(1);
        times[round] = (now() - start) / 20;
    }
    return median(times);
}

/* A loop whose helpers have gone to sleep, and the same work without one: what the simulation has to come
   to as well. The kernel may put a helper on the CPU of its caller, where it helps nobody: such rounds
   only count how often that happens. */
enum { COLD_CHUNKS = 24, COLD_STEPS = 40000 };

static int callers_cpu;
static _Atomic int helpers_cpu;

static int32_t work(void *data, const fastpar_chunk *chunk) {
    (void)data;
    if (chunk->lane != 0 && helpers_cpu < 0) helpers_cpu = sched_getcpu();
    uint64_t x = 1;
    for (int step = 0; step < COLD_STEPS; step++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        __asm__ volatile("" : "+r"(x));
    }
    return 0;
}

static void cold_loop(double *serial, double *apart, double *all, double *together) {
    static double apart_times[ROUNDS];
    fastpar_error error;
    int separate = 0, same = 0;
    for (int round = 0; round < ROUNDS; round++) {
        fastpar_chunk alone = {0};
        double start = now();
        for (int chunk = 0; chunk < COLD_CHUNKS; chunk++) work(NULL, &alone);
        times[round] = now() - start;
        usleep(2000);
        helpers_cpu = -1;
        callers_cpu = sched_getcpu();
        start = now();
        if (fastpar_for(NULL, COLD_CHUNKS, work, NULL, &error) != FASTPAR_OK) exit(1);
        other_times[round] = now() - start;
        if (helpers_cpu == callers_cpu) same++;
        else if (helpers_cpu >= 0) apart_times[separate++] = other_times[round];
    }
    *serial = median(times);
    *all = median(other_times);
    qsort(apart_times, (size_t)separate, sizeof(double), by_value);
    *apart = separate > 0 ? apart_times[separate / 2] : 0;
    *together = same / (double)ROUNDS;
}

static double clock_reading(void) {
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (int step = 0; step < STEPS; step++) now();
        times[round] = (now() - start) / STEPS;
    }
    return median(times);
}

int main(void) {
    if (sched_getaffinity(0, sizeof all, &all) != 0) return 1;
    double serial, apart, cold, together;
    cold_loop(&serial, &apart, &cold, &together); /* before this thread, and whoever it starts, has to stay where it is */
    stay_on(0);
    double call, latency;
    wake(&call, &latency);
    double line = line_transfer(), own = atomic_addition(0), contended = atomic_addition(1), clock = clock_reading();
    double few = loop(2, 1), many = loop(20002, 1);
    printf("{\"line_ns\": %.1f, \"atomic_own_ns\": %.1f, \"atomic_contended_ns\": %.1f, \"wake_call_ns\": %.0f, \"wake_ns\": %.0f, "
           "\"clock_ns\": %.1f, \"call_ns\": %.1f, \"chunk_ns\": %.2f, \"cold_serial_ns\": %.0f, \"cold_apart_ns\": %.0f, \"cold_ns\": %.0f, "
           "\"cold_on_one_cpu\": %.2f}\n",
           line, own, contended, call, latency, clock, few, (many - few) / 20000, serial, apart, cold, together);
    fflush(stdout);
    _exit(0);
}
