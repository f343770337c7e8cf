/* A library whose DllMain uses fastpar: as it is loaded and unloaded, under the loader's lock, and at the end
   of the process, when every other thread has been ended. */
#include "dllmain.h"
#include "check.h"
#include "loaded.h"

static plugin_state state;

static void on_worker(void *user_data, uint32_t worker)
{
  (void)user_data;
  (void)worker;
}

static fastpar_status run_team(void) { return fastpar_team_run(4, meet, NULL, NULL); }
static fastpar_status add_hook(void) { return fastpar_pool_hook(on_worker, on_worker, NULL, NULL); }

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
  if (state.starting) {
    fastpar_status ended = fastpar_pool_shutdown(NULL); /* OK: the call had not begun yet */
    CHECK(ended == FASTPAR_ERR_BUSY || ended == FASTPAR_OK);
    return; /* a hook of this library would be called when it is gone */
  }
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
  CHECK_EQUAL(fastpar_pool_unhook(state.hook, NULL, NULL, NULL), state.hook ? FASTPAR_OK : FASTPAR_ERR_INVALID_ARGUMENT);
  /* The thread that writes the trace may have been ended in the middle of that. */
  {
    fastpar_status stopped = fastpar_trace_stop(NULL);
    CHECK(stopped == FASTPAR_OK || (state.hook && stopped == FASTPAR_ERR_BUSY));
    CHECK_EQUAL(fastpar_trace_start(NULL, TIMELINE, NULL), FASTPAR_ERR_BUSY);
    DeleteFileA(TIMELINE);
  }
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
