/* The n-th allocation fails, once or with all that follow, for every n, in a call of every group: on a
 * running pool, on one that the call has to start, and in the first call of the process. The call succeeds
 * or says why not; the process, the pool and the next call are as before, and nothing is lost. */
#define _GNU_SOURCE
#include "failing_malloc.h"
#include "calls.h"
#include "check.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { MOST = 4000, QUIET = 3, CRASHES = 5, KEPT = 40, PASSES = 8, CROWD = 6, CROWDED_MOST = 40 };

typedef enum way { WARM, COLD, FIRST } way;

/* What a child tells its parent, who cannot ask it after a crash. */
typedef struct shared {
  atomic_long n;        /* the trial under way */
  atomic_long failures; /* allocations that failed, in all */
  atomic_int bad;       /* results that may not be */
  atomic_int done;
} shared;

static shared *told;
static calls_room room;
static const calls_entry *entry;
static way in_way;
static int for_ever;
static long most = MOST;

static void complain(long n, const char *what, fastpar_status status)
{
  if (atomic_fetch_add(&told->bad, 1) < CRASHES) {
    printf("%s: allocation %ld: %s (%s)\n", entry->name, n, what, fastpar_status_name(status));
    fflush(stdout);
  }
}

/* One trial; how many allocations failed. */
static long attempt(long n)
{
  fastpar_status status;
  long failed;
  alarm(300);
  atomic_store(&told->n, n);
  if (in_way == COLD) fastpar_pool_shutdown(NULL);
  failing_begin(n, for_ever);
  status = entry->run(&room);
  failed = failing_end();
  atomic_fetch_add(&told->failures, failed);
  /* Threads that cannot be started for lack of memory. */
  if (status && status != FASTPAR_ERR_OUT_OF_MEMORY && status != FASTPAR_ERR_THREADS) complain(n, "is told as", status);
  if (status && failed == 0) complain(n, "nothing failed, but", status);
  status = entry->run(&room);
  if (status) complain(n, "and the next call", status);
  return failed;
}

/* Every n from `first` on, in this process, until the call needs no more. What is lost is lost again in
   every pass. Caches grow where more lanes met than before, but not beyond their bounds: PASSES times KEPT
   blocks. */
static void attempt_all(long first)
{
  long more = 0;
  for (int i = 0; i < 10; i++) entry->run(&room);
  for (int pass = 0; pass < PASSES; pass++) {
    long blocks;
    int quiet = 0;
    fastpar_pool_shutdown(NULL); /* what is on its way to a worker has arrived then */
    blocks = atomic_load(&failing_blocks);
    if (in_way == WARM) entry->run(&room);
    for (long n = first; n <= most && quiet < QUIET; n++) quiet = attempt(n) == 0 ? quiet + 1 : 0;
    if (quiet < QUIET && most == MOST) complain(MOST, "it never came to an end", 0);
    fastpar_pool_shutdown(NULL);
    more = atomic_load(&failing_blocks) - blocks;
    if (more <= KEPT) return;
  }
  complain(more, "blocks more than before", 0);
}

static void in_child(long first)
{
  failing_prepare();
  if (in_way == FIRST) {
    atomic_store(&told->done, attempt(first) == 0);
  } else {
    calls_prepare();
    attempt_all(first);
    atomic_store(&told->done, 1);
  }
  fflush(stdout);
  _exit(0);
}

/* A child for all trials, and one more after each crash; for first calls a child for each. */
static void trials(void)
{
  int crashes = 0, quiet = 0;
  atomic_store(&told->n, 0);
  atomic_store(&told->failures, 0);
  atomic_store(&told->bad, 0);
  for (long first = 1; first <= MOST && crashes < CRASHES; first = atomic_load(&told->n) + 1) {
    int status = 0;
    pid_t child;
    atomic_store(&told->done, 0);
    fflush(stdout);
    child = fork();
    if (child == 0) in_child(first);
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      crashes++;
      printf("%s: allocation %ld: ended by %s %d\n", entry->name, atomic_load(&told->n),
             WIFSIGNALED(status) ? "signal" : "exit code", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    } else if (atomic_load(&told->done)) {
      if (in_way != FIRST || ++quiet == QUIET) break;
    } else {
      quiet = 0;
    }
  }
  CHECK_EQUAL(crashes, 0);
  CHECK_EQUAL(atomic_load(&told->bad), 0);
  /* A loop on a running pool is all that needs no memory. */
  CHECK(atomic_load(&told->failures) > 0 || (in_way == WARM && (entry->run == call_loop || entry->run == call_nested)));
  printf("  %ld allocations, %ld failures\n", atomic_load(&told->n), atomic_load(&told->failures));
}

/* While others want the processors helpers come late: what they still hold of a call that failed is no
   reason to refuse the next. */
static void crowded_trials(void)
{
  pid_t crowd[CROWD];
  fflush(stdout);
  for (int i = 0; i < CROWD; i++) {
    crowd[i] = fork();
    if (crowd[i] == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (volatile long turn = 0;; turn++) {}
    }
  }
  most = CROWDED_MOST;
  trials();
  most = MOST;
  for (int i = 0; i < CROWD; i++) {
    if (crowd[i] < 0) continue;
    kill(crowd[i], SIGKILL);
    waitpid(crowd[i], NULL, 0);
  }
}

/* In a child: here the library has not been called yet. */
static void make_files(void)
{
  int status = -1;
  pid_t child = fork();
  if (child == 0) {
    calls_prepare();
    calls_make_files(&room);
    _exit(0);
  }
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) calls_wrong(__LINE__, "files can be made");
}

int main(int argc, char **argv)
{
  static const char *const WAYS[] = {"on a running pool", "on a new pool", "first in the process"};
  told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (told == MAP_FAILED) return 1;
  setenv("FASTPAR_THREADS", "3", 1);
  calls_prepare_text();
  calls_make_room(&room, 0);
  make_files();
  for (in_way = WARM; in_way <= FIRST; in_way++) {
    for (int i = 0; i < CALLS_KINDS; i++) {
      entry = &CALLS[i];
      if (argc > 1 && strcmp(argv[1], entry->name) != 0) continue;
      for (for_ever = 0; for_ever < 2; for_ever++) {
        char name[128];
        /* A process for each trial takes its time: what all first calls have in common is in these. */
        if (in_way == FIRST && strcmp(entry->name, "loop") != 0 && strcmp(entry->name, "writer") != 0) continue;
        snprintf(name, sizeof name, "%s, %s, %s", entry->name, WAYS[in_way], for_ever ? "all from the n-th" : "the n-th");
        RUN_AS(name, trials);
      }
    }
  }
  if (argc == 1) {
    in_way = WARM;
    for_ever = 1;
    for (entry = CALLS; entry->run != call_files;) entry++;
    RUN_AS("files, on a running pool, all from the n-th, among busy processes", crowded_trials);
  }
  calls_remove_files(&room);
  return FINISH();
}
