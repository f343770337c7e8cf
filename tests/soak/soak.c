/* Mixed work for a long time: `soak SECONDS [SEED]`. Threads make calls of every kind, at random, some of them cancelled at random moments;
 * meanwhile the pool is shut down, and the process forks. Results are verified; in the end memory, threads and files are as they
 * were. `soak 0` makes each call once, and is for tools that watch a short program. */
#define _GNU_SOURCE
#include "calls.h"
#include "check.h"

#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

enum { THREADS = 3, MEGABYTES = 24 };

typedef struct worker {
  pthread_t thread;
  calls_room room;
  uint64_t state;
  int32_t flag;
} worker;

static worker workers[THREADS];
static atomic_int over;
static atomic_long done[CALLS_KINDS], cancelled;
static long seconds;
static uint64_t seed = 1;

static uint64_t next(uint64_t *state)
{
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static void *work(void *argument)
{
  worker *self = argument;
  while (!atomic_load(&over)) {
    uint64_t choice = next(&self->state);
    size_t kind = choice % CALLS_KINDS;
    fastpar_status status;
    self->flag = 0;
    self->room.cancel = choice >> 32 & 3 ? NULL : &self->flag;
    status = CALLS[kind].run(&self->room);
    if (status == FASTPAR_ERR_CANCELLED && self->room.cancel) atomic_fetch_add(&cancelled, 1);
    else CHECK_EQUAL(status, FASTPAR_OK);
    atomic_fetch_add(&done[kind], 1);
  }
  return NULL;
}

static long resident_megabytes(void)
{
  long pages = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file && fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
  if (file) fclose(file);
  return resident * sysconf(_SC_PAGESIZE) >> 20;
}

static long all_done(void)
{
  long sum = 0;
  for (int i = 0; i < CALLS_KINDS; i++) sum += atomic_load(&done[i]);
  return sum;
}

static void fork_and_call(uint64_t choice)
{
  static calls_room room;
  int status = -1;
  pid_t child = fork();
  if (child == 0) {
    int wrong = 0;
    alarm(100);
    calls_make_room(&room, 9);
    for (int i = 0; i < 4; i++) {
      const calls_entry *entry = &CALLS[(choice >> 8 * i) % CALLS_KINDS];
      if (entry->run != call_files) wrong |= entry->run(&room);
    }
    _exit(wrong);
  }
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHECK_EQUAL(status, 0);
}

static void everything_for_a_while(void)
{
  uint64_t state = seed * 0x9e3779b97f4a7c15u;
  time_t begin = time(NULL), end = begin + seconds;
  long threads = calls_count_of("/proc/self/task"), files = calls_count_of("/proc/self/fd"), before = 0, after = 0;
  long forks = 0, shutdowns = 0;
  for (int i = 0; i < THREADS; i++) {
    calls_make_room(&workers[i].room, i);
    calls_make_files(&workers[i].room);
    workers[i].state = next(&state);
    CHECK_EQUAL(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
  }
  while (time(NULL) < end) {
    struct timespec moment = {0, (long)(next(&state) % 5000000)};
    uint64_t choice = next(&state);
    nanosleep(&moment, NULL);
    fastpar_cancel(&workers[choice % THREADS].flag);
    if (choice >> 8 & 7) continue;
    if (choice >> 16 & 1) {
      fork_and_call(next(&state));
      forks++;
    } else {
      CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
      shutdowns++;
    }
    /* What is kept for later is kept by then. */
    if (before == 0 && time(NULL) >= begin + seconds / 4) before = resident_megabytes();
    after = resident_megabytes();
  }
  atomic_store(&over, 1);
  for (int i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_join(workers[i].thread, NULL), 0);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  for (int i = 0; i < THREADS; i++) calls_remove_files(&workers[i].room);
  printf("  %ld calls, %ld cancelled, %ld shutdowns, %ld forks; %ld MB, before %ld MB\n", all_done(),
         atomic_load(&cancelled), shutdowns, forks, after, before);
  for (int i = 0; i < CALLS_KINDS; i++) CHECK(atomic_load(&done[i]) > 0);
  CHECK(atomic_load(&cancelled) > 0 && forks > 0 && shutdowns > 0);
  CHECK(after <= before + MEGABYTES);
  CHECK_EQUAL(calls_threads(threads), threads);
  CHECK_EQUAL(calls_count_of("/proc/self/fd"), files);
}

static void everything_once(void)
{
  calls_room *room = &workers[0].room;
  calls_make_room(room, 0);
  calls_make_files(room);
  for (int i = 0; i < CALLS_KINDS; i++) CHECK_EQUAL(CALLS[i].run(room), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  calls_remove_files(room);
}

int main(int argc, char **argv)
{
  if (argc < 2) {
    fprintf(stderr, "usage: %s SECONDS [SEED]\n", argv[0]);
    return 2;
  }
  seconds = strtol(argv[1], NULL, 10);
  if (argc > 2) seed = strtoull(argv[2], NULL, 10) | 1;
  calls_prepare();
  if (seconds > 0) RUN(everything_for_a_while);
  else RUN(everything_once);
  return FINISH();
}
