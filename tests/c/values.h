/* What the generated program of calls (see xtask/src/test/calls.rs) needs to know about handles: for every opaque type T
   either make_T, which makes one, or WITH_T, which runs a test where current_T is one. A new opaque type without either
   does not compile. */
#ifndef VALUES_H
#define VALUES_H

#include <fastpar.h>

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
