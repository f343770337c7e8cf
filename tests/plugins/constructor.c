/* A library that uses fastpar while it is being loaded: its constructor runs under the loader's lock,
   which new threads may need. */
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

static void on_worker(void *user_data, uint32_t worker)
{
  (void)worker;
  os_add(user_data, 1);
}

static int32_t starts, told;

static void tell(void *user_data, fastpar_status status, const fastpar_error *error)
{
  (void)status;
  (void)error;
  os_add(user_data, 1);
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

static void what_waits_for_workers_fails(void)
{
  fastpar_job *job;
  fastpar_error error;
  int32_t chunks = 0;
  CHECK_EQUAL(fastpar_team_run(0, meet, NULL, &error), FASTPAR_ERR_BUSY);
  CHECK_EQUAL(error.status, FASTPAR_ERR_BUSY);
  CHECK_EQUAL(fastpar_pool_hook(on_worker, NULL, &starts, NULL), FASTPAR_ERR_BUSY);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_ERR_BUSY);
  CHECK_EQUAL(fastpar_for_start(NULL, 24, count_chunk, &chunks, &job, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_job_notify(job, tell, &told, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_job_wait(job, UINT64_MAX, NULL), FASTPAR_ERR_BUSY);
  CHECK_EQUAL(chunks, 24);
  fastpar_job_detach(job);
}

__attribute__((constructor)) static void while_it_is_loaded(void)
{
  RUN(loops_run);
  RUN(jobs_run);
  RUN(the_codec_works);
  RUN(what_waits_for_workers_fails);
}

static void afterwards_all_works(void)
{
  loops_run();
  CHECK_EQUAL(fastpar_team_run(0, meet, NULL, NULL), FASTPAR_OK);
  CHECK_EQUAL(os_load(&starts), 0);
  CHECK_EQUAL(fastpar_pool_hook(on_worker, NULL, &starts, NULL), FASTPAR_OK);
  CHECK_EQUAL(os_load(&starts), (int32_t)fastpar_pool_threads());
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  CHECK_EQUAL(os_load(&told), 1); /* the shutdown waited for it */
  loops_run();
}

/* The host calls this once it is loaded. */
int plugin_main(void);
int plugin_main(void)
{
  RUN(afterwards_all_works);
  return FINISH();
}
