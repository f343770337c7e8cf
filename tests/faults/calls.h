/* Calls of every group of functions, each of which checks what came of it: 0, or a status that is not
 * FASTPAR_OK. Any number of threads may run them, each with a room of its own. What they come to when
 * something fails is for the caller to judge; wrong results end the program. */
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

/* In one frame this is decoded by several lanes where CPUs are idle, from memory and from a file. */
enum { CALLS_LARGE = 9000000 };

enum { CALLS_FRAME = CALLS_SIZE / 20, CALLS_COUNT = 10000, CALLS_ITEMS = 40, CALLS_ROOM = 2 * CALLS_SIZE };

static unsigned char calls_text[CALLS_SIZE];
static unsigned char calls_packed[CALLS_ROOM]; /* the text in frames, with a seek table */
static size_t calls_packed_len;
static unsigned char calls_long[CALLS_ROOM]; /* the text in one frame */
static size_t calls_long_len;
static unsigned char calls_large_text[CALLS_LARGE];
static unsigned char calls_large[CALLS_LARGE / 4]; /* that in one frame */
static size_t calls_large_len;

/* What a thread works in. */
typedef struct calls_room {
  unsigned char packed[CALLS_ROOM], unpacked[CALLS_SIZE];
  unsigned char marks[CALLS_COUNT];
  size_t at;
  char path[3][64];
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

/* Blocks of all types: text, noise, and what repeats for long. */
static void calls_prepare_large_text(void)
{
  uint32_t state = 7;
  for (size_t i = 0; i < CALLS_LARGE / 8; i++) {
    state = state * 1664525 + 1013904223;
    calls_large_text[i] = (unsigned char)(i % 400000 < 60000 ? state >> 24 : "a chunk of text, and "[i % 21] + (state >> 30));
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
  calls_prepare_large_text();
  MUST(fastpar_compress(&options, calls_large_text, CALLS_LARGE, calls_large, sizeof calls_large, &calls_large_len, NULL) == 0);
  MUST(calls_large_len > CALLS_LARGE / 60); /* less is not worth the lanes */
}

static void calls_make_room(calls_room *room, int number)
{
  memset(room, 0, sizeof *room);
  for (int i = 0; i < 3; i++) snprintf(room->path[i], sizeof room->path[i], "calls-%d-%d-%d", (int)getpid(), number, i);
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

static int32_t calls_apply(void *user_data, const fastpar_chunk *chunk, const void *before)
{
  uint64_t sum = *(const uint64_t *)before, first = chunk->begin;
  ((unsigned char *)user_data)[chunk->begin] = (unsigned char)(sum == first * (first - 1) / 2);
  return 0;
}

static fastpar_status call_prefix(calls_room *room)
{
  fastpar_loop_options options = calls_loop(room);
  uint64_t sum = 0;
  memset(room->marks, 0, sizeof room->marks);
  PASS(fastpar_prefix(&options, CALLS_COUNT, calls_add, calls_combine, calls_apply, room->marks, &sum, sizeof sum, NULL));
  MUST(sum == (uint64_t)CALLS_COUNT * (CALLS_COUNT - 1) / 2);
  for (size_t i = 0; i < CALLS_COUNT; i += 100) MUST(room->marks[i] == 1);
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

#include "calls_groups.h"
#include "calls_tables.h"
#include "calls_zstd.h"

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

/* Waits until the system lists so many threads, and returns how many it does: a thread is listed for a
   moment after it was joined. */
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
  {"archive", call_archive}, {"dict", call_dict},           {"train", call_train},     {"large", call_large},
  {"prefix", call_prefix}, {"sort", call_sort},             {"group", call_group},     {"pipeline", call_pipeline},
  {"large file", call_large_file}, {"files", call_files},   {"table", call_table},
  {"archive table", call_archive_table},
};
enum { CALLS_KINDS = sizeof CALLS / sizeof CALLS[0] };

/* Whether the room's files must be there, and files can be written beside them. */
static inline int calls_has_files(const calls_entry *entry)
{
  return entry->run == call_files || entry->run == call_large_file;
}

#endif
