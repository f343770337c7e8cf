/* What callbacks ask of their call and tell it. */
#include "os.h"
#include "check.h"
#include "options.h"

#include <fastpar.h>

static fastpar_error tell(fastpar_status status, uint64_t position, const char *message)
{
  fastpar_error error;
  memset(&error, 0, sizeof error);
  error.status = status;
  error.code = 5;
  error.position = position;
  strncpy(error.message, message, sizeof error.message - 1);
  return error;
}

/* ---- fastpar_is_cancelled ---- */

typedef struct asking {
  int32_t flag, inside, asked, before;
  fastpar_job *job;
} asking;

static int32_t until_cancelled(void *user_data, const fastpar_chunk *chunk)
{
  asking *a = user_data;
  (void)chunk;
  if (fastpar_is_cancelled()) os_add(&a->before, 1);
  os_add(&a->inside, 1);
  while (!fastpar_is_cancelled()) os_yield();
  os_add(&a->asked, 1);
  return 0;
}

static void cancel_from_outside(void *argument)
{
  asking *a = argument;
  while (os_load(&a->inside) < 2) os_yield();
  fastpar_cancel(&a->flag);
}

static void a_cancelled_loop_tells_its_callbacks(void)
{
  asking a = {0, 0, 0, 0, NULL};
  fastpar_loop_options options = each_item(0);
  os_thread other;
  options.cancel = &a.flag;
  CHECK_EQUAL(fastpar_is_cancelled(), 0);
  os_start(&other, cancel_from_outside, &a);
  CHECK_EQUAL(fastpar_for(&options, 1000, until_cancelled, &a, NULL), FASTPAR_ERR_CANCELLED);
  os_join(&other);
  CHECK(a.asked == a.inside && a.asked >= 2 && a.asked < 1000);
  CHECK_EQUAL(fastpar_is_cancelled(), 0);
}

static int32_t fails_beside(void *user_data, const fastpar_chunk *chunk)
{
  asking *a = user_data;
  if (chunk->index != 1) return until_cancelled(user_data, chunk);
  while (os_load(&a->inside) == 0) os_yield();
  return 7;
}

static void a_failed_loop_tells_its_callbacks(void)
{
  asking a = {0, 0, 0, 0, NULL};
  fastpar_loop_options options = each_item(0);
  CHECK_EQUAL(fastpar_for(&options, 2, fails_beside, &a, NULL), FASTPAR_ERR_CALLBACK);
  CHECK(a.asked == 1 && a.before == 0);
}

static int32_t cancels_the_outer(void *user_data, const fastpar_chunk *chunk)
{
  asking *a = user_data;
  (void)chunk;
  if (!os_load(&a->flag)) {
    fastpar_cancel(&a->flag);
    while (!fastpar_is_cancelled()) os_yield();
  }
  return 0;
}

static int32_t with_a_loop_inside(void *user_data, const fastpar_chunk *chunk)
{
  fastpar_loop_options options = each_item(0);
  (void)chunk;
  options.max_lanes = 1;
  return fastpar_for(&options, 3, cancels_the_outer, user_data, NULL);
}

static void a_call_around_counts(void)
{
  asking a = {0, 0, 0, 0, NULL};
  fastpar_loop_options options = each_item(0);
  options.cancel = &a.flag;
  CHECK_EQUAL(fastpar_for(&options, 100, with_a_loop_inside, &a, NULL), FASTPAR_ERR_CANCELLED);
}

static int32_t cancels_its_job(void *user_data, const fastpar_chunk *chunk)
{
  asking *a = user_data;
  while (!os_load(&a->inside)) os_yield();
  fastpar_job_cancel(a->job);
  return until_cancelled(a, chunk);
}

static void a_cancelled_job_tells_its_callbacks(void)
{
  asking a = {0, 0, 0, 0, NULL};
  fastpar_loop_options options = each_item(0);
  CHECK_EQUAL(fastpar_for_start(&options, 1, cancels_its_job, &a, &a.job, NULL), FASTPAR_OK);
  os_add(&a.inside, 1);
  CHECK_EQUAL(fastpar_job_wait(a.job, UINT64_MAX, NULL), FASTPAR_ERR_CANCELLED);
  CHECK_EQUAL(a.asked, 1);
  fastpar_job_free(a.job);
}

static int32_t member_fails(void *user_data, fastpar_team *team, uint32_t member, uint32_t members)
{
  asking *a = user_data;
  fastpar_error error = tell(FASTPAR_ERR_IO, UINT64_MAX, "disk");
  (void)team;
  (void)members;
  if (member == 0) return until_cancelled(a, NULL);
  while (!os_load(&a->inside)) os_yield();
  fastpar_fail(&error);
  return 3;
}

static void members_ask_and_tell(void)
{
  asking a = {0, 0, 0, 0, NULL};
  fastpar_error error;
  CHECK_EQUAL(fastpar_team_run(2, member_fails, &a, &error), FASTPAR_ERR_IO);
  CHECK(error.code == 5 && error.position == 1 && strcmp(error.message, "disk") == 0);
  CHECK_EQUAL(a.asked, 1);
}

static void ended(void *user_data, fastpar_status status, const fastpar_error *error)
{
  asking *a = user_data;
  (void)error;
  a->asked = fastpar_is_cancelled() == (status != FASTPAR_OK);
  fastpar_fail(error);
}

static void notifications_ask(void)
{
  for (int cancelled = 0; cancelled < 2; cancelled++) {
    asking a = {0, 0, 0, 0, NULL};
    fastpar_loop_options options = each_item(0);
    a.flag = cancelled;
    options.cancel = &a.flag;
    CHECK_EQUAL(fastpar_for_start(&options, 1, cancels_the_outer, &(asking){1, 0, 0, 0, NULL}, &a.job, NULL), FASTPAR_OK);
    CHECK_EQUAL(fastpar_job_notify(a.job, ended, &a, NULL), FASTPAR_OK);
    CHECK_EQUAL(fastpar_job_wait(a.job, UINT64_MAX, NULL), cancelled ? FASTPAR_ERR_CANCELLED : FASTPAR_OK);
    CHECK_EQUAL(a.asked, 1);
    fastpar_job_free(a.job);
  }
}

/* ---- fastpar_fail ---- */

static int32_t tells_then_returns(void *user_data, const fastpar_chunk *chunk)
{
  const fastpar_error *error = user_data;
  fastpar_fail(chunk->index == 1 ? error : NULL);
  return chunk->index == 1 ? 9 : 0;
}

static fastpar_status fail_with(fastpar_error told, fastpar_error *error)
{
  fastpar_loop_options options = each_item(0);
  options.max_lanes = 1;
  return fastpar_for(&options, 3, tells_then_returns, &told, error);
}

static void the_call_returns_what_was_told(void)
{
  static const fastpar_status as_they_are[] = {FASTPAR_ERR_CORRUPT, FASTPAR_ERR_CANCELLED, FASTPAR_ERR_OUT_OF_MEMORY,
                                               FASTPAR_ERR_IO, FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_CALLBACK};
  static const fastpar_status not_theirs[] = {0, FASTPAR_ERR_TIMEOUT, FASTPAR_ERR_BUSY, 12345, -1};
  fastpar_error error, told;
  for (size_t i = 0; i < sizeof as_they_are / sizeof *as_they_are; i++) {
    CHECK_EQUAL(fail_with(tell(as_they_are[i], 77, "why"), &error), as_they_are[i]);
    CHECK(error.status == as_they_are[i] && error.code == 5 && error.position == 77 && strcmp(error.message, "why") == 0);
  }
  for (size_t i = 0; i < sizeof not_theirs / sizeof *not_theirs; i++) {
    CHECK_EQUAL(fail_with(tell(not_theirs[i], UINT64_MAX, "why"), &error), FASTPAR_ERR_CALLBACK);
    CHECK(error.position == 1 && strcmp(error.message, "why") == 0);
  }
  /* What is left out is what fastpar would have said. */
  told = tell(FASTPAR_ERR_CALLBACK, UINT64_MAX, "");
  told.code = 0;
  CHECK_EQUAL(fail_with(told, &error), FASTPAR_ERR_CALLBACK);
  CHECK(error.code == 9 && error.position == 1 && error.message[0] != 0);
  /* No end, and no text. */
  memset(told.message, 'x', sizeof told.message);
  told.message[3] = (char)0xff;
  CHECK_EQUAL(fail_with(told, &error), FASTPAR_ERR_CALLBACK);
  CHECK(strlen(error.message) > 200);
  fastpar_fail(&told); /* outside of callbacks nothing happens */
  fastpar_fail(NULL);
}

static int32_t tells_and_succeeds(void *user_data, const fastpar_chunk *chunk)
{
  fastpar_error error = tell(FASTPAR_ERR_CORRUPT, UINT64_MAX, "not this");
  int32_t *calls = user_data;
  os_add(calls, 1);
  if (chunk->index < 500) {
    fastpar_fail(&error);
    return 0;
  }
  return 4;
}

static void what_a_callback_that_succeeds_told_is_dropped(void)
{
  fastpar_loop_options options = each_item(0);
  fastpar_error error;
  int32_t calls = 0;
  options.max_lanes = 1;
  CHECK_EQUAL(fastpar_for(&options, 1000, tells_and_succeeds, &calls, &error), FASTPAR_ERR_CALLBACK);
  CHECK(error.code == 4 && error.position == 500 && calls == 501);
  CHECK_EQUAL(fastpar_for(&options, 500, tells_and_succeeds, &calls, NULL), FASTPAR_OK);
}

static int32_t all_tell(void *user_data, const fastpar_chunk *chunk)
{
  int32_t *inside = user_data;
  fastpar_error error = tell(FASTPAR_ERR_LIMIT_EXCEEDED, UINT64_MAX, "");
  os_add(inside, 1);
  while (os_load(inside) < 4) os_yield();
  snprintf(error.message, sizeof error.message, "chunk %d", (int)chunk->index);
  fastpar_fail(&error);
  return 1;
}

static void the_lowest_chunk_counts(void)
{
  for (int round = 0; round < 50; round++) {
    fastpar_loop_options options = each_item(0);
    fastpar_error error;
    int32_t inside = 0;
    CHECK_EQUAL(fastpar_for(&options, 4, all_tell, &inside, &error), FASTPAR_ERR_LIMIT_EXCEEDED);
    CHECK(error.position == 0 && strcmp(error.message, "chunk 0") == 0);
  }
}

static int32_t nested_tells(void *user_data, const fastpar_chunk *chunk)
{
  fastpar_error told = tell(FASTPAR_ERR_CORRUPT, UINT64_MAX, "inner"), error;
  fastpar_loop_options options = each_item(0);
  (void)user_data;
  (void)chunk;
  options.max_lanes = 1;
  if (fastpar_for(&options, 3, tells_then_returns, &told, &error) != FASTPAR_ERR_CORRUPT) return 1;
  return 6; /* the inner call's failure is not this one's */
}

static void a_failure_belongs_to_the_innermost_call(void)
{
  fastpar_loop_options options = each_item(0);
  fastpar_error error;
  CHECK_EQUAL(fastpar_for(&options, 1, nested_tells, NULL, &error), FASTPAR_ERR_CALLBACK);
  CHECK_EQUAL(error.code, 6);
}

static int32_t fold(void *user_data, const fastpar_chunk *chunk, void *accumulator)
{
  (void)user_data;
  *(int32_t *)accumulator += (int32_t)(chunk->end - chunk->begin);
  return 0;
}

static int32_t combine_tells(void *user_data, void *into, const void *from)
{
  fastpar_error error = tell(FASTPAR_ERR_CHECKSUM, UINT64_MAX, "sum");
  int32_t *calls = user_data;
  *(int32_t *)into += *(const int32_t *)from;
  fastpar_fail(&error);
  return ++*calls == 3;
}

static int32_t progress_tells(void *user_data, uint64_t done, uint64_t total)
{
  fastpar_error error = tell(FASTPAR_ERR_CLOSED, UINT64_MAX, "window closed");
  int32_t *calls = user_data;
  fastpar_fail(&error); /* the last report cannot fail any more */
  if (done == total) return 0;
  os_add(calls, 1);
  return 1;
}

static int32_t until_told(void *user_data, const fastpar_chunk *chunk)
{
  fastpar_error error = tell(FASTPAR_ERR_CORRUPT, UINT64_MAX, "not this");
  (void)user_data;
  (void)chunk;
  fastpar_fail(&error);
  return 0;
}

static void combines_and_progress_tell_too(void)
{
  fastpar_error error;
  fastpar_loop_options options = each_item(0);
  int32_t calls = 0, sum = 0;
  CHECK_EQUAL(fastpar_reduce(NULL, 1000, fold, combine_tells, &calls, &sum, sizeof sum, &error), FASTPAR_ERR_CHECKSUM);
  CHECK(error.position == 2 && strcmp(error.message, "sum") == 0);
  calls = 0;
  options.progress = progress_tells;
  options.progress_data = &calls;
  CHECK_EQUAL(fastpar_for(&options, (size_t)1 << 40, until_told, NULL, &error), FASTPAR_ERR_CLOSED);
  /* Another lane may report before the first one has ended the loop. */
  CHECK(calls >= 1 && strcmp(error.message, "window closed") == 0 && error.position != UINT64_MAX);
}

/* ---- sinks and sources ---- */

static int32_t sink(void *user_data, const void *data, size_t len)
{
  fastpar_error error = tell(FASTPAR_ERR_IO, 12, "full");
  asking *a = user_data;
  (void)data;
  (void)len;
  a->asked = fastpar_is_cancelled();
  fastpar_cancel(&a->flag);
  a->inside = fastpar_is_cancelled();
  fastpar_fail(&error);
  return 1;
}

static int32_t source(void *user_data, void *buffer, size_t capacity, size_t *len)
{
  (void)buffer;
  (void)capacity;
  *len = 0;
  return sink(user_data, NULL, 0);
}

static void sinks_and_sources_ask_and_tell(void)
{
  asking a = {0, 0, 0, 0, NULL};
  fastpar_zstd_options options;
  fastpar_writer *writer = NULL;
  fastpar_reader *reader = NULL;
  fastpar_error error;
  char byte;
  size_t len;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.cancel = &a.flag;
  CHECK_EQUAL(fastpar_writer_open(&options, sink, &a, &writer, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_writer_write(writer, "abc", 3, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_writer_finish(writer, &error), FASTPAR_ERR_IO);
  CHECK(a.asked == 0 && a.inside == 1 && error.code == 5 && strcmp(error.message, "full") == 0);
  fastpar_writer_free(writer);
  a.flag = a.inside = 0;
  CHECK_EQUAL(fastpar_reader_open(&options, source, &a, &reader, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_reader_read(reader, &byte, 1, &len, &error), FASTPAR_ERR_IO);
  CHECK(a.asked == 0 && a.inside == 1 && error.code == 5 && strcmp(error.message, "full") == 0);
  fastpar_reader_free(reader);
}

int main(void)
{
  RUN(a_cancelled_loop_tells_its_callbacks);
  RUN(a_failed_loop_tells_its_callbacks);
  RUN(a_call_around_counts);
  RUN(a_cancelled_job_tells_its_callbacks);
  RUN(members_ask_and_tell);
  RUN(notifications_ask);
  RUN(the_call_returns_what_was_told);
  RUN(what_a_callback_that_succeeds_told_is_dropped);
  RUN(the_lowest_chunk_counts);
  RUN(a_failure_belongs_to_the_innermost_call);
  RUN(combines_and_progress_tell_too);
  RUN(sinks_and_sources_ask_and_tell);
  return FINISH();
}
