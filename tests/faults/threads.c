/* Threads that cannot be started, all or some of them: calls work with fewer, those that cannot say so,
   and the next call has them when there are more. */
#define _GNU_SOURCE
#include "calls.h"
#include "check.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>

static calls_room room;

/* ---- pthread_create of this program takes the place of the C library's ---- */

typedef int (*create_fn)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

static atomic_int created, allowed = 1 << 30;

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
  static create_fn real;
  if (!real) *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
  if (atomic_fetch_add(&created, 1) >= atomic_load(&allowed)) return EAGAIN;
  return real(thread, attributes, start, argument);
}

static void allow(int threads)
{
  atomic_store(&created, 0);
  atomic_store(&allowed, threads);
}

static int threads_now(void)
{
  DIR *tasks = opendir("/proc/self/task");
  int count = -2; /* . and .. */
  if (!tasks) return -1;
  while (readdir(tasks)) count++;
  closedir(tasks);
  return count;
}

static uint32_t pool_threads_now(void)
{
  fastpar_pool_stats stats;
  memset(&stats, 0, sizeof stats);
  stats.struct_size = sizeof stats;
  CHECK_EQUAL(fastpar_pool_stats_read(&stats, NULL), FASTPAR_OK);
  return stats.threads;
}

static fastpar_pool_options of_24(uint32_t flags)
{
  fastpar_pool_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.threads = 24;
  options.flags = flags;
  return options;
}

/* A start without FASTPAR_POOL_PARTIAL has all threads or fails, and leaves none. */
static void every_number_of_threads_fails_in_order(void)
{
  fastpar_error error;
  fastpar_pool_options options = of_24(0);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  for (int some = 0; some < 24; some++) {
    char text[64];
    allow(some);
    CHECK_EQUAL(fastpar_pool_start(&options, &error), FASTPAR_ERR_THREADS);
    snprintf(text, sizeof text, "only %d of 24", some);
    CHECK(strstr(error.message, text) != NULL);
    CHECK_EQUAL(pool_threads_now(), 0);
    CHECK_EQUAL(threads_now(), 1);
  }
  allow(24); /* and none for the idle-CPU monitor: loops do without */
  CHECK_EQUAL(fastpar_pool_start(&options, &error), FASTPAR_OK);
  CHECK_EQUAL(pool_threads_now(), 24);
  for (int i = 0; i < CALLS_KINDS; i++) CHECK_EQUAL(CALLS[i].run(&room), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  CHECK_EQUAL(threads_now(), 1);
  allow(1 << 30);
}

static int32_t lanes_of(void *user_data, const fastpar_chunk *chunk)
{
  atomic_store((atomic_int *)user_data, (int)chunk->lanes);
  return 0;
}

static int32_t meets(void *user_data, fastpar_team *team, uint32_t member, uint32_t members)
{
  (void)user_data;
  (void)member;
  (void)members;
  return fastpar_team_barrier(team, NULL);
}

static void hook_counts(void *user_data, uint32_t worker)
{
  atomic_int *counts = user_data;
  atomic_fetch_add(&counts[worker], 1);
}

static atomic_int hooked[25][24];

/* A pool that lacks threads: loops, the codec, jobs and teams with those that there are. */
static void works_with(int some)
{
  fastpar_plan plan;
  fastpar_error error;
  fastpar_pool_options strict = of_24(0), partial = of_24(FASTPAR_POOL_PARTIAL);
  atomic_int lanes = 0;
  int other_way = some % 2;
  memset(&plan, 0, sizeof plan);
  plan.struct_size = sizeof plan;
  allow(some);
  if (other_way) CHECK_EQUAL(fastpar_pool_start(&partial, NULL), FASTPAR_OK); /* the others: by the first call */
  CHECK_EQUAL(fastpar_for(NULL, 1000, lanes_of, &lanes, &error), FASTPAR_OK);
  CHECK_EQUAL(pool_threads_now(), some);
  /* What a loop looks like does not depend on luck. */
  CHECK(lanes == 24 && fastpar_pool_threads() == 24);
  CHECK_EQUAL(fastpar_plan_make(NULL, 1000, &plan, NULL), FASTPAR_OK);
  CHECK_EQUAL(plan.lanes, 24);
  for (int i = 0; i < CALLS_KINDS; i++) {
    fastpar_status status = CALLS[i].run(&room);
    CHECK(status == FASTPAR_OK || (status == FASTPAR_ERR_THREADS && some == 0)); /* jobs and teams need a worker */
  }
  CHECK_EQUAL(fastpar_for_start(NULL, 100, lanes_of, &lanes, &(fastpar_job *){NULL}, NULL),
              some ? FASTPAR_OK : FASTPAR_ERR_THREADS);
  CHECK_EQUAL(fastpar_team_run((uint32_t)some + 1, meets, NULL, NULL), FASTPAR_OK);
  if (some < 23) {
    CHECK_EQUAL(fastpar_team_run((uint32_t)some + 2, meets, NULL, &error), FASTPAR_ERR_THREADS);
    CHECK(strstr(error.message, "of 24 threads could be started") != NULL);
  }
  /* A hook has run on each worker, once. */
  CHECK_EQUAL(fastpar_pool_hook(hook_counts, NULL, hooked[some], NULL), FASTPAR_OK);
  for (int worker = 0; worker < 24; worker++) CHECK_EQUAL(hooked[some][worker], worker < some);
  /* Who wants all threads is told, and those that there are stay. */
  CHECK_EQUAL(fastpar_pool_start(&strict, &error), FASTPAR_ERR_THREADS);
  CHECK_EQUAL(fastpar_pool_start(&partial, &error), FASTPAR_OK);
  CHECK_EQUAL(pool_threads_now(), some);
  /* When there are more, the next call has them, or who asks for all. */
  allow(1 << 30);
  if (other_way) CHECK_EQUAL(fastpar_pool_start(&strict, &error), FASTPAR_OK);
  else CHECK_EQUAL(fastpar_for(NULL, 1000, calls_mark, room.marks, &error), FASTPAR_OK);
  CHECK_EQUAL(pool_threads_now(), 24);
  CHECK_EQUAL(fastpar_team_run(24, meets, NULL, NULL), FASTPAR_OK);
  for (int worker = 0; worker < 24; worker++) CHECK_EQUAL(hooked[some][worker], 1);
  for (int i = 0; i < CALLS_KINDS; i++) CHECK_EQUAL(CALLS[i].run(&room), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  CHECK_EQUAL(threads_now(), 1);
}

static void with_every_number_of_threads(void)
{
  for (int some = 0; some < 24; some += some < 4 ? 1 : 5) works_with(some);
}

/* What needs no threads works without. */
static void one_lane_needs_no_thread(void)
{
  fastpar_zstd_options options = calls_options(&room);
  size_t len = 0;
  options.max_lanes = 1;
  allow(0);
  CHECK_EQUAL(fastpar_decompress(&options, calls_packed, calls_packed_len, room.unpacked, CALLS_SIZE, &len, NULL), FASTPAR_OK);
  CHECK(calls_is_text(room.unpacked, len));
  CHECK_EQUAL(atomic_load(&created), 0);
  allow(1 << 30);
}

/* ---- limits of the system ---- */

/* Runs `body` in a child, whose failed checks are its exit code. */
static void in_child(void (*body)(void))
{
  int status = -1;
  pid_t child;
  fflush(stdout);
  child = fork();
  if (child == 0) {
    check_failures = 0;
    alarm(120);
    body();
    fflush(stdout);
    _exit(check_failures > 100 ? 100 : check_failures);
  }
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHECK_EQUAL(status, 0);
}

static void limit(int what, rlim_t soft)
{
  struct rlimit limits;
  CHECK_EQUAL(getrlimit((__rlimit_resource_t)what, &limits), 0);
  limits.rlim_cur = soft < limits.rlim_max ? soft : limits.rlim_max;
  CHECK_EQUAL(setrlimit((__rlimit_resource_t)what, &limits), 0);
}

/* Root is not held to the limit on processes. */
static void as_a_user_with_few_processes(void)
{
  fastpar_error error;
  if (getuid() == 0) {
    CHECK_EQUAL(setgroups(0, NULL), 0);
    CHECK_EQUAL(setgid(54321), 0);
    CHECK_EQUAL(setuid(54321), 0);
  }
  limit(RLIMIT_NPROC, 5);
  CHECK_EQUAL(fastpar_pool_start(NULL, &error), FASTPAR_ERR_THREADS);
  CHECK(strstr(error.message, "of 24 threads could be started") != NULL);
  CHECK_EQUAL(threads_now(), 1);
  CHECK_EQUAL(fastpar_for(NULL, 1000, calls_mark, room.marks, &error), FASTPAR_OK);
  CHECK(pool_threads_now() < 5);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  limit(RLIMIT_NPROC, RLIM_INFINITY);
  for (int i = 0; i < CALLS_KINDS; i++) {
    if (!calls_has_files(&CALLS[i])) CHECK_EQUAL(CALLS[i].run(&room), FASTPAR_OK);
  }
}

/* Stacks that the address space has no room for. */
static void with_stacks_that_are_too_large(void)
{
  fastpar_pool_options options;
  fastpar_status status;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.threads = 100;
  options.stack_size = (size_t)1 << 30;
  limit(RLIMIT_AS, (rlim_t)8 << 30);
  status = fastpar_pool_start(&options, NULL);
  CHECK(status == FASTPAR_ERR_THREADS || status == FASTPAR_ERR_OUT_OF_MEMORY);
  CHECK_EQUAL(threads_now(), 1);
  options.stack_size = 0;
  options.threads = 24;
  CHECK_EQUAL(fastpar_pool_start(&options, NULL), FASTPAR_OK);
  for (int i = 0; i < CALLS_KINDS; i++) CHECK_EQUAL(CALLS[i].run(&room), FASTPAR_OK);
}

/* Less and less address space, until there is too little for all threads: every call succeeds or says why
   not. */
static void with_less_and_less_memory(void)
{
  int worked = 0, short_of_threads = 0;
  for (rlim_t megabytes = 400; megabytes > 0; megabytes -= 5) {
    limit(RLIMIT_AS, megabytes << 20);
    for (int i = 0; i < CALLS_KINDS; i++) {
      fastpar_status status = CALLS[i].run(&room);
      CHECK(status == FASTPAR_OK || status == FASTPAR_ERR_THREADS || status == FASTPAR_ERR_OUT_OF_MEMORY);
      if (!status) worked++;
    }
    if (pool_threads_now() < 24) short_of_threads++;
    CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  }
  CHECK(worked > 0 && short_of_threads > 0);
  limit(RLIMIT_AS, RLIM_INFINITY);
  for (int i = 0; i < CALLS_KINDS; i++) CHECK_EQUAL(CALLS[i].run(&room), FASTPAR_OK);
}

static void a_user_with_few_processes(void) { in_child(as_a_user_with_few_processes); }
static void stacks_that_are_too_large(void) { in_child(with_stacks_that_are_too_large); }
static void less_and_less_memory(void) { in_child(with_less_and_less_memory); }

int main(void)
{
  calls_make_room(&room, 0);
  calls_prepare();
  calls_make_files(&room);
  RUN(one_lane_needs_no_thread);
  RUN(every_number_of_threads_fails_in_order);
  RUN(with_every_number_of_threads);
  RUN(a_user_with_few_processes);
  RUN(stacks_that_are_too_large);
  RUN(less_and_less_memory);
  calls_remove_files(&room);
  return FINISH();
}
