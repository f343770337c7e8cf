/* What the generated program of calls (see xtask/src/test/calls.rs) needs to know about handles: for every
   opaque type T either make_T, which makes one, or WITH_T, which runs a test where current_T is one. A new
   opaque type without either does not compile. */
#ifndef VALUES_H
#define VALUES_H

#include <fastpar.h>
#include <stdio.h>

static inline int32_t values_chunk(void *user_data, const fastpar_chunk *chunk)
{
  (void)user_data;
  (void)chunk;
  return 0;
}

static inline fastpar_job *make_fastpar_job(void)
{
  fastpar_job *job = NULL;
  fastpar_for_start(NULL, 16, values_chunk, NULL, &job, NULL);
  return job;
}

static inline fastpar_queue *make_fastpar_queue(void)
{
  fastpar_queue *queue = NULL;
  fastpar_queue_open(16, &queue, NULL);
  return queue;
}

static inline fastpar_dict *make_fastpar_dict(void)
{
  fastpar_dict *dict = NULL;
  fastpar_dict_open("likely content", 14, 0, &dict, NULL);
  return dict;
}

static inline int32_t values_sink(void *user_data, const void *data, size_t len)
{
  (void)user_data;
  (void)data;
  (void)len;
  return 0;
}

static inline fastpar_writer *make_fastpar_writer(void)
{
  fastpar_writer *writer = NULL;
  fastpar_writer_open(NULL, values_sink, NULL, &writer, NULL);
  return writer;
}

static inline int32_t values_source_of_nothing(void *user_data, void *buffer, size_t capacity, size_t *len)
{
  (void)user_data;
  (void)buffer;
  (void)capacity;
  (void)len;
  return 0;
}

static inline fastpar_reader *make_fastpar_reader(void)
{
  fastpar_reader *reader = NULL;
  fastpar_reader_open(NULL, values_source_of_nothing, NULL, &reader, NULL);
  return reader;
}

/* Names of files: one that is there, empty, so that it can be compressed and decompressed; and one to
   write. */
static inline const char *values_source(void)
{
  FILE *file = fopen("values.source", "wb");
  if (file) fclose(file);
  return "values.source";
}

static inline const char *values_target(void) { return "values.target"; }

/* A frame with 3 bytes of content. */
static const unsigned char values_frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 3, 0x19, 0, 0, 'a', 'b', 'c'};

/* What keys of tables can be of. */
static const fastpar_field values_field = {0, FASTPAR_U8, 0};

/* Key 0 is a number, key 1 is bytes. */
static inline fastpar_groups *make_fastpar_groups(void)
{
  static const uint8_t value = 7;
  const fastpar_column columns[2] = {{&value, 1, 0, FASTPAR_U8, 0}, {&value, 1, 0, FASTPAR_BYTES, 1 << 8}};
  const fastpar_aggregate count = {FASTPAR_AGGREGATE_COUNT, 0, 0, 0};
  const fastpar_group_key keys[2] = {{0, 0, 0, 0.0, 0.0}, {1, 0, 0, 0.0, 0.0}};
  fastpar_groups *groups = NULL;
  fastpar_table_group(NULL, columns, 2, NULL, 0, keys, 2, &count, 1, 0, &groups, NULL);
  return groups;
}

static inline fastpar_archive *make_fastpar_archive(void)
{
  fastpar_archive *archive = NULL;
  fastpar_archive_open(NULL, values_frame, sizeof values_frame, &archive, NULL);
  return archive;
}

/* An output exists only while a callback runs. */
static fastpar_output *current_fastpar_output;
#define make_fastpar_output() current_fastpar_output
#define WITH_fastpar_output values_with_output

static inline int32_t values_piece(void *user_data, const fastpar_piece *piece, fastpar_output *output)
{
  void (*test)(void);
  (void)piece;
  memcpy(&test, user_data, sizeof test);
  current_fastpar_output = output;
  test();
  return 0;
}

static inline void values_with_output(void (*test)(void))
{
  fastpar_archive *archive = make_fastpar_archive();
  fastpar_transform_file(NULL, archive, NULL, values_target(), values_piece, &test, NULL, NULL);
  fastpar_archive_free(archive);
}

/* A group exists only while its tasks run. */
static fastpar_group *current_fastpar_group;
#define make_fastpar_group() current_fastpar_group
#define WITH_fastpar_group values_with_group

static inline int32_t values_task(void *item, fastpar_group *group, uint32_t lane)
{
  void (*test)(void);
  (void)lane;
  memcpy(&test, item, sizeof test);
  current_fastpar_group = group;
  test();
  return 0;
}

static inline void values_with_group(void (*test)(void)) { fastpar_group_run(NULL, values_task, &test, NULL); }

/* A team exists only while its members run. */
static fastpar_team *current_fastpar_team;
#define make_fastpar_team() current_fastpar_team
#define WITH_fastpar_team values_with_team

static inline int32_t values_member(void *user_data, fastpar_team *team, uint32_t member, uint32_t members)
{
  void (*test)(void);
  (void)member;
  (void)members;
  memcpy(&test, user_data, sizeof test);
  current_fastpar_team = team;
  test();
  return 0;
}

static inline void values_with_team(void (*test)(void)) { fastpar_team_run(1, values_member, &test, NULL); }

#endif
