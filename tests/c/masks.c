/* Affinities that are set from outside while the pool works. */
#include "os_threads.h"
#include "check.h"

#include <fastpar.h>

#ifdef __linux__
#include <dirent.h>
#include <stdlib.h>

static int32_t empty_chunk(void *user_data, const fastpar_chunk *chunk)
{
  (void)user_data, (void)chunk;
  return 0;
}

/* Gives every thread of the process this mask, as `taskset -ap` does; how many threads there are. */
static int mask_all(const cpu_set_t *mask)
{
  int threads = 0;
  DIR *folder = opendir("/proc/self/task");
  struct dirent *entry;
  while (folder && (entry = readdir(folder)) != NULL) {
    pid_t thread = (pid_t)atoi(entry->d_name);
    if (thread > 0 && sched_setaffinity(thread, sizeof *mask, mask) == 0) threads++;
  }
  if (folder) closedir(folder);
  return threads;
}

static int masked_otherwise(const cpu_set_t *mask)
{
  int others = 0;
  DIR *folder = opendir("/proc/self/task");
  struct dirent *entry;
  while (folder && (entry = readdir(folder)) != NULL) {
    cpu_set_t have;
    pid_t thread = (pid_t)atoi(entry->d_name);
    if (thread > 0 && sched_getaffinity(thread, sizeof have, &have) == 0) others += !CPU_EQUAL(&have, mask);
  }
  if (folder) closedir(folder);
  return others;
}

static int32_t stop_calling;

static void call_all_the_time(void *argument)
{
  (void)argument;
  while (!os_load(&stop_calling)) CHECK_EQUAL(fastpar_for(NULL, 24, empty_chunk, NULL, NULL), FASTPAR_OK);
}

static void masks_that_are_set_from_outside_stay(void)
{
  cpu_set_t all, one;
  os_thread callers[3];
  int lost = 0;
  sched_getaffinity(0, sizeof all, &all);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++) {
    if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &one);
  }
  CHECK_EQUAL(fastpar_pool_start(NULL, NULL), FASTPAR_OK);
  os_store(&stop_calling, 0);
  for (int i = 0; i < 3; i++) os_start(&callers[i], call_all_the_time, NULL);
  for (int round = 0; round < 300; round++) {
    const cpu_set_t *mask = round % 2 ? &all : &one;
    CHECK(mask_all(mask) > 24);
    sched_yield();
    lost += masked_otherwise(mask);
  }
  os_store(&stop_calling, 1);
  for (int i = 0; i < 3; i++) os_join(&callers[i]);
  CHECK_EQUAL(lost, 0);
  mask_all(&all);
}

#endif

int main(void)
{
#ifdef __linux__
  RUN(masks_that_are_set_from_outside_stay);
#endif
  return FINISH();
}
