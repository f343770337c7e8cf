/* The pool: options, environment, statistics, hooks, shutdown, workers as the system sees them, fork. */
#include "os_threads.h"
#include "check.h"
#include "grid.h"

#include <stdio.h>
#ifndef _WIN32
#include <sys/wait.h>
#include <unistd.h>
#endif

static fastpar_pool_options pool_options(uint32_t threads)
{
  fastpar_pool_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.threads = threads;
  return options;
}

static fastpar_pool_stats pool_stats(void)
{
  fastpar_pool_stats stats;
  memset(&stats, 0, sizeof stats);
  stats.struct_size = sizeof stats;
  CHECK_EQUAL(fastpar_pool_stats_read(&stats, NULL), FASTPAR_OK);
  return stats;
}

static void starts_with_24_threads(void)
{
  CHECK_EQUAL(fastpar_pool_threads(), 24);
  CHECK_EQUAL(pool_stats().threads, 0); /* asking starts nothing */
  grid_run(NULL, 1000);
  CHECK_EQUAL(pool_stats().threads, 24);
  CHECK_EQUAL(fastpar_pool_worker(), -1);
}

static void starting_again(void)
{
  fastpar_pool_options three = pool_options(3), four = pool_options(4);
  fastpar_error error;
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_start(&three, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_start(&three, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_threads(), 3);
  CHECK_EQUAL(fastpar_pool_start(&four, &error), FASTPAR_ERR_ALREADY_STARTED);
  CHECK_EQUAL(error.status, FASTPAR_ERR_ALREADY_STARTED);
  CHECK_EQUAL(fastpar_pool_threads(), 3);
  grid_run(NULL, 1000);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_start(&four, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_threads(), 4);
  grid_run(NULL, 1000);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
}

static void wrong_options_are_refused(void)
{
  fastpar_pool_options options = pool_options(1025);
  CHECK_EQUAL(fastpar_pool_start(&options, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  options = pool_options(2);
  options.flags = 4;
  CHECK_EQUAL(fastpar_pool_start(&options, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  options = pool_options(2);
  options.stack_size = 1;
  CHECK_EQUAL(fastpar_pool_start(&options, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  options = pool_options(2);
  options.thread_name = "\xff";
  CHECK_EQUAL(fastpar_pool_start(&options, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(pool_stats().threads, 0);
}

static void the_environment_decides_the_threads(void)
{
  fastpar_error error;
  os_setenv("FASTPAR_THREADS", "5");
  CHECK_EQUAL(fastpar_pool_threads(), 5);
  os_setenv("FASTPAR_THREADS", "auto");
  CHECK(fastpar_pool_threads() >= 1);
  os_setenv("FASTPAR_THREADS", "many");
  CHECK_EQUAL(fastpar_pool_threads(), 0);
  CHECK_EQUAL(fastpar_pool_start(NULL, &error), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "FASTPAR_THREADS") && strstr(error.message, "many"));
  os_setenv("FASTPAR_THREADS", "");
  CHECK_EQUAL(fastpar_pool_threads(), 24);
}

static void pinned_workers_work(void)
{
  fastpar_pool_options options = pool_options(FASTPAR_THREADS_AUTO);
  options.flags = FASTPAR_POOL_PIN;
  CHECK_EQUAL(fastpar_pool_start(&options, NULL), FASTPAR_OK);
  grid_run(NULL, 100000);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
}

/* ---- what a callback may not do, and what the statistics say ---- */

static int32_t chunk_that_shuts_down(void *user_data, const fastpar_chunk *chunk)
{
  int32_t *workers = user_data;
  (void)chunk;
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_ERR_BUSY);
  if (fastpar_pool_worker() >= 0) os_add(workers, 1);
  /* A worker comes to help, as long as there is something left to do. */
  for (int i = 0; i < 60000 && os_load(workers) == 0; i++) os_sleep_ms(1);
  return 0;
}

static void not_from_inside_a_callback(void)
{
  int32_t workers = 0;
  fastpar_pool_stats before, after;
  CHECK_EQUAL(fastpar_pool_start(NULL, NULL), FASTPAR_OK);
  before = pool_stats();
  CHECK_EQUAL(fastpar_for(NULL, 24, chunk_that_shuts_down, &workers, NULL), FASTPAR_OK);
  after = pool_stats();
  CHECK(workers > 0);
  CHECK_EQUAL(after.jobs - before.jobs, 1);
  CHECK_EQUAL(after.chunks - before.chunks, 24);
  CHECK(after.helpers > before.helpers);
}

/* Where time goes: the callbacks', on whatever thread they run. */
static int32_t chunk_that_takes_time(void *user_data, const fastpar_chunk *chunk)
{
  (void)user_data;
  (void)chunk;
  os_sleep_ms(20);
  return 0;
}

static void time_is_counted(void)
{
  fastpar_pool_stats before, after;
  CHECK_EQUAL(fastpar_pool_start(NULL, NULL), FASTPAR_OK);
  before = pool_stats();
  CHECK_EQUAL(fastpar_for(NULL, 5, chunk_that_takes_time, NULL, NULL), FASTPAR_OK);
  after = pool_stats();
  CHECK(after.callback_ns - before.callback_ns >= 5 * 15000000u); /* the system's ticks may be coarse */
  CHECK(after.late_helpers >= before.late_helpers && after.waiting_ns >= before.waiting_ns);
  CHECK_EQUAL(after.bytes_in, before.bytes_in);
}

/* A timeline: a file that was not there before, with the program's own span. */
static void a_trace_of_a_span(void)
{
  static char text[1 << 20];
  FILE *file;
  size_t len;
  remove("pool.trace");
  CHECK_EQUAL(fastpar_trace_stop(NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_trace_start(NULL, NULL, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_trace_start(NULL, "pool.trace", NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_trace_start(NULL, "pool.trace", NULL), FASTPAR_ERR_ALREADY_STARTED);
  fastpar_trace_begin("a span of C");
  grid_run(NULL, 100);
  fastpar_trace_end();
  CHECK_EQUAL(fastpar_trace_stop(NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_trace_start(NULL, "pool.trace", NULL), FASTPAR_ERR_IO);
  file = fopen("pool.trace", "rb");
  CHECK(file != NULL);
  if (!file) return;
  len = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[len] = 0;
  CHECK(text[0] == '[' && len > 3 && strcmp(text + len - 3, "\n]\n") == 0);
  CHECK(strstr(text, "\"a span of C\"") && strstr(text, "\"loop\"") && strstr(text, "\"chunk"));
  CHECK_EQUAL(remove("pool.trace"), 0);
}

/* ---- hooks: they stay for the life of the process, so this comes last ---- */

static int32_t starts[24], exits[24];

static void on_start(void *user_data, uint32_t worker)
{
  CHECK(user_data == starts && worker < 24);
  CHECK_EQUAL(fastpar_pool_worker(), worker);
  CHECK_EQUAL(fastpar_for(NULL, 24, chunk_that_shuts_down, NULL, NULL), FASTPAR_ERR_BUSY);
  os_add(&starts[worker], 1);
}

static void on_exit_of_worker(void *user_data, uint32_t worker)
{
  CHECK(user_data == starts && worker < 24);
  os_add(&exits[worker], 1);
}

static void hooks_run_on_every_worker(void)
{
  CHECK_EQUAL(fastpar_pool_start(NULL, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_hook(on_start, on_exit_of_worker, starts, NULL), FASTPAR_OK);
  for (int i = 0; i < 24; i++) CHECK_EQUAL(starts[i], 1); /* live workers, before the call returned */
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  for (int i = 0; i < 24; i++) CHECK_EQUAL(exits[i], 1);
  CHECK_EQUAL(fastpar_pool_start(NULL, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  for (int i = 0; i < 24; i++) CHECK(starts[i] == 2 && exits[i] == 2); /* later workers too */
}

/* ---- shutting down while others work ---- */

static int32_t submitting;

static void submit_for_a_while(void *argument)
{
  (void)argument;
  for (int i = 0; i < 200; i++) grid_run(NULL, 100);
  os_add(&submitting, -1);
}

static void shutdown_while_others_submit(void)
{
  os_thread threads[8];
  os_store(&submitting, 8);
  for (int i = 0; i < 8; i++) os_start(&threads[i], submit_for_a_while, NULL);
  while (os_load(&submitting) > 0) CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  for (int i = 0; i < 8; i++) os_join(&threads[i]);
}

static void the_system_sees_the_names(void)
{
  fastpar_pool_options options = pool_options(6);
  options.thread_name = "crunch";
  CHECK_EQUAL(fastpar_pool_start(&options, NULL), FASTPAR_OK);
  /* A thread names itself when it runs for the first time. */
  for (int i = 0; i < 20000 && os_threads("crunch-") < 6; i++) os_sleep_ms(5);
  CHECK_EQUAL(os_threads("crunch-"), 6);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  /* The system may list a thread for a moment after it was joined. */
  for (int i = 0; i < 20000 && os_threads("crunch-") > 0; i++) os_sleep_ms(5);
  CHECK_EQUAL(os_threads("crunch-"), 0);
}

/* gcc's AddressSanitizer cannot fork with busy threads: a lock of its allocator may be held in the parent,
   and the child's first malloc then waits for ever. ThreadSanitizer does not check forked children: its suite
   defines CANNOT_FORK. The builds without them run this test. */
#if !defined(_WIN32) && !defined(__SANITIZE_ADDRESS__) && !defined(CANNOT_FORK)
#define CAN_FORK

/* A busy parent: loops run while the process forks. */
static void work_until_told(void *argument)
{
  const int32_t *stop = argument;
  while (!os_load(stop)) grid_run(NULL, 1000);
}

static void a_forked_child_has_everything(void)
{
  os_thread threads[2];
  int32_t stop = 0;
  for (int i = 0; i < 2; i++) os_start(&threads[i], work_until_told, &stop);
  for (int turn = 0; turn < 50; turn++) {
    int status = 0;
    pid_t child;
    fflush(stdout);
    child = fork();
    if (child == 0) {
      alarm(60); /* a child that hangs fails */
      grid_run(NULL, 1000);
      if (fastpar_pool_shutdown(NULL) != FASTPAR_OK) _exit(2);
      grid_run(NULL, 1000);
      fflush(stdout);
      _exit(check_failures != 0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  os_store(&stop, 1);
  for (int i = 0; i < 2; i++) os_join(&threads[i]);
}
#endif

/* Hooks of its own that are taken back, and a shutdown that does not wait. */
static int32_t taken_back;

static void hook_that_counts(void *user_data, uint32_t worker)
{
  (void)worker;
  os_add(user_data, 1);
}

static int32_t chunk_that_cannot_shut_down(void *user_data, const fastpar_chunk *chunk)
{
  (void)user_data;
  (void)chunk;
  CHECK_EQUAL(fastpar_pool_shutdown_within(0, NULL), FASTPAR_ERR_BUSY);
  CHECK_EQUAL(fastpar_pool_unhook(hook_that_counts, NULL, &taken_back, NULL), FASTPAR_ERR_BUSY);
  return 0;
}

static void taking_back_and_ending_in_time(void)
{
  CHECK_EQUAL(fastpar_pool_start(NULL, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_hook(hook_that_counts, NULL, &taken_back, NULL), FASTPAR_OK);
  CHECK_EQUAL(taken_back, 24);
  CHECK_EQUAL(fastpar_for(NULL, 1, chunk_that_cannot_shut_down, NULL, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_unhook(hook_that_counts, NULL, NULL, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_pool_unhook(hook_that_counts, NULL, &taken_back, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_shutdown_within(60000, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_shutdown_within(0, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_start(NULL, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_shutdown_within(UINT64_MAX, NULL), FASTPAR_OK);
  CHECK_EQUAL(taken_back, 24);
}

/* A team with a flag: a member waits at a barrier, the other cancels. */
static int32_t team_flag;

static int32_t member_that_cancels(void *user_data, fastpar_team *team, uint32_t member, uint32_t members)
{
  (void)user_data;
  CHECK_EQUAL(members, 2);
  if (member == 0) {
    fastpar_cancel(&team_flag);
    return 0;
  }
  CHECK(fastpar_team_barrier(team, NULL) == FASTPAR_OK || fastpar_is_cancelled());
  return 0;
}

static void teams_are_cancelled(void)
{
  fastpar_team_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.members = 2;
  options.cancel = &team_flag;
  CHECK_EQUAL(fastpar_team_run_with(&options, member_that_cancels, NULL, NULL), FASTPAR_ERR_CANCELLED);
  team_flag = 0;
  CHECK_EQUAL(fastpar_team_run_with(&options, NULL, NULL, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  options.flags = 1;
  CHECK_EQUAL(fastpar_team_run_with(&options, member_that_cancels, NULL, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
}

int main(void)
{
  RUN(starts_with_24_threads);
  RUN(starting_again);
  RUN(wrong_options_are_refused);
  RUN(the_environment_decides_the_threads);
  RUN(pinned_workers_work);
  RUN(not_from_inside_a_callback);
  RUN(time_is_counted);
  RUN(taking_back_and_ending_in_time);
  RUN(teams_are_cancelled);
  RUN(a_trace_of_a_span);
  RUN(shutdown_while_others_submit);
  if (os_threads(NULL) >= 0) {
    CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
    RUN(the_system_sees_the_names);
  }
#ifdef CAN_FORK
  RUN(a_forked_child_has_everything);
#endif
  RUN(hooks_run_on_every_worker);
  return FINISH();
}
