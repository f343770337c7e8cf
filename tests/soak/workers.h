/* Threads that make calls of every kind at random, some of them cancelled at random moments: in C, and in
 * C++ (workers.cpp). Results are verified. For one file of a program, which shuts the pool down and forks
 * meanwhile. */
#ifndef WORKERS_H
#define WORKERS_H

#include "calls.h"
#include "check.h"

#include <pthread.h>

/* The last one is that of C++. */
enum { WORKERS = 4, WORKER_CPP = WORKERS - 1 };

typedef struct worker {
  pthread_t thread;
  calls_room room;
  uint64_t state;
  int32_t *flag;
} worker;

static worker workers[WORKERS];
static pthread_t workers_canceller;
static uint64_t workers_cancels;
static int32_t workers_flags[WORKERS];
static atomic_int workers_over;
static atomic_long workers_done[CALLS_KINDS], workers_done_cpp, workers_cancelled;

/* One call, of a kind that `choice` tells: FASTPAR_OK, the status of what failed, FASTPAR_ERR_INTERNAL if
   a result was wrong. */
int32_t soak_cpp_call(uint64_t choice);
/* The flag that cancels it. */
int32_t *soak_cpp_flag(void);

static uint64_t workers_next(uint64_t *state)
{
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

/* In one of four calls the flag is looked at. */
static fastpar_status workers_call(worker *self, uint64_t choice)
{
  size_t kind = choice % CALLS_KINDS;
  if (self == &workers[WORKER_CPP]) {
    atomic_fetch_add(&workers_done_cpp, 1);
    return soak_cpp_call(choice);
  }
  *self->flag = 0;
  self->room.cancel = choice >> 32 & 3 ? NULL : self->flag;
  atomic_fetch_add(&workers_done[kind], 1);
  return CALLS[kind].run(&self->room);
}

static void *workers_work(void *argument)
{
  worker *self = argument;
  while (!atomic_load(&workers_over)) {
    uint64_t choice = workers_next(&self->state);
    fastpar_status status = workers_call(self, choice);
    if (status == FASTPAR_ERR_CANCELLED && !(choice >> 32 & 3)) atomic_fetch_add(&workers_cancelled, 1);
    else CHECK_EQUAL(status, FASTPAR_OK);
  }
  return NULL;
}

/* Cancels somebody's call every few milliseconds. */
static void *workers_cancel(void *argument)
{
  (void)argument;
  while (!atomic_load(&workers_over)) {
    uint64_t choice = workers_next(&workers_cancels);
    struct timespec moment = {0, (long)(choice >> 8 & 4194303)};
    nanosleep(&moment, NULL);
    fastpar_cancel(workers[choice % WORKERS].flag);
  }
  return NULL;
}

static void workers_begin(uint64_t *state)
{
  for (int i = 0; i < WORKERS; i++) {
    calls_make_room(&workers[i].room, i);
    calls_make_files(&workers[i].room);
    workers[i].state = workers_next(state);
    workers[i].flag = i == WORKER_CPP ? soak_cpp_flag() : &workers_flags[i];
    CHECK_EQUAL(pthread_create(&workers[i].thread, NULL, workers_work, &workers[i]), 0);
  }
  workers_cancels = workers_next(state);
  CHECK_EQUAL(pthread_create(&workers_canceller, NULL, workers_cancel, NULL), 0);
}

/* Files in the working folder that calls of this process have left there half written. */
static int workers_leftovers(void)
{
  char prefix[40];
  int count = 0;
  DIR *entries = opendir(".");
  snprintf(prefix, sizeof prefix, ".fastpar-%d-", (int)getpid());
  for (struct dirent *entry; entries && (entry = readdir(entries));) count += !strncmp(entry->d_name, prefix, strlen(prefix));
  if (entries) closedir(entries);
  return count;
}

/* Waits for them, and prints what they did. */
static void workers_end(void)
{
  long sum = 0;
  atomic_store(&workers_over, 1);
  CHECK_EQUAL(pthread_join(workers_canceller, NULL), 0);
  for (int i = 0; i < WORKERS; i++) {
    CHECK_EQUAL(pthread_join(workers[i].thread, NULL), 0);
    calls_remove_files(&workers[i].room);
  }
  for (int i = 0; i < CALLS_KINDS; i++) {
    sum += atomic_load(&workers_done[i]);
    CHECK(atomic_load(&workers_done[i]) > 0);
  }
  CHECK_EQUAL(workers_leftovers(), 0);
  CHECK(atomic_load(&workers_done_cpp) > 0 && atomic_load(&workers_cancelled) > 0);
  printf("  %ld calls in C, %ld in C++, %ld cancelled\n", sum, atomic_load(&workers_done_cpp),
         atomic_load(&workers_cancelled));
  fflush(stdout);
}

#endif
