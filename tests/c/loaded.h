/* Checks that hold while a library is being loaded: the calling thread does what no worker comes for. */
#ifndef LOADED_H
#define LOADED_H

#include "os.h"
#include "check.h"

#include <fastpar.h>

static int32_t count_chunk(void *user_data, const fastpar_chunk *chunk)
{
  (void)chunk;
  os_add(user_data, 1);
  return 0;
}

static int32_t meet(void *user_data, fastpar_team *team, uint32_t member, uint32_t members)
{
  (void)user_data;
  (void)member;
  (void)members;
  return fastpar_team_barrier(team, NULL);
}

static void loops_run(void)
{
  for (int i = 0; i < 20; i++) {
    int32_t chunks = 0;
    CHECK_EQUAL(fastpar_for(NULL, 240, count_chunk, &chunks, NULL), FASTPAR_OK);
    CHECK_EQUAL(chunks, 24);
  }
}

static void jobs_run(void)
{
  fastpar_job *job;
  int32_t chunks = 0;
  CHECK_EQUAL(fastpar_for_start(NULL, 24, count_chunk, &chunks, &job, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_job_wait(job, UINT64_MAX, NULL), FASTPAR_OK);
  fastpar_job_free(job);
  CHECK_EQUAL(chunks, 24);
}

static void the_codec_works(void)
{
  static unsigned char bytes[8 << 20], again[8 << 20], packed[9 << 20];
  size_t size, back;
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * i >> 12);
  CHECK_EQUAL(fastpar_compress(NULL, bytes, sizeof bytes, packed, sizeof packed, &size, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_decompress(NULL, packed, size, again, sizeof again, &back, NULL), FASTPAR_OK);
  CHECK(back == sizeof bytes && memcmp(bytes, again, sizeof bytes) == 0);
}

#endif
