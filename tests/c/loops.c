/* Loops: every chunk exactly once, in bounds, on lanes of its own; failing, cancelling, nesting, many
   callers. */
#include "os.h"
#include "check.h"
#include "grid.h"

#include <stddef.h>

static fastpar_loop_options loop_options(void)
{
  fastpar_loop_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  return options;
}

static void every_schedule_visits_every_item_once(void)
{
  static const size_t counts[] = {0, 1, 2, 7, 23, 24, 25, 1000, 100003};
  static const uint32_t lanes[] = {0, 1, 2, 7};
  static const size_t grains[] = {0, 1, 3, 1000};
  fastpar_loop_options options = loop_options();
  for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
    for (size_t l = 0; l < sizeof lanes / sizeof *lanes; l++) {
      for (options.schedule = FASTPAR_SCHEDULE_SEGMENTS; options.schedule <= FASTPAR_SCHEDULE_GUIDED; options.schedule++) {
        for (size_t g = 0; g < sizeof grains / sizeof *grains; g++) {
          options.max_lanes = lanes[l];
          options.segments = options.schedule == FASTPAR_SCHEDULE_SEGMENTS ? grains[g] : 0;
          options.grain = options.schedule >= FASTPAR_SCHEDULE_GRAIN ? grains[g] : 0;
          options.item_size = options.schedule == FASTPAR_SCHEDULE_CACHE ? 8 : 0;
          options.cache_bytes = options.schedule == FASTPAR_SCHEDULE_CACHE ? grains[g] * 1000 : 0;
          grid_run(&options, counts[c]);
        }
      }
    }
  }
}

static void the_default_is_24_chunks(void)
{
  fastpar_plan plan;
  memset(&plan, 0, sizeof plan);
  plan.struct_size = sizeof plan;
  CHECK_EQUAL(fastpar_plan_make(NULL, 1000, &plan, NULL), FASTPAR_OK);
  CHECK_EQUAL(plan.chunks, 24);
  CHECK_EQUAL(plan.count, 1000);
  CHECK_EQUAL(plan.largest, 42);
  CHECK_EQUAL(plan.lanes, 24);
  CHECK_EQUAL(fastpar_plan_make(NULL, 5, &plan, NULL), FASTPAR_OK);
  CHECK_EQUAL(plan.chunks, 5);
  grid_run(NULL, 1000);
  grid_run(NULL, 5);
}

static void plans_cover_the_range(void)
{
  static const size_t counts[] = {1, 24, 1000, 100003};
  fastpar_loop_options options = loop_options();
  for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
    for (options.schedule = 0; options.schedule <= FASTPAR_SCHEDULE_GUIDED; options.schedule++) {
      fastpar_plan plan;
      fastpar_chunk chunk;
      size_t next = 0;
      memset(&plan, 0, sizeof plan);
      plan.struct_size = sizeof plan;
      CHECK_EQUAL(fastpar_plan_make(&options, counts[c], &plan, NULL), FASTPAR_OK);
      for (size_t i = 0; i < plan.chunks; i++) {
        CHECK_EQUAL(fastpar_plan_chunk(&options, counts[c], i, &chunk, NULL), FASTPAR_OK);
        CHECK(chunk.index == i && chunk.begin == next && chunk.end > next && chunk.end - next <= plan.largest);
        next = chunk.end;
      }
      CHECK_EQUAL(next, counts[c]);
      CHECK_EQUAL(fastpar_plan_chunk(&options, counts[c], plan.chunks, &chunk, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
    }
  }
}

static void the_largest_count_has_a_plan(void)
{
  fastpar_loop_options options = loop_options();
  for (options.schedule = 0; options.schedule <= FASTPAR_SCHEDULE_GUIDED; options.schedule++) {
    fastpar_plan plan;
    fastpar_chunk chunk;
    memset(&plan, 0, sizeof plan);
    plan.struct_size = sizeof plan;
    CHECK_EQUAL(fastpar_plan_make(&options, SIZE_MAX, &plan, NULL), FASTPAR_OK);
    CHECK_EQUAL(fastpar_plan_chunk(&options, SIZE_MAX, plan.chunks - 1, &chunk, NULL), FASTPAR_OK);
    CHECK(chunk.end == SIZE_MAX);
  }
}

/* ---- failing ---- */

typedef struct failing {
  size_t from; /* chunks from here on fail */
  int32_t calls;
} failing;

static int32_t failing_chunk(void *user_data, const fastpar_chunk *chunk)
{
  failing *f = user_data;
  os_add(&f->calls, 1);
  return chunk->index >= f->from ? (int32_t)chunk->index + 1000 : 0;
}

static void a_failing_callback_stops_the_loop(void)
{
  fastpar_loop_options options = loop_options();
  options.schedule = FASTPAR_SCHEDULE_GRAIN;
  options.grain = 1;
  for (size_t from = 0; from < 100; from += 7) {
    failing f = {from, 0};
    fastpar_error error;
    memset(&error, 0xAB, sizeof error);
    CHECK_EQUAL(fastpar_for(&options, 100000, failing_chunk, &f, &error), FASTPAR_ERR_CALLBACK);
    CHECK_EQUAL(error.status, FASTPAR_ERR_CALLBACK);
    CHECK_EQUAL(error.code, 1000 + (int32_t)error.position);
    CHECK(error.position >= from && error.position < 100000);
    CHECK(memchr(error.message, 0, sizeof error.message) && error.message[0]);
    CHECK(f.calls < 100000);
  }
}

static void the_lowest_failing_chunk_is_told(void)
{
  failing f = {0, 0};
  fastpar_error error;
  for (int turn = 0; turn < 100; turn++) {
    CHECK_EQUAL(fastpar_for(NULL, 24, failing_chunk, &f, &error), FASTPAR_ERR_CALLBACK);
    CHECK_EQUAL(error.position, 0); /* chunk 0 is the first to be given out, so it ran */
    CHECK_EQUAL(error.code, 1000);
  }
}

static void success_leaves_the_error_alone(void)
{
  fastpar_error error, before;
  failing f = {SIZE_MAX, 0};
  memset(&error, 0xAB, sizeof error);
  before = error;
  CHECK_EQUAL(fastpar_for(NULL, 1000, failing_chunk, &f, &error), FASTPAR_OK);
  CHECK(memcmp(&error, &before, sizeof error) == 0);
  CHECK_EQUAL(f.calls, 24);
}

static void a_wrong_option_is_refused(void)
{
  failing f = {SIZE_MAX, 0};
  fastpar_error error;
  fastpar_loop_options options = loop_options();
  options.schedule = 4;
  CHECK_EQUAL(fastpar_for(&options, 1000, failing_chunk, &f, &error), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "schedule") != NULL);
  CHECK(error.position == UINT64_MAX);
  CHECK_EQUAL(f.calls, 0);
}

/* An option that the schedule has no use for is no option. */
static void options_that_would_be_ignored_are_refused(void)
{
  static const struct {
    const char *name;
    size_t offset;
    int used[4]; /* by SEGMENTS, CACHE, GRAIN, GUIDED */
  } rows[] = {{"segments", offsetof(fastpar_loop_options, segments), {1, 0, 0, 0}},
              {"grain", offsetof(fastpar_loop_options, grain), {0, 0, 1, 1}},
              {"item_size", offsetof(fastpar_loop_options, item_size), {0, 1, 0, 0}},
              {"cache_bytes", offsetof(fastpar_loop_options, cache_bytes), {0, 1, 0, 0}},
              {"flags", offsetof(fastpar_loop_options, flags), {0, 1, 0, 0}}};
  for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
    for (uint32_t schedule = 0; schedule <= FASTPAR_SCHEDULE_GUIDED; schedule++) {
      failing f = {SIZE_MAX, 0};
      fastpar_error error;
      fastpar_loop_options options = loop_options();
      fastpar_status expected = rows[row].used[schedule] ? FASTPAR_OK : FASTPAR_ERR_INVALID_ARGUMENT;
      options.schedule = schedule;
      if (strcmp(rows[row].name, "flags") == 0) options.flags = FASTPAR_LOOP_CACHE_DETECT;
      else *(size_t *)((char *)&options + rows[row].offset) = 1;
      memset(&error, 0, sizeof error);
      CHECK_EQUAL(fastpar_for(&options, 10, failing_chunk, &f, &error), expected);
      CHECK(expected ? f.calls == 0 && strstr(error.message, rows[row].name) != NULL : f.calls > 0);
    }
  }
}

/* ---- cancelling ---- */

typedef struct cancelling {
  int32_t flag, calls;
} cancelling;

static int32_t cancelling_chunk(void *user_data, const fastpar_chunk *chunk)
{
  cancelling *c = user_data;
  if (os_add(&c->calls, 1) == 10) fastpar_cancel(&c->flag);
  (void)chunk;
  return 0;
}

static void cancelled_from_inside(void)
{
  cancelling c = {0, 0};
  fastpar_loop_options options = loop_options();
  options.schedule = FASTPAR_SCHEDULE_GRAIN;
  options.grain = 1;
  options.cancel = &c.flag;
  CHECK_EQUAL(fastpar_for(&options, 1000000, cancelling_chunk, &c, NULL), FASTPAR_ERR_CANCELLED);
  CHECK(c.calls > 10 && c.calls < 1000000);
  c.calls = 0;
  CHECK_EQUAL(fastpar_for(&options, 1000000, cancelling_chunk, &c, NULL), FASTPAR_ERR_CANCELLED);
  CHECK_EQUAL(c.calls, 0); /* a flag that is set already: nothing starts */
}

static int32_t chunk_until_cancelled(void *user_data, const fastpar_chunk *chunk)
{
  cancelling *c = user_data;
  (void)chunk;
  os_add(&c->calls, 1);
  while (os_load(&c->flag) == 0) os_yield();
  return 0;
}

static void cancel_when_it_runs(void *argument)
{
  cancelling *c = argument;
  while (os_load(&c->calls) == 0) os_yield();
  fastpar_cancel(&c->flag);
}

static void cancelled_from_outside(void)
{
  cancelling c = {0, 0};
  os_thread thread;
  fastpar_loop_options options = loop_options();
  options.cancel = &c.flag;
  options.segments = 10000;
  os_start(&thread, cancel_when_it_runs, &c);
  CHECK_EQUAL(fastpar_for(&options, 10000, chunk_until_cancelled, &c, NULL), FASTPAR_ERR_CANCELLED);
  os_join(&thread);
  CHECK(c.calls >= 1 && c.calls < 10000);
}

typedef struct watching {
  int32_t inside, calls, answer;
  uint64_t last;
} watching;

static int32_t watch(void *user_data, uint64_t done, uint64_t total)
{
  watching *w = user_data;
  CHECK_EQUAL(os_add(&w->inside, 1), 0);
  CHECK(done >= w->last && done <= total && total == 40);
  w->last = done;
  w->calls++;
  os_add(&w->inside, -1);
  return w->answer;
}

static int32_t slow_chunk(void *user_data, const fastpar_chunk *chunk)
{
  (void)user_data;
  (void)chunk;
  os_sleep_ms(20);
  return 0;
}

static void progress_is_told_one_at_a_time(void)
{
  watching w = {0, 0, 0, 0};
  fastpar_loop_options options = loop_options();
  options.max_lanes = 4;
  options.segments = 40;
  options.progress = watch;
  options.progress_data = &w;
  CHECK_EQUAL(fastpar_for(&options, 40, slow_chunk, NULL, NULL), FASTPAR_OK);
  CHECK(w.calls >= 2 && w.last == 40);
  w.answer = 1;
  w.last = 0;
  CHECK_EQUAL(fastpar_for(&options, 40, slow_chunk, NULL, NULL), FASTPAR_ERR_CANCELLED);
  CHECK(w.last < 40);
}

/* ---- nesting and many callers ---- */

typedef struct nest {
  int depth;
  int32_t leaves;
} nest;

static int32_t nested_chunk(void *user_data, const fastpar_chunk *chunk)
{
  nest *outer = user_data;
  nest inner = {outer->depth - 1, 0};
  (void)chunk;
  if (inner.depth == 0) {
    os_add(&outer->leaves, 1);
    return 0;
  }
  CHECK_EQUAL(fastpar_for(NULL, 24, nested_chunk, &inner, NULL), FASTPAR_OK);
  os_add(&outer->leaves, inner.leaves);
  return 0;
}

static void nested_three_deep(void)
{
  nest top = {3, 0};
  CHECK_EQUAL(fastpar_for(NULL, 24, nested_chunk, &top, NULL), FASTPAR_OK);
  CHECK_EQUAL(top.leaves, 24 * 24 * 24);
}

static int32_t callers_waiting;

static void foreign_thread(void *argument)
{
  (void)argument;
  os_add(&callers_waiting, -1);
  while (os_load(&callers_waiting) > 0) os_yield();
  for (size_t count = 1; count <= 10000; count *= 10) grid_run(NULL, count + 3);
}

/* ---- how deep ---- */

enum { DEEPEST = 128 };

typedef struct descent {
  int levels;
  fastpar_status last;
} descent;

/* A loop in a loop in a loop; with a single lane all on one thread. */
static int32_t go_down(void *user_data, const fastpar_chunk *chunk)
{
  descent *down = user_data;
  fastpar_loop_options options = loop_options();
  fastpar_status status;
  (void)chunk;
  options.max_lanes = 1;
  down->levels++;
  status = fastpar_for(&options, 1, go_down, down, NULL);
  if (down->last == FASTPAR_OK) down->last = status;
  return 0;
}

static int32_t go_down_as_member(void *user_data, fastpar_team *team, uint32_t member, uint32_t members)
{
  descent *downs = user_data;
  (void)team;
  (void)members;
  go_down(&downs[member], NULL);
  return 0;
}

/* Past the limit a call is refused, with the stack of a worker far from its end; the threads go on as
   before. */
static void nested_too_deep(void)
{
  descent downs[4];
  for (int turn = 0; turn < 3; turn++) {
    memset(downs, 0, sizeof downs);
    CHECK_EQUAL(fastpar_team_run(4, go_down_as_member, downs, NULL), FASTPAR_OK);
    for (int i = 0; i < 4; i++) {
      CHECK(downs[i].levels == DEEPEST || downs[i].levels == DEEPEST + 1); /* the team is a call too, for member 0 */
      CHECK_EQUAL(downs[i].last, FASTPAR_ERR_LIMIT_EXCEEDED);
    }
    memset(downs, 0, sizeof downs);
    CHECK_EQUAL(fastpar_for(NULL, 1, go_down, downs, NULL), FASTPAR_OK);
    CHECK_EQUAL(downs[0].levels, DEEPEST);
    CHECK_EQUAL(downs[0].last, FASTPAR_ERR_LIMIT_EXCEEDED);
  }
}

static void sixty_four_foreign_threads_at_once(void)
{
  static os_thread threads[64];
  os_store(&callers_waiting, 64);
  for (int i = 0; i < 64; i++) os_start(&threads[i], foreign_thread, NULL);
  for (int i = 0; i < 64; i++) os_join(&threads[i]);
}

int main(void)
{
  RUN(every_schedule_visits_every_item_once);
  RUN(the_default_is_24_chunks);
  RUN(plans_cover_the_range);
  RUN(the_largest_count_has_a_plan);
  RUN(a_failing_callback_stops_the_loop);
  RUN(the_lowest_failing_chunk_is_told);
  RUN(success_leaves_the_error_alone);
  RUN(a_wrong_option_is_refused);
  RUN(options_that_would_be_ignored_are_refused);
  RUN(cancelled_from_inside);
  RUN(cancelled_from_outside);
  RUN(progress_is_told_one_at_a_time);
  RUN(nested_three_deep);
  RUN(nested_too_deep);
  RUN(sixty_four_foreign_threads_at_once);
  return FINISH();
}
