/* Calls of every group of functions, each of which checks what came of it: 0, or a status that is not FASTPAR_OK. Any number of
 * threads may run them, each with a room of its own. What they come to when something fails is for the caller to judge; wrong
 * results end the program. */
#ifndef CALLS_H
#define CALLS_H

#include <dirent.h>
#include <fastpar.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* As much as is decompressed by several threads; a program may take less. */
#ifndef CALLS_SIZE
#define CALLS_SIZE 800000
#endif

enum { CALLS_FRAME = CALLS_SIZE / 20, CALLS_COUNT = 10000, CALLS_ITEMS = 40, CALLS_ROOM = 2 * CALLS_SIZE };

static unsigned char calls_text[CALLS_SIZE];
static unsigned char calls_packed[CALLS_ROOM]; /* the text in frames, with a seek table */
static size_t calls_packed_len;
static unsigned char calls_long[CALLS_ROOM]; /* the text in one frame */
static size_t calls_long_len;

/* What a thread works in. */
typedef struct calls_room {
  unsigned char packed[CALLS_ROOM], unpacked[CALLS_SIZE];
  unsigned char marks[CALLS_COUNT];
  size_t at;
  char path[2][64];
  const int32_t *cancel; /* may be NULL */
} calls_room;

#define MUST(condition) ((condition) ? (void)0 : calls_wrong(__LINE__, #condition))
#define PASS(call) do { fastpar_status passed_ = (call); if (passed_ != FASTPAR_OK) return passed_; } while (0)

static void calls_wrong(int line, const char *condition)
{
  printf("calls.h:%d: wrong: %s\n", line, condition);
  fflush(stdout);
  abort();
}

static fastpar_zstd_options calls_options(const calls_room *room)
{
  fastpar_zstd_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.level = -10;
  options.frame_size = CALLS_FRAME;
  options.cancel = room->cancel;
  return options;
}

static fastpar_loop_options calls_loop(const calls_room *room)
{
  fastpar_loop_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.schedule = FASTPAR_SCHEDULE_GRAIN;
  options.grain = 100;
  options.cancel = room->cancel;
  return options;
}

/* Uses nothing of fastpar: enough for the loops and the writer. */
static void calls_prepare_text(void)
{
  for (size_t i = 0; i < CALLS_SIZE; i++) {
    calls_text[i] = (unsigned char)("a chunk of text, and "[i * i / 97 % 21] + (i / 5000 * 7 + i % 11) % 9);
  }
}

/* For all of them; starts no thread. */
static void calls_prepare(void)
{
  static calls_room none;
  fastpar_zstd_options options = calls_options(&none);
  calls_prepare_text();
  options.max_lanes = 1;
  MUST(fastpar_compress(&options, calls_text, CALLS_SIZE, calls_packed, CALLS_ROOM, &calls_packed_len, NULL) == 0);
  options.flags = FASTPAR_ZSTD_SINGLE_FRAME;
  options.frame_size = 0;
  MUST(fastpar_compress(&options, calls_text, CALLS_SIZE, calls_long, CALLS_ROOM, &calls_long_len, NULL) == 0);
}

static void calls_make_room(calls_room *room, int number)
{
  memset(room, 0, sizeof *room);
  for (int i = 0; i < 2; i++) snprintf(room->path[i], sizeof room->path[i], "calls-%d-%d-%d", (int)getpid(), number, i);
}

/* ---- loops ---- */

static int32_t calls_mark(void *user_data, const fastpar_chunk *chunk)
{
  unsigned char *marks = user_data;
  for (size_t i = chunk->begin; i < chunk->end; i++) marks[i]++;
  return 0;
}

static int calls_marked(const calls_room *room, unsigned char times)
{
  for (size_t i = 0; i < CALLS_COUNT; i++) {
    if (room->marks[i] != times) return 0;
  }
  return 1;
}

static fastpar_status call_loop(calls_room *room)
{
  fastpar_loop_options options = calls_loop(room);
  memset(room->marks, 0, sizeof room->marks);
  PASS(fastpar_for(&options, CALLS_COUNT, calls_mark, room->marks, NULL));
  MUST(calls_marked(room, 1));
  return 0;
}

typedef struct calls_nest {
  calls_room *room;
  atomic_int status;
} calls_nest;

static int32_t calls_inner(void *user_data, const fastpar_chunk *chunk)
{
  calls_nest *nest = user_data;
  fastpar_loop_options options = calls_loop(nest->room);
  fastpar_status status =
    fastpar_for(&options, chunk->end - chunk->begin, calls_mark, nest->room->marks + chunk->begin, NULL);
  if (status) atomic_store(&nest->status, status);
  return status;
}

static fastpar_status call_nested(calls_room *room)
{
  calls_nest nest = {room, 0};
  fastpar_status status;
  memset(room->marks, 0, sizeof room->marks);
  status = fastpar_for(NULL, CALLS_COUNT, calls_inner, &nest, NULL);
  if (status == FASTPAR_ERR_CALLBACK) return atomic_load(&nest.status);
  PASS(status);
  MUST(calls_marked(room, 1));
  return 0;
}

static int32_t calls_add(void *user_data, const fastpar_chunk *chunk, void *accumulator)
{
  uint64_t sum = 0;
  (void)user_data;
  for (size_t i = chunk->begin; i < chunk->end; i++) sum += i;
  *(uint64_t *)accumulator += sum;
  return 0;
}

static int32_t calls_combine(void *user_data, void *into, const void *from)
{
  (void)user_data;
  *(uint64_t *)into += *(const uint64_t *)from;
  return 0;
}

static fastpar_status call_reduce(calls_room *room)
{
  fastpar_loop_options options = calls_loop(room);
  uint64_t sum = 0;
  PASS(fastpar_reduce(&options, CALLS_COUNT, calls_add, calls_combine, NULL, &sum, sizeof sum, NULL));
  MUST(sum == (uint64_t)CALLS_COUNT * (CALLS_COUNT - 1) / 2);
  return 0;
}

static fastpar_status call_job(calls_room *room)
{
  fastpar_loop_options options = calls_loop(room);
  fastpar_job *job = NULL;
  fastpar_status status;
  memset(room->marks, 0, sizeof room->marks);
  PASS(fastpar_for_start(&options, CALLS_COUNT, calls_mark, room->marks, &job, NULL));
  status = fastpar_job_wait(job, UINT64_MAX, NULL);
  fastpar_job_free(job);
  PASS(status);
  MUST(calls_marked(room, 1));
  return 0;
}

typedef struct calls_team {
  atomic_int arrived;
  atomic_int wrong;
} calls_team;

static int32_t calls_member(void *user_data, fastpar_team *team, uint32_t member, uint32_t members)
{
  calls_team *shared = user_data;
  (void)member;
  atomic_fetch_add(&shared->arrived, 1);
  if (fastpar_team_barrier(team, NULL)) return 1;
  if ((uint32_t)atomic_load(&shared->arrived) != members) atomic_store(&shared->wrong, 1);
  return 0;
}

static fastpar_status call_team(calls_room *room)
{
  calls_team shared = {0, 0};
  (void)room;
  PASS(fastpar_team_run(2, calls_member, &shared, NULL));
  MUST(atomic_load(&shared.wrong) == 0);
  return 0;
}

static fastpar_status call_queue(calls_room *room)
{
  fastpar_queue *queue = NULL;
  uint64_t value = 0;
  (void)room;
  PASS(fastpar_queue_open(1000, &queue, NULL));
  for (uint64_t i = 0; i < 1000; i++) MUST(fastpar_queue_push(queue, i, 0, NULL) == 0);
  MUST(fastpar_queue_push(queue, 1, 1, NULL) == FASTPAR_ERR_TIMEOUT);
  for (uint64_t i = 0; i < 1000; i++) MUST(fastpar_queue_pop(queue, 0, &value, NULL) == 0 && value == i);
  MUST(fastpar_queue_pop(queue, 1, &value, NULL) == FASTPAR_ERR_TIMEOUT);
  fastpar_queue_free(queue);
  return 0;
}

/* ---- zstd ---- */

static int calls_is_text(const unsigned char *data, size_t len)
{
  return len == CALLS_SIZE && memcmp(data, calls_text, CALLS_SIZE) == 0;
}

static fastpar_status call_compress(calls_room *room)
{
  fastpar_zstd_options options = calls_options(room);
  size_t len = 0;
  PASS(fastpar_compress(&options, calls_text, CALLS_SIZE, room->packed, CALLS_ROOM, &len, NULL));
  MUST(len == calls_packed_len && memcmp(room->packed, calls_packed, len) == 0);
  return 0;
}

static fastpar_status call_decompress(calls_room *room)
{
  fastpar_zstd_options options = calls_options(room);
  size_t len = 0;
  PASS(fastpar_decompress(&options, calls_packed, calls_packed_len, room->unpacked, CALLS_SIZE, &len, NULL));
  MUST(calls_is_text(room->unpacked, len));
  PASS(fastpar_decompress(&options, calls_long, calls_long_len, room->unpacked, CALLS_SIZE, &len, NULL));
  MUST(calls_is_text(room->unpacked, len));
  return 0;
}

static fastpar_status call_batch(calls_room *room)
{
  fastpar_zstd_options options = calls_options(room);
  fastpar_batch_item items[CALLS_ITEMS];
  size_t failed = 0, each = CALLS_SIZE / CALLS_ITEMS;
  memset(items, 0, sizeof items);
  for (size_t i = 0; i < CALLS_ITEMS; i++) {
    items[i].src = calls_text + i * each;
    items[i].src_len = each;
    items[i].dst = room->packed + i * 2 * each;
    items[i].dst_capacity = 2 * each;
  }
  PASS(fastpar_compress_batch(&options, items, sizeof items[0], CALLS_ITEMS, &failed, NULL));
  for (size_t i = 0; i < CALLS_ITEMS; i++) PASS(items[i].status);
  for (size_t i = 0; i < CALLS_ITEMS; i++) {
    items[i].src = items[i].dst;
    items[i].src_len = items[i].written;
    items[i].dst = room->unpacked + i * each;
    items[i].dst_capacity = each;
  }
  PASS(fastpar_decompress_batch(&options, items, sizeof items[0], CALLS_ITEMS, &failed, NULL));
  for (size_t i = 0; i < CALLS_ITEMS; i++) PASS(items[i].status);
  MUST(calls_is_text(room->unpacked, CALLS_SIZE));
  return 0;
}

static int32_t calls_sink(void *user_data, const void *data, size_t len)
{
  calls_room *room = user_data;
  MUST(len <= CALLS_ROOM - room->at);
  memcpy(room->packed + room->at, data, len);
  room->at += len;
  return 0;
}

static int32_t calls_source(void *user_data, void *buffer, size_t capacity, size_t *len)
{
  calls_room *room = user_data;
  size_t left = calls_packed_len - room->at, here = capacity < 30000 ? capacity : 30000;
  *len = here < left ? here : left;
  memcpy(buffer, calls_packed + room->at, *len);
  room->at += *len;
  return 0;
}

static fastpar_status call_writer(calls_room *room)
{
  fastpar_zstd_options options = calls_options(room);
  fastpar_writer *writer = NULL;
  fastpar_status status = 0;
  size_t len = 0;
  room->at = 0;
  PASS(fastpar_writer_open(&options, calls_sink, room, &writer, NULL));
  for (size_t i = 0; i < CALLS_SIZE && status == 0; i += CALLS_SIZE / 10) {
    status = fastpar_writer_write(writer, calls_text + i, CALLS_SIZE / 10, NULL);
  }
  if (status == 0) status = fastpar_writer_finish(writer, NULL);
  fastpar_writer_free(writer);
  PASS(status);
  PASS(fastpar_decompress(&options, room->packed, room->at, room->unpacked, CALLS_SIZE, &len, NULL));
  MUST(calls_is_text(room->unpacked, len));
  return 0;
}

static fastpar_status call_reader(calls_room *room)
{
  fastpar_zstd_options options = calls_options(room);
  fastpar_reader *reader = NULL;
  fastpar_status status;
  size_t got = 0, len = 0;
  room->at = 0;
  PASS(fastpar_reader_open(&options, calls_source, room, &reader, NULL));
  do {
    status = fastpar_reader_read(reader, room->unpacked + got, CALLS_SIZE - got, &len, NULL);
    got += len;
  } while (status == 0 && len > 0);
  fastpar_reader_free(reader);
  PASS(status);
  MUST(calls_is_text(room->unpacked, got));
  return 0;
}

static fastpar_status calls_read(fastpar_archive *archive, calls_room *room)
{
  size_t len = 0;
  PASS(fastpar_archive_read(archive, 0, room->unpacked, CALLS_SIZE, &len, NULL));
  MUST(calls_is_text(room->unpacked, len));
  PASS(fastpar_archive_read(archive, 12345, room->unpacked, 777, &len, NULL));
  MUST(len == 777 && memcmp(room->unpacked, calls_text + 12345, 777) == 0);
  return 0;
}

static fastpar_status call_archive(calls_room *room)
{
  fastpar_zstd_options options = calls_options(room);
  fastpar_archive *archive = NULL;
  fastpar_status status;
  PASS(fastpar_archive_open(&options, calls_packed, calls_packed_len, &archive, NULL));
  status = calls_read(archive, room);
  fastpar_archive_free(archive);
  return status;
}

static fastpar_status call_dict(calls_room *room)
{
  fastpar_zstd_options options = calls_options(room);
  fastpar_dict *dict = NULL;
  fastpar_status status;
  size_t len = 0;
  PASS(fastpar_dict_open(calls_text, 4000, 1, &dict, NULL));
  options.dict = dict;
  status = fastpar_compress(&options, calls_text, CALLS_SIZE, room->packed, CALLS_ROOM, &len, NULL);
  if (status == 0) status = fastpar_decompress(&options, room->packed, len, room->unpacked, CALLS_SIZE, &len, NULL);
  fastpar_dict_free(dict);
  PASS(status);
  MUST(calls_is_text(room->unpacked, len));
  return 0;
}

static fastpar_status call_train(calls_room *room)
{
  enum { EACH = 300, SAMPLES = CALLS_SIZE / EACH < 100 ? CALLS_SIZE / EACH : 100 }; /* within the text */
  size_t sizes[SAMPLES], len = 0;
  for (size_t i = 0; i < SAMPLES; i++) sizes[i] = EACH;
  PASS(fastpar_dict_train(calls_text, sizes, SAMPLES, room->packed, 2000, &len, NULL));
  MUST(len >= 256 && len <= 2000);
  return 0;
}

static int calls_save(const char *path, const unsigned char *data, size_t len)
{
  FILE *file = fopen(path, "wb");
  int saved = file && fwrite(data, 1, len, file) == len;
  return file && fclose(file) == 0 && saved;
}

/* Files that `call_files` reads; the room keeps their names. */
static void calls_make_files(calls_room *room) { MUST(calls_save(room->path[0], calls_text, CALLS_SIZE)); }

static void calls_remove_files(const calls_room *room)
{
  for (int i = 0; i < 2; i++) unlink(room->path[i]);
}

static fastpar_status call_files(calls_room *room)
{
  fastpar_zstd_options options = calls_options(room);
  fastpar_archive *archive = NULL;
  fastpar_status status;
  PASS(fastpar_compress_file(&options, room->path[0], room->path[1], NULL, NULL));
  PASS(fastpar_archive_open_file(&options, room->path[1], &archive, NULL));
  status = calls_read(archive, room);
  fastpar_archive_free(archive);
  PASS(status);
  return fastpar_decompress_file(&options, room->path[1], room->path[0], NULL, NULL);
}

/* Entries of a folder such as /proc/self/task; -1 if there is none. */
static inline long calls_count_of(const char *folder)
{
  DIR *entries = opendir(folder);
  long count = -2; /* . and .. */
  if (!entries) return -1;
  while (readdir(entries)) count++;
  closedir(entries);
  return count;
}

/* Waits until the system lists so many threads, and returns how many it does: a thread is listed for a moment after it was joined. */
static inline long calls_threads(long expected)
{
  time_t begin = time(NULL);
  while (calls_count_of("/proc/self/task") != expected && time(NULL) < begin + 20) sched_yield();
  return calls_count_of("/proc/self/task");
}

typedef struct calls_entry {
  const char *name;
  fastpar_status (*run)(calls_room *room);
} calls_entry;

static const calls_entry CALLS[] = {
  {"loop", call_loop},     {"nested", call_nested},         {"reduce", call_reduce},   {"job", call_job},
  {"team", call_team},     {"queue", call_queue},           {"compress", call_compress},
  {"decompress", call_decompress}, {"batch", call_batch},   {"writer", call_writer},   {"reader", call_reader},
  {"archive", call_archive}, {"dict", call_dict},           {"train", call_train},     {"files", call_files},
};
enum { CALLS_KINDS = sizeof CALLS / sizeof CALLS[0] };

#endif
