/* A library whose DllMain uses fastpar: as it is loaded and unloaded, under the loader's lock, and at the end
   of the process, when every other thread has been ended. */
#include "dllmain.h"
#include "check.h"

static plugin_state state;

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
  (void)user_data;
  (void)worker;
}

static fastpar_status run_team(void) { return fastpar_team_run(4, meet, NULL, NULL); }
static fastpar_status add_hook(void) { return fastpar_pool_hook(on_worker, on_worker, NULL, NULL); }

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
  static unsigned char bytes[4 << 20], again[4 << 20], packed[5 << 20];
  size_t size, back;
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * i >> 12);
  CHECK_EQUAL(fastpar_compress(NULL, bytes, sizeof bytes, packed, sizeof packed, &size, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_decompress(NULL, packed, size, again, sizeof again, &back, NULL), FASTPAR_OK);
  CHECK(back == sizeof bytes && memcmp(bytes, again, sizeof bytes) == 0);
}

static void what_the_caller_can_do_alone(void)
{
  loops_run();
  the_codec_works();
}

static void attaching(void)
{
  what_the_caller_can_do_alone();
  jobs_run();
  /* The pool has just been started, and none of its threads may run yet. */
  CHECK_EQUAL(run_team(), FASTPAR_ERR_BUSY);
  CHECK_EQUAL(add_hook(), FASTPAR_ERR_BUSY);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_ERR_BUSY);
}

static void detaching(void)
{
  what_the_caller_can_do_alone();
  jobs_run();
  CHECK_EQUAL(run_team(), state.job ? FASTPAR_ERR_BUSY : FASTPAR_OK);
  CHECK_EQUAL(add_hook(), FASTPAR_ERR_BUSY);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_ERR_BUSY);
}

/* Also where the pool was never started, and where its workers were ended inside callbacks. */
static void exiting(void)
{
  what_the_caller_can_do_alone();
  CHECK_EQUAL(run_team(), FASTPAR_ERR_BUSY);
  CHECK_EQUAL(add_hook(), FASTPAR_ERR_BUSY);
  CHECK_EQUAL(fastpar_pool_start(NULL, NULL), FASTPAR_ERR_BUSY);
  if (state.job) {
    CHECK_EQUAL(fastpar_job_wait(state.job, UINT64_MAX, NULL), FASTPAR_ERR_BUSY);
    fastpar_job_free(state.job);
  }
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  loops_run();
}

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID process_exits)
{
  (void)module;
  if (reason == DLL_PROCESS_ATTACH && GetEnvironmentVariableA(WITHOUT_ATTACHING, NULL, 0) == 0) RUN(attaching);
  if (reason == DLL_PROCESS_DETACH && process_exits) {
    exiting();
    TerminateProcess(GetCurrentProcess(), check_failures ? 1 : CODE);
  }
  if (reason == DLL_PROCESS_DETACH) RUN(detaching);
  return TRUE;
}

__declspec(dllexport) void plugin_set(const plugin_state *known) { state = *known; }
__declspec(dllexport) int plugin_failed(void) { return check_failed_tests; }
