/* Reductions, jobs, teams, queues and atomics, as a C program uses them. */
#include "os.h"
#include "check.h"
#include "grid.h"

/* ---- reductions ---- */

static int32_t fold_sum(void *user_data, const fastpar_chunk *chunk, void *accumulator)
{
  const double *values = user_data;
  double *sum = accumulator;
  for (size_t i = chunk->begin; i < chunk->end; i++) *sum += values[i];
  return 0;
}

static int32_t add_sum(void *user_data, void *into, const void *from)
{
  double part;
  (void)user_data;
  memcpy(&part, from, sizeof part);
  *(double *)into += part;
  return 0;
}

static void a_sum_is_the_same_on_any_number_of_lanes(void)
{
  static double values[100000];
  double first = 0;
  fastpar_loop_options options;
  for (size_t i = 0; i < 100000; i++) values[i] = 1.0 / (double)(i + 1);
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  for (options.max_lanes = 1; options.max_lanes <= 24; options.max_lanes++) {
    double sum = 0;
    CHECK_EQUAL(fastpar_reduce(&options, 100000, fold_sum, add_sum, values, &sum, sizeof sum, NULL), FASTPAR_OK);
    if (options.max_lanes == 1) first = sum;
    CHECK(memcmp(&sum, &first, sizeof sum) == 0);
  }
  CHECK(first > 12.09 && first < 12.10);
}

/* ---- jobs ---- */

static void a_job_completes(void)
{
  grid g;
  fastpar_job *job = NULL;
  uint64_t done = 0, total = 0;
  grid_open(&g, 1000);
  CHECK_EQUAL(fastpar_for_start(NULL, 1000, grid_chunk, &g, &job, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_job_wait(job, UINT64_MAX, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_job_wait(job, 0, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_job_progress(job, &done, &total, NULL), FASTPAR_OK);
  CHECK(done == 1000 && total == 1000);
  fastpar_job_free(job);
  grid_close(&g, 24);
}

static int32_t chunk_until_released(void *user_data, const fastpar_chunk *chunk)
{
  const int32_t *released = user_data;
  (void)chunk;
  while (!os_load(released)) os_yield();
  return 0;
}

static void cancelling_a_job(void)
{
  fastpar_job *job = NULL;
  int32_t released = 0;
  CHECK_EQUAL(fastpar_for_start(NULL, 1000, chunk_until_released, &released, &job, NULL), FASTPAR_OK);
  fastpar_job_cancel(job);
  os_store(&released, 1);
  CHECK_EQUAL(fastpar_job_wait(job, UINT64_MAX, NULL), FASTPAR_ERR_CANCELLED);
  fastpar_job_free(job);
}

static void freeing_a_running_job(void)
{
  for (int i = 0; i < 100; i++) {
    grid g;
    fastpar_job *job = NULL;
    grid_open(&g, 1000);
    CHECK_EQUAL(fastpar_for_start(NULL, 1000, grid_chunk, &g, &job, NULL), FASTPAR_OK);
    fastpar_job_free(job);
    free(g.visits); /* nothing uses it any more: the sanitizers would tell */
  }
}

/* ---- teams ---- */

enum { MEMBERS = 8, PHASES = 50 };

static int32_t written[MEMBERS];

static int32_t phases(void *user_data, fastpar_team *team, uint32_t member, uint32_t members)
{
  (void)user_data;
  CHECK(members == MEMBERS && member < members);
  for (int32_t phase = 1; phase <= PHASES; phase++) {
    written[member] = phase;
    CHECK_EQUAL(fastpar_team_barrier(team, NULL), FASTPAR_OK);
    CHECK_EQUAL(written[(member + 1) % members], phase); /* what the neighbour wrote before the barrier */
    CHECK_EQUAL(fastpar_team_barrier(team, NULL), FASTPAR_OK);
  }
  return 0;
}

static void members_meet_at_barriers(void)
{
  CHECK_EQUAL(fastpar_team_run(MEMBERS, phases, NULL, NULL), FASTPAR_OK);
}

static int32_t one_fails(void *user_data, fastpar_team *team, uint32_t member, uint32_t members)
{
  (void)user_data;
  (void)members;
  if (member == 3) return 77;
  while (fastpar_team_barrier(team, NULL) == FASTPAR_OK) {
  }
  return 0;
}

static void a_member_that_fails_releases_the_others(void)
{
  fastpar_error error;
  CHECK_EQUAL(fastpar_team_run(MEMBERS, one_fails, NULL, &error), FASTPAR_ERR_CALLBACK);
  CHECK(error.code == 77 && error.position == 3);
}

static void more_members_than_threads(void)
{
  CHECK_EQUAL(fastpar_team_run(100000, one_fails, NULL, NULL), FASTPAR_ERR_THREADS);
}

/* ---- queues and atomics ---- */

typedef struct exchange {
  fastpar_queue *queue;
  int64_t sum;
  int32_t producers;
} exchange;

static int32_t produce_or_consume(void *user_data, fastpar_team *team, uint32_t member, uint32_t members)
{
  exchange *e = user_data;
  (void)team;
  (void)members;
  if (member < 2) {
    for (uint64_t i = 1; i <= 1000; i++) CHECK_EQUAL(fastpar_queue_push(e->queue, i, UINT64_MAX, NULL), FASTPAR_OK);
    if (os_add(&e->producers, -1) == 1) fastpar_queue_close(e->queue);
  } else {
    uint64_t value;
    fastpar_status status;
    while ((status = fastpar_queue_pop(e->queue, UINT64_MAX, &value, NULL)) == FASTPAR_OK) {
      fastpar_atomic_add(&e->sum, (int64_t)value);
    }
    CHECK_EQUAL(status, FASTPAR_ERR_CLOSED);
  }
  return 0;
}

static void producers_and_consumers(void)
{
  exchange e = {NULL, 0, 2};
  CHECK_EQUAL(fastpar_queue_open(10, &e.queue, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_team_run(4, produce_or_consume, &e, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_atomic_load(&e.sum), 1001000);
  CHECK_EQUAL(fastpar_queue_push(e.queue, 1, 0, NULL), FASTPAR_ERR_CLOSED);
  fastpar_queue_free(e.queue);
}

static void a_queue_times_out(void)
{
  fastpar_queue *queue = NULL;
  uint64_t value = 5;
  CHECK_EQUAL(fastpar_queue_open(1, &queue, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_queue_pop(queue, 1, &value, NULL), FASTPAR_ERR_TIMEOUT);
  CHECK_EQUAL(value, 5);
  CHECK_EQUAL(fastpar_queue_push(queue, 7, 0, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_queue_push(queue, 8, 1, NULL), FASTPAR_ERR_TIMEOUT);
  CHECK_EQUAL(fastpar_queue_pop(queue, 0, &value, NULL), FASTPAR_OK);
  CHECK_EQUAL(value, 7);
  fastpar_queue_free(queue);
}

static int32_t chunk_of_atomics(void *user_data, const fastpar_chunk *chunk)
{
  int64_t *numbers = user_data; /* sum, least, most, exchanged */
  for (size_t i = chunk->begin; i < chunk->end; i++) {
    int64_t expected = fastpar_atomic_load(&numbers[3]);
    fastpar_atomic_add(&numbers[0], (int64_t)i);
    fastpar_atomic_min(&numbers[1], (int64_t)i);
    fastpar_atomic_max(&numbers[2], (int64_t)i);
    while (!fastpar_atomic_compare_exchange(&numbers[3], &expected, expected + 1)) {
    }
  }
  return 0;
}

static void atomics_add_up(void)
{
  int64_t numbers[4] = {0, 5000, 5000, 0};
  CHECK_EQUAL(fastpar_for(NULL, 10000, chunk_of_atomics, numbers, NULL), FASTPAR_OK);
  CHECK(numbers[0] == 49995000 && numbers[1] == 0 && numbers[2] == 9999 && numbers[3] == 10000);
  fastpar_atomic_store(&numbers[0], -1);
  CHECK_EQUAL(numbers[0], -1);
}

int main(void)
{
  RUN(a_sum_is_the_same_on_any_number_of_lanes);
  RUN(a_job_completes);
  RUN(cancelling_a_job);
  RUN(freeing_a_running_job);
  RUN(members_meet_at_barriers);
  RUN(a_member_that_fails_releases_the_others);
  RUN(more_members_than_threads);
  RUN(producers_and_consumers);
  RUN(a_queue_times_out);
  RUN(atomics_add_up);
  return FINISH();
}
