/* Threads that cannot be started, all or some of them: the call says so, none is left behind, and the next one works. */
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

static void every_number_of_threads_fails_in_order(void)
{
  fastpar_error error;
  fastpar_pool_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.threads = 24;
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  for (int some = 0; some < 24; some++) {
    char text[64];
    allow(some);
    CHECK_EQUAL(fastpar_pool_start(&options, &error), FASTPAR_ERR_THREADS);
    snprintf(text, sizeof text, "only %d of 24", some);
    CHECK(strstr(error.message, text) != NULL);
    CHECK_EQUAL(fastpar_for(NULL, 1000, calls_mark, room.marks, &error), FASTPAR_ERR_THREADS);
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
  CHECK_EQUAL(fastpar_for(NULL, 1000, calls_mark, room.marks, &error), FASTPAR_ERR_THREADS);
  CHECK(strstr(error.message, "of 24 threads could be started") != NULL);
  CHECK_EQUAL(threads_now(), 1);
  limit(RLIMIT_NPROC, RLIM_INFINITY);
  for (int i = 0; i < CALLS_KINDS; i++) {
    if (CALLS[i].run != call_files) CHECK_EQUAL(CALLS[i].run(&room), FASTPAR_OK);
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

/* Less and less address space, until nothing works: every call succeeds or says why not. */
static void with_less_and_less_memory(void)
{
  int worked = 0, failed = 0;
  for (rlim_t megabytes = 400; megabytes > 0; megabytes -= 5) {
    limit(RLIMIT_AS, megabytes << 20);
    for (int i = 0; i < CALLS_KINDS; i++) {
      fastpar_status status = CALLS[i].run(&room);
      CHECK(status == FASTPAR_OK || status == FASTPAR_ERR_THREADS || status == FASTPAR_ERR_OUT_OF_MEMORY);
      if (status) failed++;
      else worked++;
    }
    CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  }
  CHECK(worked > 0 && failed > 0);
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
  RUN(a_user_with_few_processes);
  RUN(stacks_that_are_too_large);
  RUN(less_and_less_memory);
  calls_remove_files(&room);
  return FINISH();
}
