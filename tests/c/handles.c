/* Handles that are freed while a call uses them: by the call's own callback, or by another thread. Run it
   with valgrind too. */
#include "os_threads.h"
#include "check.h"
#include "options.h"

#include <fastpar.h>

enum { LENGTH = 1 << 20 };
static unsigned char bytes[LENGTH];

/* ---- jobs ---- */

typedef struct own_job {
  fastpar_job *job;
  int32_t freed;
  int32_t calls;
} own_job;

static int32_t wait_for_flag(void *user_data, const fastpar_chunk *chunk)
{
  (void)chunk;
  while (!os_load(user_data)) os_sleep_ms(1);
  return 0;
}

/* Frees the job on the thread that waits for it; the worker only passes the time. */
static int32_t free_own_job(void *user_data, const fastpar_chunk *chunk)
{
  own_job *own = user_data;
  (void)chunk;
  os_add(&own->calls, 1);
  if (fastpar_pool_worker() < 0 && os_add(&own->freed, 1) == 0) fastpar_job_free(own->job);
  os_yield();
  return 0;
}

/* One of two workers is busy elsewhere, so of two lanes one is left to the waiter; `limit`: its
   milliseconds. */
static void free_job_in_wait(uint64_t limit)
{
  fastpar_pool_options pool;
  memset(&pool, 0, sizeof pool);
  pool.struct_size = sizeof pool;
  pool.threads = 2;
  for (int round = 0; round < 20; round++) {
    own_job own = {NULL, 0, 0};
    int32_t go = 0;
    fastpar_job *blocker = NULL;
    fastpar_loop_options one = each_item(1), two = each_item(2);
    CHECK_EQUAL(fastpar_pool_start(&pool, NULL), FASTPAR_OK);
    CHECK_EQUAL(fastpar_for_start(&one, 1, wait_for_flag, &go, &blocker, NULL), FASTPAR_OK);
    CHECK_EQUAL(fastpar_for_start(&two, (size_t)1 << 31, free_own_job, &own, &own.job, NULL), FASTPAR_OK);
    CHECK_EQUAL(fastpar_job_wait(own.job, limit, NULL), FASTPAR_ERR_CANCELLED);
    CHECK_EQUAL(os_load(&own.freed), 1);
    os_store(&go, 1);
    CHECK_EQUAL(fastpar_job_wait(blocker, UINT64_MAX, NULL), FASTPAR_OK);
    fastpar_job_free(blocker);
    CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  }
}

static void a_waiter_frees_its_job_in_a_chunk(void) { free_job_in_wait(UINT64_MAX); }
static void a_waiter_with_a_deadline_frees_its_job(void) { free_job_in_wait(600000); }

typedef struct waited_job {
  fastpar_job *job;
  int32_t waiter; /* its id, right before it waits */
  int32_t helps;  /* the waiter has run a chunk */
} waited_job;

static int32_t yield_in_chunk(void *user_data, const fastpar_chunk *chunk)
{
  waited_job *waited = user_data;
  (void)chunk;
  if (fastpar_pool_worker() < 0) os_store(&waited->helps, 1);
  os_yield();
  return 0;
}

static void wait_on_thread(void *argument)
{
  waited_job *waited = argument;
  os_store(&waited->waiter, os_thread_id());
  CHECK_EQUAL(fastpar_job_wait(waited->job, UINT64_MAX, NULL), FASTPAR_ERR_CANCELLED);
}

static void a_job_is_freed_while_another_thread_waits(void)
{
  waited_job waited = {NULL, 0, 0};
  os_thread waiter;
  fastpar_loop_options options = each_item(2);
  CHECK_EQUAL(fastpar_for_start(&options, (size_t)1 << 31, yield_in_chunk, &waited, &waited.job, NULL), FASTPAR_OK);
  os_start(&waiter, wait_on_thread, &waited);
  /* A program must not free what a thread is only about to use. */
  while (!os_load(&waited.waiter)) os_yield();
  while (!os_load(&waited.helps) && !os_is_asleep(waited.waiter)) os_sleep_ms(1);
  fastpar_job_free(waited.job);
  os_join(&waiter);
}

/* ---- writers and readers ---- */

typedef struct own_writer {
  fastpar_writer *writer;
  fastpar_dict *dict;
  int32_t calls;
} own_writer;

static int32_t free_in_sink(void *user_data, const void *data, size_t len)
{
  own_writer *own = user_data;
  (void)data;
  (void)len;
  if (own->calls++ == 0) fastpar_writer_free(own->writer);
  return 0;
}

static int32_t free_in_progress(void *user_data, uint64_t done, uint64_t total)
{
  own_writer *own = user_data;
  (void)done;
  (void)total;
  if (own->calls++ == 0) fastpar_writer_free(own->writer);
  return 0;
}

static int32_t take(void *user_data, const void *data, size_t len)
{
  (void)user_data;
  (void)data;
  (void)len;
  return 0;
}

static void a_writer_is_freed_in_its_sink(void)
{
  for (int flush = 0; flush < 3; flush++) {
    own_writer own = {NULL, NULL, 0};
    fastpar_zstd_options options;
    fastpar_error error;
    int32_t result = FASTPAR_OK;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.frame_size = LENGTH / 16;
    CHECK_EQUAL(fastpar_writer_open(&options, free_in_sink, &own, &own.writer, NULL), FASTPAR_OK);
    if (flush == 0) {
      while (result == FASTPAR_OK) result = fastpar_writer_write(own.writer, bytes, LENGTH, &error);
    } else {
      CHECK_EQUAL(fastpar_writer_write(own.writer, bytes, 1000, NULL), FASTPAR_OK);
      result = flush == 1 ? fastpar_writer_flush(own.writer, &error) : fastpar_writer_finish(own.writer, &error);
    }
    CHECK_EQUAL(result, FASTPAR_ERR_CLOSED);
    CHECK_EQUAL(error.status, FASTPAR_ERR_CLOSED);
    CHECK_EQUAL(own.calls, 1); /* it is not called again */
  }
}

/* Longer than reports of progress are apart, so that one is due in the middle of the call. */
static int32_t take_slowly(void *user_data, const void *data, size_t len)
{
  os_sleep_ms(60);
  return take(user_data, data, len);
}

/* Once, also where the last report of the call would still follow. */
static void free_in_progress_with(fastpar_sink_fn sink)
{
  own_writer own = {NULL, NULL, 0};
  fastpar_zstd_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.progress = free_in_progress;
  options.progress_data = &own;
  CHECK_EQUAL(fastpar_writer_open(&options, sink, NULL, &own.writer, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_writer_write(own.writer, bytes, 1000, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_writer_finish(own.writer, NULL), FASTPAR_ERR_CLOSED);
  CHECK_EQUAL(own.calls, 1);
}

static void a_writer_is_freed_in_its_progress(void)
{
  free_in_progress_with(take);
  free_in_progress_with(take_slowly);
}

static int32_t free_dict_in_sink(void *user_data, const void *data, size_t len)
{
  own_writer *own = user_data;
  (void)data;
  (void)len;
  if (own->calls++ == 0) fastpar_dict_free(own->dict);
  return 0;
}

static void a_dictionary_is_freed_in_a_sink(void)
{
  own_writer own = {NULL, NULL, 0};
  fastpar_zstd_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.frame_size = LENGTH / 16;
  CHECK_EQUAL(fastpar_dict_open("likely content", 14, 0, &own.dict, NULL), FASTPAR_OK);
  options.dict = own.dict;
  CHECK_EQUAL(fastpar_writer_open(&options, free_dict_in_sink, &own, &own.writer, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_writer_write(own.writer, bytes, LENGTH, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_writer_finish(own.writer, NULL), FASTPAR_OK);
  CHECK(own.calls > 1);
  fastpar_writer_free(own.writer);
}

typedef struct own_reader {
  fastpar_reader *reader;
  const unsigned char *data;
  size_t left;
  int32_t calls, free_at;
} own_reader;

static int32_t free_in_source(void *user_data, void *buffer, size_t capacity, size_t *len)
{
  own_reader *own = user_data;
  *len = own->left < capacity ? own->left : capacity;
  if (*len > 100) *len = 100; /* several calls a frame */
  memcpy(buffer, own->data, *len);
  own->data += *len;
  own->left -= *len;
  if (own->calls++ == own->free_at) fastpar_reader_free(own->reader);
  return 0;
}

static void a_reader_is_freed_in_its_source(void)
{
  static unsigned char compressed[LENGTH / 4], out[LENGTH];
  size_t size = 0;
  fastpar_zstd_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.frame_size = LENGTH / 16;
  for (size_t i = 0; i < LENGTH; i++) bytes[i] = (unsigned char)((i * i) >> 7);
  CHECK_EQUAL(fastpar_compress(&options, bytes, LENGTH, compressed, sizeof compressed, &size, NULL), FASTPAR_OK);
  for (int32_t at = 0; at < 3; at++) {
    own_reader own = {NULL, NULL, 0, 0, 0};
    int32_t result = FASTPAR_OK;
    size_t len = 1;
    own.data = compressed;
    own.left = size;
    own.free_at = at;
    CHECK_EQUAL(fastpar_reader_open(NULL, free_in_source, &own, &own.reader, NULL), FASTPAR_OK);
    while (result == FASTPAR_OK && len > 0) result = fastpar_reader_read(own.reader, out, sizeof out, &len, NULL);
    CHECK_EQUAL(result, FASTPAR_ERR_CLOSED);
    CHECK_EQUAL(len, 0);
    CHECK_EQUAL(own.calls, at + 1);
  }
}

/* ---- queues ---- */

typedef struct queue_user {
  fastpar_queue *queue;
  int32_t pushes;
  int32_t begun;
  int32_t waiters[3]; /* their ids, right before they wait */
} queue_user;

static void wait_in_queue(void *argument)
{
  queue_user *user = argument;
  uint64_t value;
  os_store(&user->waiters[os_add(&user->begun, 1)], os_thread_id());
  if (user->pushes) {
    CHECK_EQUAL(fastpar_queue_push(user->queue, 2, UINT64_MAX, NULL), FASTPAR_ERR_CLOSED);
  } else {
    CHECK_EQUAL(fastpar_queue_pop(user->queue, UINT64_MAX, &value, NULL), FASTPAR_ERR_CLOSED);
  }
}

static void a_queue_is_freed_while_threads_wait(void)
{
  for (int32_t pushes = 0; pushes < 2; pushes++) {
    queue_user user = {NULL, 0, 0, {0, 0, 0}};
    os_thread threads[3];
    user.pushes = pushes;
    CHECK_EQUAL(fastpar_queue_open(1, &user.queue, NULL), FASTPAR_OK);
    if (pushes) CHECK_EQUAL(fastpar_queue_push(user.queue, 1, 0, NULL), FASTPAR_OK);
    for (int i = 0; i < 3; i++) os_start(&threads[i], wait_in_queue, &user);
    /* A program must not free what a thread is only about to use. */
    for (int i = 0; i < 3; i++) {
      while (!os_load(&user.waiters[i])) os_yield();
      while (!os_is_asleep(os_load(&user.waiters[i]))) os_sleep_ms(1);
    }
    fastpar_queue_free(user.queue);
    for (int i = 0; i < 3; i++) os_join(&threads[i]);
  }
}

int main(void)
{
  RUN(a_waiter_frees_its_job_in_a_chunk);
  RUN(a_waiter_with_a_deadline_frees_its_job);
  RUN(a_job_is_freed_while_another_thread_waits);
  RUN(a_writer_is_freed_in_its_sink);
  RUN(a_writer_is_freed_in_its_progress);
  RUN(a_dictionary_is_freed_in_a_sink);
  RUN(a_reader_is_freed_in_its_source);
  RUN(a_queue_is_freed_while_threads_wait);
  return FINISH();
}
