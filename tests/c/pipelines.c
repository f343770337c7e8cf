/* Pipelines: in order in, in parallel, in order out, as a C program uses them. */
#include "os.h"
#include "check.h"
#include <fastpar.h>
#include <stdint.h>
#include <stdlib.h>

enum { ITEMS = 20000, LANES = 1024 };

typedef struct item {
  uint32_t number;
  uint32_t worked;
} item;

typedef struct line {
  uint32_t count, fed, taken, dropped, most; /* most: in flight */
  int32_t busy[LANES];
  int32_t fail_feed, fail_work, fail_take; /* at this item; -1: never */
  int32_t cancel;
  uint32_t cancel_at;
  int32_t fill; /* items that are fed before a helper has done its first one */
  int32_t given; /* as `fed`, for helpers */
  int32_t live; /* the source ends when an item is taken */
  int32_t caller;
} line;

static int32_t caller(void) { return fastpar_pool_worker(); }

static int32_t feed(void *user_data, void **next)
{
  line *l = user_data;
  item *made;
  CHECK(*next == NULL && caller() == l->caller);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_ERR_BUSY);
  if (l->fed == l->count || (l->live && l->taken > 0)) return 0;
  if (l->live) os_yield();
  made = malloc(sizeof *made);
  if (made == NULL) return 1;
  made->number = l->fed;
  made->worked = 0;
  *next = made;
  if (l->fail_feed == (int32_t)l->fed) {
    free(made); /* what is set beside a failure is not taken */
    return 5;
  }
  l->fed++;
  os_add(&l->given, 1);
  if (l->fed - l->taken - l->dropped > l->most) l->most = l->fed - l->taken - l->dropped;
  return 0;
}

static int32_t work(void *user_data, void *given, uint32_t lane)
{
  line *l = user_data;
  item *one = given;
  CHECK(lane < fastpar_pool_threads());
  CHECK_EQUAL(os_add(&l->busy[lane], 1), 0);
  while (lane != 0 && os_load(&l->given) < l->fill) os_yield();
  for (volatile uint32_t i = 0; i < one->number % 7 * 50; i++) {
  }
  one->worked++;
  os_add(&l->busy[lane], -1);
  return one->number == (uint32_t)l->fail_work || one->number == (uint32_t)l->fail_work + 3 ? 6 : 0;
}

static int32_t take(void *user_data, void *given, uint32_t lane)
{
  line *l = user_data;
  item *one = given;
  int32_t number = (int32_t)one->number;
  CHECK(lane == 0 && caller() == l->caller);
  CHECK_EQUAL(one->number, l->taken);
  CHECK_EQUAL(one->worked, 1);
  free(one);
  l->taken++;
  if (l->cancel_at == l->taken) fastpar_cancel(&l->cancel);
  return number == l->fail_take ? 7 : 0;
}

static void drop(void *user_data, void *given)
{
  line *l = user_data;
  CHECK(caller() == l->caller);
  l->dropped++;
  free(given);
}

static fastpar_status run(line *l, uint32_t lanes, uint32_t in_flight, fastpar_error *error)
{
  fastpar_pipeline_options options = {.struct_size = sizeof options, .max_lanes = lanes, .in_flight = in_flight};
  fastpar_status status;
  options.cancel = &l->cancel;
  options.drop = drop;
  l->caller = caller();
  status = fastpar_pipeline_run(&options, feed, work, take, l, error);
  CHECK_EQUAL(l->fed, l->taken + l->dropped);
  return status;
}

static line make(uint32_t count)
{
  line l;
  memset(&l, 0, sizeof l);
  l.count = count;
  l.fail_feed = l.fail_work = l.fail_take = -100;
  return l;
}

static void items_come_in_order(void)
{
  for (uint32_t lanes = 0; lanes <= 3; lanes++) {
    line l = make(ITEMS);
    CHECK_EQUAL(run(&l, lanes, 0, NULL), FASTPAR_OK);
    CHECK(l.taken == ITEMS && l.dropped == 0);
    CHECK(l.most <= 2 * (lanes ? lanes : fastpar_pool_threads()));
  }
}

static void no_more_are_fed_than_may_be_in_flight(void)
{
  for (uint32_t in_flight = 1; in_flight <= 9; in_flight += 4) {
    line l = make(1000);
    l.fill = (int32_t)in_flight;
    CHECK_EQUAL(run(&l, 0, in_flight, NULL), FASTPAR_OK);
    CHECK(l.taken == 1000 && l.most == (fastpar_pool_threads() > 1 ? in_flight : 1));
  }
}

/* What is done is taken before the source is asked again, however many may be in flight. */
static void a_source_that_lives(void)
{
  line l = make(UINT32_MAX), m = make(100);
  l.live = 1;
  CHECK_EQUAL(run(&l, 0, 1u << 20, NULL), FASTPAR_OK);
  CHECK(l.taken == l.fed && l.most < 1u << 20);
  CHECK_EQUAL(run(&m, 1, 50, NULL), FASTPAR_OK); /* nobody works while the caller feeds */
  CHECK(m.taken == 100 && m.most == 1);
}

static void all_numbers_of_items(void)
{
  for (uint32_t count = 0; count < 70; count++) {
    line l = make(count);
    CHECK_EQUAL(run(&l, 0, UINT32_MAX, NULL), FASTPAR_OK);
    CHECK_EQUAL(l.taken, count);
  }
}

/* The lowest item that fails; all before it are taken. */
static void work_that_fails(void)
{
  for (int32_t at = 0; at < 200; at += 20) {
    line l = make(1000);
    fastpar_error error;
    l.fail_work = at;
    CHECK_EQUAL(run(&l, (uint32_t)at % 3, 0, &error), FASTPAR_ERR_CALLBACK);
    CHECK_EQUAL(error.code, 6);
    CHECK_EQUAL(error.position, at);
    CHECK_EQUAL(l.taken, at);
    CHECK(l.dropped >= 1 && l.fed < 1000);
  }
}

static void feeding_and_taking_that_fail(void)
{
  for (int32_t at = 0; at < 100; at += 25) {
    line l = make(1000), m = make(1000);
    fastpar_error error;
    l.fail_feed = at;
    CHECK_EQUAL(run(&l, 0, 0, &error), FASTPAR_ERR_CALLBACK);
    CHECK(error.code == 5 && error.position == (uint64_t)at);
    m.fail_take = at;
    CHECK_EQUAL(run(&m, 0, 0, &error), FASTPAR_ERR_CALLBACK);
    CHECK(error.code == 7 && error.position == (uint64_t)at && m.taken == (uint32_t)at + 1);
  }
}

static void a_cancelled_pipeline_drops(void)
{
  line l = make(1000);
  l.cancel_at = 300;
  CHECK_EQUAL(run(&l, 0, 0, NULL), FASTPAR_ERR_CANCELLED);
  CHECK_EQUAL(l.taken, 300);
  l = make(10);
  l.cancel = 1;
  CHECK_EQUAL(run(&l, 0, 0, NULL), FASTPAR_ERR_CANCELLED);
  CHECK_EQUAL(l.fed, 0);
}

static int32_t chunk_of_pipelines(void *user_data, const fastpar_chunk *chunk)
{
  line *l = malloc(sizeof *l);
  (void)user_data;
  (void)chunk;
  if (l == NULL) return 1;
  *l = make(100);
  CHECK_EQUAL(run(l, 0, 0, NULL), FASTPAR_OK);
  CHECK_EQUAL(l->taken, 100);
  free(l);
  return 0;
}

static void pipelines_run_in_loops(void)
{
  CHECK_EQUAL(fastpar_for(NULL, 100, chunk_of_pipelines, NULL, NULL), FASTPAR_OK);
}

/* As deep as calls may nest, and no deeper. */
static int32_t chunk_in_chunk(void *user_data, const fastpar_chunk *chunk)
{
  fastpar_loop_options options = {.struct_size = sizeof options, .max_lanes = 1};
  fastpar_status status;
  line l = make(20);
  (void)chunk;
  status = fastpar_for(&options, 1, chunk_in_chunk, user_data, NULL);
  if (status == FASTPAR_ERR_LIMIT_EXCEEDED) {
    CHECK_EQUAL(run(&l, 0, 0, NULL), FASTPAR_ERR_LIMIT_EXCEEDED);
    CHECK_EQUAL(l.fed, 0);
    return 1; /* the level above has room for a call */
  }
  if (status == FASTPAR_ERR_CALLBACK && ++*(int32_t *)user_data == 1) CHECK_EQUAL(run(&l, 0, 0, NULL), FASTPAR_OK);
  return status != FASTPAR_OK;
}

static void pipelines_nest_as_deep_as_loops(void)
{
  int32_t tried = 0;
  CHECK_EQUAL(chunk_in_chunk(&tried, NULL), 1);
  CHECK(tried > 100);
}

static void what_is_missing(void)
{
  line l = make(1);
  CHECK_EQUAL(fastpar_pipeline_run(NULL, NULL, work, take, &l, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_pipeline_run(NULL, feed, NULL, take, &l, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_pipeline_run(NULL, feed, work, NULL, &l, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(l.fed, 0);
}

int main(void)
{
  RUN(items_come_in_order);
  RUN(no_more_are_fed_than_may_be_in_flight);
  RUN(a_source_that_lives);
  RUN(all_numbers_of_items);
  RUN(work_that_fails);
  RUN(feeding_and_taking_that_fail);
  RUN(a_cancelled_pipeline_drops);
  RUN(pipelines_run_in_loops);
  RUN(pipelines_nest_as_deep_as_loops);
  RUN(what_is_missing);
  return FINISH();
}
