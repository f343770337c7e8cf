/* Mixed work for a long time: `soak SECONDS [SEED]`. The threads of workers.h, in C and C++; meanwhile the
 * pool is shut down, and the process forks. In the end memory, threads and files are as they were. `soak
 * 0` makes each call once, and is for tools that watch a short program. */
#define _GNU_SOURCE
#include "workers.h"

#include <sys/wait.h>

enum {
  MEGABYTES = 24,
  LEAST = 24,  /* shutdowns and forks: a slow machine takes more time for them */
  PATIENCE = 4 /* times the seconds that were asked for */
};

static long seconds;
static uint64_t seed = 1;

static long resident_megabytes(void)
{
  long pages = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file && fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
  if (file) fclose(file);
  return resident * sysconf(_SC_PAGESIZE) >> 20;
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
      if (!calls_has_files(entry)) wrong |= entry->run(&room);
    }
    _exit(wrong);
  }
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHECK_EQUAL(status, 0);
}

/* How much of the work is done, in quarters: by time, and by shutdowns and forks. */
static long quarter_of(time_t begin, long shutdowns, long forks)
{
  long least = (long)(time(NULL) - begin) * 4 / seconds;
  if (shutdowns * 4 / LEAST < least) least = shutdowns * 4 / LEAST;
  if (forks * 4 / LEAST < least) least = forks * 4 / LEAST;
  return least;
}

static void everything_for_a_while(void)
{
  uint64_t state = seed * 0x9e3779b97f4a7c15u;
  time_t begin = time(NULL), end = begin + seconds * PATIENCE;
  long threads = calls_count_of("/proc/self/task"), files = calls_count_of("/proc/self/fd"), before = 0, after = 0;
  long forks = 0, shutdowns = 0, forks_before = 0, shutdowns_before = 0;
  workers_begin(&state);
  while (time(NULL) < end) {
    struct timespec moment = {0, (long)(workers_next(&state) % 5000000)};
    uint64_t choice = workers_next(&state);
    nanosleep(&moment, NULL);
    if (choice >> 8 & 7) continue;
    if (choice >> 16 & 1) {
      fork_and_call(workers_next(&state));
      forks++;
    } else {
      CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
      shutdowns++;
    }
    /* The work under way comes and goes by some ten megabytes: what stays is the least that there is in the
       second quarter, and in the last. */
    long now = resident_megabytes();
    long quarter = quarter_of(begin, shutdowns - shutdowns_before, forks - forks_before);
    if (quarter == 1 && (before == 0 || now < before)) before = now;
    if (quarter == 3 && (after == 0 || now < after)) after = now;
    if (quarter < 4) continue;
    if (after <= before + MEGABYTES) break;
    /* What is kept for later is bounded, and may not be complete yet: once more. What is lost is lost
       again. */
    printf("  %ld MB after %ld MB, once more\n", after, before);
    begin = time(NULL);
    forks_before = forks;
    shutdowns_before = shutdowns;
    before = after = 0;
  }
  workers_end();
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  printf("  %ld shutdowns, %ld forks; %ld MB, before %ld MB\n", shutdowns, forks, after, before);
  CHECK(forks >= LEAST && shutdowns >= LEAST && before > 0 && after > 0);
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
  for (uint64_t i = 0; i < 16; i++) CHECK_EQUAL(soak_cpp_call(i | (uint64_t)1 << 32), FASTPAR_OK);
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
