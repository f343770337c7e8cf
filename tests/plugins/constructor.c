/* A library that uses fastpar while it is being loaded: its constructor runs under the loader's lock,
   which new threads may need. */
#include "os.h"
#include "check.h"
#include "loaded.h"

#include <fastpar.h>

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
