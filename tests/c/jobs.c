/* Jobs: what their last report of progress may call, their notification, and jobs that go on without a
   handle. */
#include "os.h"
#include "check.h"
#include "options.h"

#include <fastpar.h>

#ifndef _WIN32
#include <sys/wait.h>
#include <unistd.h>
#endif

/* A job and what becomes of it. Its chunks wait for `go`. */
typedef struct watched {
  fastpar_job *job;
  int32_t go, ends, fails_at;
  void (*in_callback)(struct watched *); /* called by the last report, or by the notification */
  int32_t status, worker, code, has_error, refused;
  uint64_t position;
} watched;

static int32_t body(void *user_data, const fastpar_chunk *chunk)
{
  watched *job = user_data;
  while (!os_load(&job->go)) os_yield();
  return job->fails_at && chunk->index == (size_t)job->fails_at ? 7 : 0;
}

static void told(void *user_data, fastpar_status status, const fastpar_error *error)
{
  watched *job = user_data;
  job->status = status;
  job->worker = fastpar_pool_worker();
  job->has_error = error != NULL;
  if (error) {
    job->code = error->code;
    job->position = error->position;
  }
  if (job->in_callback) job->in_callback(job);
  os_add(&job->ends, 1); /* publishes the rest */
}

static int32_t report(void *user_data, uint64_t done, uint64_t total)
{
  watched *job = user_data;
  if (done < total) return 0;
  job->in_callback(job);
  os_add(&job->ends, 1);
  return 0;
}

static void start(watched *job, size_t count, uint32_t max_lanes, int reports)
{
  fastpar_loop_options options = each_item(max_lanes);
  if (reports) {
    options.progress = report;
    options.progress_data = job;
  }
  CHECK_EQUAL(fastpar_for_start(&options, count, body, job, &job->job, NULL), FASTPAR_OK);
}

static void wait_for_end(const watched *job)
{
  while (!os_load(&job->ends)) os_sleep_ms(1);
}

static void hook(void *user_data, uint32_t worker)
{
  (void)user_data;
  (void)worker;
}

/* ---- the last report is inside the job ---- */

static void ask_in_report(watched *job)
{
  CHECK_EQUAL(fastpar_job_wait(job->job, UINT64_MAX, NULL), FASTPAR_ERR_BUSY);
  CHECK_EQUAL(fastpar_job_wait(job->job, 0, NULL), FASTPAR_ERR_BUSY);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_ERR_BUSY);
  CHECK_EQUAL(fastpar_pool_hook(hook, NULL, NULL, NULL), FASTPAR_ERR_BUSY);
}

static void free_in_callback(watched *job) { fastpar_job_free(job->job); }
static void detach_in_callback(watched *job) { fastpar_job_detach(job->job); }

/* By a worker that ends the job, and by a thread that waits for it. */
static void the_last_report_waits_for_nothing(void)
{
  for (int32_t round = 0; round < 40; round++) {
    watched job = {0};
    job.in_callback = ask_in_report;
    start(&job, (size_t)(round % 7) + 1, round % 4 < 2 ? 1 : 0, 1);
    os_store(&job.go, 1);
    if (round % 2) wait_for_end(&job);
    CHECK_EQUAL(fastpar_job_wait(job.job, UINT64_MAX, NULL), FASTPAR_OK);
    CHECK_EQUAL(os_load(&job.ends), 1);
    fastpar_job_free(job.job);
  }
}

static void the_last_report_frees_its_job(void)
{
  for (int32_t round = 0; round < 40; round++) {
    watched job = {0};
    job.in_callback = round % 2 ? free_in_callback : detach_in_callback;
    start(&job, 5, round % 4 < 2 ? 1 : 0, 1);
    os_store(&job.go, 1);
    wait_for_end(&job);
    CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK); /* nothing of it is left that uses `job` */
  }
}

/* ---- notifications ---- */

static void a_notification_tells_the_end(void)
{
  for (int32_t fails_at = 0; fails_at < 4; fails_at += 3) {
    for (int32_t waits = 0; waits < 2; waits++) {
      watched job = {0};
      int32_t expected = fails_at ? FASTPAR_ERR_CALLBACK : FASTPAR_OK;
      job.fails_at = fails_at;
      start(&job, 10, 0, 0);
      CHECK_EQUAL(fastpar_job_notify(job.job, told, &job, NULL), FASTPAR_OK);
      CHECK_EQUAL(fastpar_job_notify(job.job, told, &job, NULL), FASTPAR_ERR_BUSY);
      CHECK_EQUAL(os_load(&job.ends), 0);
      os_store(&job.go, 1);
      if (waits) {
        CHECK_EQUAL(fastpar_job_wait(job.job, UINT64_MAX, NULL), expected);
        CHECK_EQUAL(os_load(&job.ends), 1); /* who waits hears of it after the notification */
      } else {
        wait_for_end(&job);
        CHECK_EQUAL(fastpar_job_wait(job.job, UINT64_MAX, NULL), expected);
      }
      CHECK_EQUAL(job.status, expected);
      CHECK(job.worker >= 0);
      CHECK_EQUAL(job.has_error, fails_at != 0);
      if (fails_at) CHECK(job.code == 7 && job.position == 3);
      CHECK_EQUAL(fastpar_job_notify(job.job, told, &job, NULL), FASTPAR_ERR_BUSY);
      fastpar_job_free(job.job);
      CHECK_EQUAL(job.ends, 1);
    }
  }
}

static void a_finished_job_notifies_at_once(void)
{
  watched job = {0};
  job.go = 1;
  start(&job, 10, 0, 0);
  CHECK_EQUAL(fastpar_job_wait(job.job, UINT64_MAX, NULL), FASTPAR_OK);
  job.in_callback = free_in_callback;
  CHECK_EQUAL(fastpar_job_notify(job.job, told, &job, NULL), FASTPAR_OK);
  CHECK_EQUAL(job.ends, 1);
  CHECK_EQUAL(job.worker, -1);
  CHECK_EQUAL(job.status, FASTPAR_OK);
}

static void ask_in_notification(watched *job)
{
  CHECK_EQUAL(fastpar_job_wait(job->job, UINT64_MAX, NULL), job->status);
  CHECK_EQUAL(fastpar_job_wait(job->job, 0, NULL), job->status);
  CHECK_EQUAL(fastpar_job_notify(job->job, told, job, NULL), FASTPAR_ERR_BUSY);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_ERR_BUSY);
  CHECK_EQUAL(fastpar_pool_hook(hook, NULL, NULL, NULL), FASTPAR_ERR_BUSY);
}

static void a_notification_waits_for_nothing(void)
{
  for (int32_t round = 0; round < 20; round++) {
    watched job = {0};
    job.in_callback = ask_in_notification;
    start(&job, 10, round % 4 < 2 ? 1 : 0, 0);
    if (round % 2) os_store(&job.go, 1);
    if (round == 5) CHECK_EQUAL(fastpar_job_wait(job.job, UINT64_MAX, NULL), FASTPAR_OK);
    CHECK_EQUAL(fastpar_job_notify(job.job, told, &job, NULL), FASTPAR_OK);
    os_store(&job.go, 1);
    CHECK_EQUAL(fastpar_job_wait(job.job, UINT64_MAX, NULL), FASTPAR_OK);
    CHECK_EQUAL(os_load(&job.ends), 1);
    fastpar_job_free(job.job);
  }
}

static void slow(watched *job)
{
  (void)job;
  os_sleep_ms(100);
}

static void free_on_thread(void *job) { fastpar_job_free(job); }

static void free_and_shutdown_wait_for_it(void)
{
  for (int32_t shuts_down = 0; shuts_down < 2; shuts_down++) {
    watched job = {0};
    os_thread thread;
    job.in_callback = slow;
    start(&job, 10, 0, 0);
    CHECK_EQUAL(fastpar_job_notify(job.job, told, &job, NULL), FASTPAR_OK);
    os_store(&job.go, 1);
    if (shuts_down) {
      CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
      CHECK_EQUAL(os_load(&job.ends), 1);
      CHECK_EQUAL(job.status, FASTPAR_OK);
      fastpar_job_free(job.job);
    } else {
      os_start(&thread, free_on_thread, job.job);
      os_join(&thread);
      CHECK_EQUAL(os_load(&job.ends), 1);
      CHECK(job.status == FASTPAR_OK || job.status == FASTPAR_ERR_CANCELLED);
    }
  }
}

static void a_job_goes_on_without_its_handle(void)
{
  for (int32_t round = 0; round < 20; round++) {
    watched job = {0};
    start(&job, 50, 0, 0);
    CHECK_EQUAL(fastpar_job_notify(job.job, told, &job, NULL), FASTPAR_OK);
    fastpar_job_detach(job.job);
    os_store(&job.go, 1);
    wait_for_end(&job);
    CHECK_EQUAL(job.status, FASTPAR_OK); /* it was not cancelled */
    CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  }
  fastpar_job_detach(NULL);
}

static void a_notification_releases_its_job(void)
{
  for (int32_t round = 0; round < 40; round++) {
    watched job = {0};
    job.in_callback = round % 2 ? free_in_callback : detach_in_callback;
    start(&job, 10, round % 4 < 2 ? 1 : 0, 0);
    CHECK_EQUAL(fastpar_job_notify(job.job, told, &job, NULL), FASTPAR_OK);
    os_store(&job.go, 1);
    wait_for_end(&job);
    CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  }
}

/* ---- members of a team that hold every worker: a waiting one calls the notification ---- */

static int32_t wait_in_team(void *user_data, fastpar_team *team, uint32_t member, uint32_t members)
{
  watched *job = user_data;
  (void)members;
  if (member > 0) os_store(&job->go, 1);
  if (member > 0) CHECK_EQUAL(fastpar_job_wait(job->job, UINT64_MAX, NULL), FASTPAR_OK);
  return fastpar_team_barrier(team, NULL);
}

static int32_t team_in_chunk(void *user_data, const fastpar_chunk *chunk)
{
  fastpar_status status;
  (void)chunk;
  /* A team inside a chunk waits for no worker; those that have the job are free when it has ended. */
  while ((status = fastpar_team_run(2, wait_in_team, user_data, NULL)) == FASTPAR_ERR_THREADS) os_sleep_ms(1);
  CHECK_EQUAL(status, FASTPAR_OK);
  return 0;
}

static void a_waiting_worker_calls_it(void)
{
  fastpar_pool_options pool;
  memset(&pool, 0, sizeof pool);
  pool.struct_size = sizeof pool;
  pool.threads = 2;
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_start(&pool, NULL), FASTPAR_OK);
  for (int32_t round = 0; round < 10; round++) {
    watched job = {0};
    fastpar_loop_options one = each_item(1);
    job.go = 1;
    start(&job, 1000, 2, 0);
    CHECK_EQUAL(fastpar_job_notify(job.job, told, &job, NULL), FASTPAR_OK);
    CHECK_EQUAL(fastpar_for(&one, 1, team_in_chunk, &job, NULL), FASTPAR_OK);
    wait_for_end(&job);
    CHECK_EQUAL(job.status, FASTPAR_OK);
    fastpar_job_free(job.job);
  }
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
}

/* ---- arguments and forks ---- */

static void wrong_arguments_are_refused(void)
{
  watched job = {0};
  job.go = 1;
  CHECK_EQUAL(fastpar_job_notify(NULL, told, &job, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  start(&job, 10, 0, 0);
  CHECK_EQUAL(fastpar_job_notify(job.job, NULL, &job, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_job_notify(job.job, told, &job, NULL), FASTPAR_OK); /* the wrong one did not count */
  fastpar_job_free(job.job);
  CHECK_EQUAL(job.ends, 1);
}

/* ThreadSanitizer does not check forked children: its suite defines CANNOT_FORK. */
#if !defined(_WIN32) && !defined(CANNOT_FORK)
#define CAN_FORK

static void a_child_is_not_told(void)
{
  watched job = {0};
  int status = 0;
  pid_t child;
  start(&job, 10, 1, 0);
  CHECK_EQUAL(fastpar_job_notify(job.job, told, &job, NULL), FASTPAR_OK);
  child = fork();
  if (child == 0) {
    int wrong = fastpar_job_notify(job.job, told, &job, NULL) != FASTPAR_ERR_THREADS;
    wrong += fastpar_job_wait(job.job, UINT64_MAX, NULL) != FASTPAR_ERR_THREADS;
    fastpar_job_detach(job.job);
    _exit(wrong + os_load(&job.ends));
  }
  CHECK_EQUAL(waitpid(child, &status, 0), child);
  CHECK_EQUAL(status, 0);
  os_store(&job.go, 1);
  CHECK_EQUAL(fastpar_job_wait(job.job, UINT64_MAX, NULL), FASTPAR_OK);
  CHECK_EQUAL(job.ends, 1);
  fastpar_job_free(job.job);
}

static int32_t wait_for_flag(void *user_data, const fastpar_chunk *chunk)
{
  (void)chunk;
  while (!os_load(user_data)) os_sleep_ms(1);
  return 0;
}

/* The thread that waits forks, once; in the parent the worker passes the time. */
static int32_t fork_in_wait(void *user_data, const fastpar_chunk *chunk)
{
  watched *job = user_data;
  (void)chunk;
  if (fastpar_pool_worker() >= 0) os_sleep_ms(1);
  else if (os_add(&job->go, 1) == 0) job->code = (int32_t)fork();
  return 0;
}

/* The child comes out of the chunk in the middle of a wait: it hears that the job is the parent's. */
static void a_child_comes_out_of_a_wait(void)
{
  const pid_t parent = getpid();
  fastpar_pool_options pool;
  memset(&pool, 0, sizeof pool);
  pool.struct_size = sizeof pool;
  pool.threads = 2;
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_start(&pool, NULL), FASTPAR_OK);
  for (int round = 0; round < 5; round++) {
    watched job = {0};
    int32_t go = 0, result;
    int status = 0;
    fastpar_job *blocker = NULL;
    fastpar_loop_options one = each_item(1), two = each_item(2);
    /* One of the two workers is busy, so that of the two lanes one is left to the waiter. */
    CHECK_EQUAL(fastpar_for_start(&one, 1, wait_for_flag, &go, &blocker, NULL), FASTPAR_OK);
    CHECK_EQUAL(fastpar_for_start(&two, 200, fork_in_wait, &job, &job.job, NULL), FASTPAR_OK);
    CHECK_EQUAL(fastpar_job_notify(job.job, told, &job, NULL), FASTPAR_OK);
    result = fastpar_job_wait(job.job, UINT64_MAX, NULL);
    if (getpid() != parent) _exit(result != FASTPAR_ERR_THREADS || os_load(&job.ends) != 0);
    CHECK_EQUAL(result, FASTPAR_OK);
    CHECK(job.code > 0);
    if (job.code > 0) CHECK_EQUAL(waitpid((pid_t)job.code, &status, 0), (pid_t)job.code);
    CHECK_EQUAL(status, 0);
    os_store(&go, 1);
    fastpar_job_free(job.job);
    CHECK_EQUAL(fastpar_job_wait(blocker, UINT64_MAX, NULL), FASTPAR_OK);
    fastpar_job_free(blocker);
  }
}
#endif

int main(void)
{
  RUN(the_last_report_waits_for_nothing);
  RUN(the_last_report_frees_its_job);
  RUN(a_notification_tells_the_end);
  RUN(a_finished_job_notifies_at_once);
  RUN(a_notification_waits_for_nothing);
  RUN(free_and_shutdown_wait_for_it);
  RUN(a_job_goes_on_without_its_handle);
  RUN(a_notification_releases_its_job);
  RUN(a_waiting_worker_calls_it);
  RUN(wrong_arguments_are_refused);
#ifdef CAN_FORK
  RUN(a_child_is_not_told);
  RUN(a_child_comes_out_of_a_wait);
#endif
  return FINISH();
}
