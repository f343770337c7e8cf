/* Every function from 32 threads at once, with handles that they share, handles that are NULL and options
 * that are wrong, as the header allows it: each call ends with a status that the header names for it, and
 * what is shared stays whole. */
#define _GNU_SOURCE
#define CALLS_SIZE 160000
#include "calls.h"
#include "check.h"

#include <pthread.h>
#include <time.h>

enum { THREADS = 32, SECONDS = 8, NONE = -1 };

typedef struct shared {
  fastpar_queue *queue;
  fastpar_archive *archive;
  fastpar_dict *dict;
  fastpar_job *job;
  fastpar_writer *writer;
  fastpar_reader *reader;
  _Atomic(fastpar_group *) group; /* of a task, which may have ended */
  atomic_long pushed, popped, sum; /* of the queue */
  int64_t number;
} shared;

static shared all;
static calls_room sinks; /* what the shared writer and reader work in: one call at a time */
static atomic_int over;
static atomic_long made;

/* One of the statuses that follow it, up to NONE. */
static void expect(int line, fastpar_status status, const int *expected)
{
  atomic_fetch_add(&made, 1);
  while (*expected != NONE) {
    if (status == *expected++) return;
  }
  printf("hostile.c:%d: %s\n", line, fastpar_status_name(status));
  CHECK(!"a status that is not documented");
}

#define EXPECT(status, ...) expect(__LINE__, status, (const int[]){__VA_ARGS__, NONE})
#define WRONG FASTPAR_ERR_INVALID_ARGUMENT

static int32_t count_down(void *user_data, const fastpar_chunk *chunk)
{
  (void)user_data;
  (void)chunk;
  return 0;
}

static int32_t drop(void *user_data, const void *data, size_t len)
{
  (void)user_data;
  (void)data;
  (void)len;
  return 0;
}

static int32_t zeros(void *user_data, void *buffer, size_t capacity, size_t *len)
{
  static const unsigned char frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x01, 0x00, 0x00}; /* nothing, for ever */
  (void)user_data;
  *len = capacity < sizeof frame ? 0 : sizeof frame;
  memcpy(buffer, frame, *len);
  return 0;
}

static void hook(void *user_data, uint32_t worker)
{
  (void)user_data;
  (void)worker;
}

static void library_and_pool(uint64_t choice)
{
  fastpar_pool_options pool;
  fastpar_pool_stats stats;
  CHECK(fastpar_version() == FASTPAR_VERSION_NUMBER && fastpar_abi_version() == FASTPAR_ABI_VERSION);
  CHECK(fastpar_version_string() && fastpar_zstd_version_string());
  CHECK(fastpar_status_name((fastpar_status)choice) && fastpar_status_message((fastpar_status)choice));
  CHECK(fastpar_pool_worker() == -1 && fastpar_pool_threads() > 0);
  memset(&pool, 0, sizeof pool);
  pool.struct_size = choice & 1 ? sizeof pool : choice >> 8 & 31;
  pool.threads = (uint32_t)(choice >> 16 & 7);
  EXPECT(fastpar_pool_start(&pool, NULL), FASTPAR_OK, FASTPAR_ERR_ALREADY_STARTED, WRONG);
  memset(&stats, 0, sizeof stats);
  stats.struct_size = sizeof stats;
  EXPECT(fastpar_pool_stats_read(choice & 2 ? &stats : NULL, NULL), FASTPAR_OK, WRONG);
  if ((choice >> 20) % 50 == 0) EXPECT(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  if ((choice >> 20) % 1000 == 1) EXPECT(fastpar_pool_hook(hook, choice & 1 ? hook : NULL, NULL, NULL), FASTPAR_OK);
  EXPECT(fastpar_pool_hook(NULL, NULL, NULL, NULL), WRONG);
}

static void loops_and_jobs(uint64_t choice, calls_room *room)
{
  fastpar_loop_options options = calls_loop(room);
  fastpar_plan plan;
  fastpar_chunk chunk;
  fastpar_job *job = NULL;
  uint64_t here = 0, total = 0;
  options.schedule = (uint32_t)(choice % 6); /* two of them wrong */
  options.grain = choice >> 8 & 15;
  memset(&plan, 0, sizeof plan);
  plan.struct_size = sizeof plan;
  EXPECT(fastpar_for(&options, 300, choice & 64 ? count_down : NULL, NULL, NULL), FASTPAR_OK, WRONG);
  EXPECT(fastpar_plan_make(&options, (size_t)choice, &plan, NULL), FASTPAR_OK, WRONG);
  EXPECT(fastpar_plan_chunk(&options, 300, choice >> 16 & 31, &chunk, NULL), FASTPAR_OK, WRONG);
  EXPECT(call_reduce(room), FASTPAR_OK);
  EXPECT(fastpar_reduce(&options, 3, NULL, calls_combine, NULL, &total, sizeof total, NULL), WRONG);
  EXPECT(call_prefix(room), FASTPAR_OK);
  EXPECT(fastpar_prefix(&options, 3, calls_add, calls_combine, NULL, NULL, &total, sizeof total, NULL), WRONG);
  EXPECT(fastpar_for_start(&options, 300, count_down, NULL, &job, NULL), FASTPAR_OK, WRONG);
  EXPECT(fastpar_job_wait(job, choice >> 24 & 1, NULL), FASTPAR_OK, FASTPAR_ERR_TIMEOUT, WRONG);
  fastpar_job_cancel(job);
  EXPECT(fastpar_job_wait(job, UINT64_MAX, NULL), FASTPAR_OK, FASTPAR_ERR_CANCELLED, WRONG);
  fastpar_job_free(job);
  EXPECT(fastpar_job_wait(all.job, choice >> 24 & 1, NULL), FASTPAR_OK, FASTPAR_ERR_TIMEOUT);
  EXPECT(fastpar_job_progress(all.job, &here, &total, NULL), FASTPAR_OK);
  CHECK(here <= total && total == 100000);
  fastpar_job_cancel(NULL);
  EXPECT(call_team(room), FASTPAR_OK, FASTPAR_ERR_THREADS); /* two members are too many for a pool of one */
  EXPECT(fastpar_team_run(5000, calls_member, NULL, NULL), FASTPAR_ERR_THREADS);
  EXPECT(fastpar_team_barrier(NULL, NULL), WRONG);
}

#include "hostile_tables.h"

/* What is no task of the calling thread's: another thread's group, which may have ended. */
static void a_group_of_others(fastpar_group *group)
{
  EXPECT(fastpar_group_spawn(group, calls_visit, NULL, NULL), WRONG);
  EXPECT(fastpar_group_wait(group, NULL), WRONG);
}

typedef struct hostile_line {
  uint32_t fed, taken, dropped, fails; /* fails: feeding, the work or taking at this item, or never */
} hostile_line;

static int32_t feed_some(void *user_data, void **item)
{
  hostile_line *line = user_data;
  if (line->fails % 4 == 1 && line->fed == line->fails / 4) return 5;
  if (line->fed < 20) *item = (void *)(uintptr_t)++line->fed;
  return 0;
}

static int32_t work_on_some(void *user_data, void *item, uint32_t lane)
{
  uint32_t fails = ((hostile_line *)user_data)->fails;
  (void)lane;
  return fails % 4 == 2 && (uintptr_t)item == fails / 4;
}

static int32_t take_some(void *user_data, void *item, uint32_t lane)
{
  hostile_line *line = user_data;
  (void)lane;
  CHECK((uintptr_t)item == ++line->taken);
  return line->fails % 4 == 3 && line->taken == line->fails / 4;
}

static void drop_some(void *user_data, void *item)
{
  (void)item;
  ((hostile_line *)user_data)->dropped++;
}

static int32_t no_task(void *item, fastpar_group *group, uint32_t lane)
{
  (void)item;
  (void)group;
  (void)lane;
  return 0;
}

/* A task that tries the group of another thread, and leaves its own for others to try. */
static int32_t in_a_task(void *item, fastpar_group *group, uint32_t lane)
{
  uint64_t choice = *(uint64_t *)item;
  fastpar_group *other = atomic_exchange(&all.group, group);
  (void)lane;
  if (other != group) a_group_of_others(other);
  EXPECT(fastpar_group_spawn(group, choice & 1 ? NULL : no_task, item, NULL), FASTPAR_OK, WRONG);
  EXPECT(fastpar_group_wait(group, NULL), FASTPAR_OK);
  return choice & 2 ? 0 : (int32_t)(choice >> 40);
}

static void groups_and_pipelines(uint64_t choice, calls_room *room)
{
  fastpar_group_options options;
  fastpar_pipeline_options pipe;
  hostile_line line = {0, 0, 0, (uint32_t)(choice >> 8 & 127)};
  memset(&options, 0, sizeof options);
  options.struct_size = choice & 4 ? sizeof options : choice >> 16 & 31;
  options.max_lanes = (uint32_t)(choice >> 21);
  options.flags = choice >> 5 & 1;
  EXPECT(call_group(room), FASTPAR_OK);
  EXPECT(call_pipeline(room), FASTPAR_OK);
  a_group_of_others(atomic_load(&all.group));
  EXPECT(fastpar_group_run(&options, choice & 64 ? NULL : in_a_task, &choice, NULL), FASTPAR_OK, FASTPAR_ERR_CALLBACK, WRONG);
  memset(&pipe, 0, sizeof pipe);
  pipe.struct_size = choice & 8 ? sizeof pipe : choice >> 16 & 31;
  pipe.max_lanes = (uint32_t)(choice >> 30 & 7);
  pipe.in_flight = (uint32_t)(choice >> 33 & 7) * (uint32_t)(choice >> 36);
  pipe.drop = drop_some;
  EXPECT(fastpar_pipeline_run(&pipe, feed_some, work_on_some, choice & 16 ? NULL : take_some, &line, NULL), FASTPAR_OK,
         FASTPAR_ERR_CALLBACK, WRONG);
  CHECK_EQUAL(line.fed, line.taken + line.dropped);
}

static void shared_state(uint64_t choice)
{
  fastpar_queue *own = NULL;
  uint64_t value = choice & 1023;
  int64_t expected = fastpar_atomic_load(&all.number);
  fastpar_status status = fastpar_queue_push(all.queue, value, choice >> 12 & 1, NULL);
  EXPECT(status, FASTPAR_OK, FASTPAR_ERR_TIMEOUT);
  if (status == 0) {
    atomic_fetch_add(&all.pushed, 1);
    atomic_fetch_add(&all.sum, (long)value);
  }
  status = fastpar_queue_pop(all.queue, choice >> 13 & 1, &value, NULL);
  EXPECT(status, FASTPAR_OK, FASTPAR_ERR_TIMEOUT);
  if (status == 0) {
    atomic_fetch_add(&all.popped, 1);
    atomic_fetch_sub(&all.sum, (long)value);
  }
  fastpar_atomic_compare_exchange(&all.number, &expected, expected);
  fastpar_atomic_max(&all.number, fastpar_atomic_add(&all.number, 1));
  fastpar_atomic_min(&all.number, INT64_MAX);
  EXPECT(fastpar_queue_open(choice >> 14 & 3, &own, NULL), FASTPAR_OK, WRONG);
  fastpar_queue_close(own);
  EXPECT(fastpar_queue_push(own, 1, 0, NULL), FASTPAR_ERR_CLOSED, WRONG);
  EXPECT(fastpar_queue_pop(own, 0, &value, NULL), FASTPAR_ERR_CLOSED, WRONG);
  fastpar_queue_free(own);
}

static void zstd_calls(uint64_t choice, calls_room *room)
{
  fastpar_zstd_options options = calls_options(room);
  fastpar_frame_info info;
  size_t len = 0, bound = 0;
  uint64_t size = 0;
  uint32_t id = 0;
  fastpar_writer *writer = NULL;
  fastpar_reader *reader = NULL;
  options.dict = choice & 1 ? all.dict : NULL;
  options.level = (int32_t)(choice >> 4 & 31) - 8; /* some are too high */
  EXPECT(fastpar_compress_bound(&options, (size_t)choice, &bound, NULL), FASTPAR_OK, WRONG);
  EXPECT(fastpar_compress(&options, calls_text, 5000, room->packed, choice >> 16 & 4095, &len, NULL), FASTPAR_OK,
         FASTPAR_ERR_BUFFER_TOO_SMALL, WRONG);
  EXPECT(fastpar_decompressed_size(calls_packed, calls_packed_len, &size, NULL), FASTPAR_OK);
  EXPECT(call_decompress(room), FASTPAR_OK);
  EXPECT(call_batch(room), FASTPAR_OK);
  EXPECT(fastpar_dict_id(choice & 1 ? all.dict : NULL, &id, NULL), FASTPAR_OK, WRONG);
  EXPECT(call_dict(room), FASTPAR_OK);
  EXPECT(calls_read(all.archive, room), FASTPAR_OK);
  EXPECT(fastpar_archive_size(all.archive, &size, NULL), FASTPAR_OK);
  EXPECT(fastpar_archive_frames(choice & 1 ? all.archive : NULL, &size, NULL), FASTPAR_OK, WRONG);
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  EXPECT(fastpar_archive_frame(all.archive, choice >> 16 & 31, &info, NULL), FASTPAR_OK, WRONG);
  EXPECT(fastpar_seek_table_write(choice & 2 ? &size : NULL, &choice, NULL, choice & 1, room->unpacked, choice >> 16 & 31, &len, NULL),
         FASTPAR_OK, WRONG, FASTPAR_ERR_BUFFER_TOO_SMALL, FASTPAR_ERR_LIMIT_EXCEEDED);
  /* One at a time: the others are told so. */
  EXPECT(fastpar_writer_write(all.writer, calls_text, 5000, NULL), FASTPAR_OK, FASTPAR_ERR_BUSY);
  EXPECT(fastpar_writer_flush(all.writer, NULL), FASTPAR_OK, FASTPAR_ERR_BUSY);
  EXPECT(fastpar_writer_write(NULL, calls_text, 1, NULL), WRONG);
  EXPECT(fastpar_writer_open(&options, choice & 1 ? drop : NULL, NULL, &writer, NULL), FASTPAR_OK, WRONG);
  EXPECT(fastpar_writer_finish(writer, NULL), FASTPAR_OK, WRONG);
  fastpar_writer_free(writer);
  EXPECT(fastpar_reader_open(&options, choice & 1 ? zeros : NULL, NULL, &reader, NULL), FASTPAR_OK, WRONG);
  EXPECT(fastpar_reader_read(reader, room->packed, 0, &len, NULL), FASTPAR_OK, WRONG);
  fastpar_reader_free(reader);
}

/* The shared reader ends when somebody has read it to its end; then everybody is told so. */
static void shared_reader(calls_room *room)
{
  size_t len = 0;
  EXPECT(fastpar_reader_read(all.reader, room->packed, 5000, &len, NULL), FASTPAR_OK, FASTPAR_ERR_BUSY);
  CHECK(len <= 5000);
}

static void files(uint64_t choice, calls_room *room)
{
  fastpar_archive *archive = NULL;
  if (choice & 15) return; /* they take their time */
  EXPECT(call_files(room), FASTPAR_OK);
  EXPECT(call_train(room), FASTPAR_OK);
  EXPECT(fastpar_archive_open_file(NULL, "there is no such file", &archive, NULL), FASTPAR_ERR_IO);
  EXPECT(fastpar_archive_open(NULL, calls_text, 100, &archive, NULL), FASTPAR_ERR_NOT_ZSTD);
  fastpar_archive_free(archive);
  EXPECT(fastpar_compress_file(NULL, NULL, room->path[1], NULL, NULL), WRONG);
}

static void *act(void *argument)
{
  calls_room *room = argument;
  uint64_t choice = (uint64_t)(uintptr_t)argument * 0x9e3779b97f4a7c15u;
  while (!atomic_load(&over)) {
    choice ^= choice << 13;
    choice ^= choice >> 7;
    choice ^= choice << 17;
    switch (choice >> 40 & 7) {
    case 0: library_and_pool(choice); break;
    case 1: files(choice, room); break;
    case 2: if (choice & 1) shared_reader(room); else archive_tables(choice, room); break;
    case 3: zstd_calls(choice, room); break;
    case 4: shared_state(choice); break;
    case 5: if (choice & 1) sorting(choice, room); else tables(choice, room); break;
    case 6: groups_and_pipelines(choice, room); break;
    default: loops_and_jobs(choice, room); break;
    }
  }
  return NULL;
}

static void everything_from_32_threads(void)
{
  static calls_room rooms[THREADS];
  pthread_t threads[THREADS];
  fastpar_zstd_options options = calls_options(&sinks);
  struct timespec while_they_act = {SECONDS, 0};
  uint64_t value = 0;
  CHECK_EQUAL(fastpar_queue_open(20, &all.queue, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_archive_open(NULL, calls_packed, calls_packed_len, &all.archive, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_dict_open(calls_text, 4000, 1, &all.dict, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_for_start(NULL, 100000, count_down, NULL, &all.job, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_writer_open(&options, drop, NULL, &all.writer, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_reader_open(&options, calls_source, &sinks, &all.reader, NULL), FASTPAR_OK);
  for (int i = 0; i < THREADS; i++) {
    calls_make_room(&rooms[i], i);
    calls_make_files(&rooms[i]);
    CHECK_EQUAL(pthread_create(&threads[i], NULL, act, &rooms[i]), 0);
  }
  nanosleep(&while_they_act, NULL);
  atomic_store(&over, 1);
  for (int i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
  for (int i = 0; i < THREADS; i++) calls_remove_files(&rooms[i]);
  while (fastpar_queue_pop(all.queue, 0, &value, NULL) == FASTPAR_OK) {
    atomic_fetch_add(&all.popped, 1);
    atomic_fetch_sub(&all.sum, (long)value);
  }
  CHECK_EQUAL(atomic_load(&all.pushed), atomic_load(&all.popped));
  CHECK_EQUAL(atomic_load(&all.sum), 0);
  fastpar_atomic_store(&all.number, 0);
  CHECK_EQUAL(fastpar_writer_finish(all.writer, NULL), FASTPAR_OK);
  fastpar_writer_free(all.writer);
  fastpar_reader_free(all.reader);
  fastpar_job_free(all.job);
  fastpar_dict_free(all.dict);
  fastpar_archive_free(all.archive);
  fastpar_queue_free(all.queue);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  printf("  %ld calls\n", atomic_load(&made));
}

int main(void)
{
  calls_prepare();
  alarm(200);
  RUN(everything_from_32_threads);
  return FINISH();
}
