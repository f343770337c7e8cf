/* 10,000 calls of every kind, or fewer of the slow ones, leave everything as it was: blocks of memory,
   threads, open files. Where blocks are left the calls are made again, some times: caches for lanes that
   found no idle CPU before come to their bound, and what is lost is lost each time. */
#define _GNU_SOURCE
#define CALLS_SIZE 20000 /* for many calls in a short time */
#include "failing_malloc.h" /* counts; nothing fails */
#include "calls.h"
#include "check.h"


enum { WARM = 20, CALLS_OF_EACH = 10000, OF_SLOW_ONES = 1000, OF_LARGE_ONES = 200, KEPT = 40, ROUNDS = 6 };

static calls_room room;

static const calls_entry *entry;

/* How many blocks more there are after so many calls. */
static long blocks_after(int calls)
{
  long before = atomic_load(&failing_blocks);
  for (int i = 0; i < calls; i++) CHECK_EQUAL(entry->run(&room), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  return atomic_load(&failing_blocks) - before;
}

static void many_calls_leave_nothing(void)
{
  long blocks, threads, files;
  int calls;
  blocks_after(WARM);
  threads = calls_count_of("/proc/self/task");
  files = calls_count_of("/proc/self/fd");
  /* Making a dictionary takes milliseconds, and so do the calls on a table. */
  calls = entry->run == call_dict || entry->run == call_train || entry->run == call_table ||
          entry->run == call_archive_table ? OF_SLOW_ONES : CALLS_OF_EACH;
  if (entry->run == call_large || entry->run == call_large_file) calls = OF_LARGE_ONES;
  blocks = blocks_after(calls);
  for (int round = 1; round < ROUNDS && blocks > KEPT; round++) {
    printf("  %ld blocks more\n", blocks);
    blocks = blocks_after(calls);
  }
  CHECK(blocks <= KEPT);
  CHECK_EQUAL(calls_threads(threads), threads);
  CHECK_EQUAL(calls_count_of("/proc/self/fd"), files);
}

int main(void)
{
  failing_prepare();
  setenv("FASTPAR_THREADS", "3", 1);
  calls_prepare();
  calls_make_room(&room, 0);
  calls_make_files(&room);
  for (int i = 0; i < CALLS_KINDS; i++) {
    entry = &CALLS[i];
    RUN_AS(entry->name, many_calls_leave_nothing);
  }
  calls_remove_files(&room);
  return FINISH();
}
