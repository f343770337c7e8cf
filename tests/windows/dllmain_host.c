/* Loads and unloads dllmain.dll, whose DllMain has the checks, and ends while it is loaded: with no pool, an
   idle one, a busy one. */
#include "dllmain.h"
#include "check.h"
#include "os_process.h"
#include "os_threads.h"

#define LIBRARY "dllmain.dll"

static const char *program;
static int32_t entered, may_go;

static int32_t wait_to_go(void *user_data, const fastpar_chunk *chunk)
{
  (void)user_data;
  (void)chunk;
  os_add(&entered, 1);
  while (!os_load(&may_go)) os_sleep_ms(1);
  return 0;
}

static void stay(void *user_data, uint32_t worker)
{
  (void)user_data;
  (void)worker;
  os_add(&entered, 1);
  while (!os_load(&may_go)) os_sleep_ms(1);
}

static void add_hook(void *argument)
{
  (void)argument;
  fastpar_pool_hook(stay, NULL, NULL, NULL); /* the process ends before it returns */
}

static int32_t member(void *user_data, fastpar_team *team, uint32_t number, uint32_t members)
{
  (void)user_data;
  (void)number;
  (void)members;
  return fastpar_team_barrier(team, NULL);
}

/* Every worker has begun: one that is only just started could not while a library is loaded. */
static void every_worker_runs(void) { CHECK_EQUAL(fastpar_team_run(0, member, NULL, NULL), FASTPAR_OK); }

static fastpar_job *hold_every_worker(void)
{
  fastpar_job *job = NULL;
  int32_t workers = (int32_t)fastpar_pool_threads();
  os_store(&entered, 0);
  os_store(&may_go, 0);
  CHECK_EQUAL(fastpar_for_start(NULL, (size_t)workers, wait_to_go, NULL, &job, NULL), FASTPAR_OK);
  while (os_load(&entered) < workers) os_sleep_ms(1);
  return job;
}

static void *load(plugin_state known)
{
  void *library = os_library(LIBRARY);
  plugin_set_fn set;
  CHECK(library && os_symbol(library, "plugin_set", &set));
  if (library && os_symbol(library, "plugin_set", &set)) set(&known);
  return library;
}

static void unload(void *library)
{
  CHECK(library && FreeLibrary((HMODULE)library));
  CHECK(!os_is_loaded(LIBRARY));
}

static void as_it_is_loaded(void)
{
  plugin_state idle = {NULL, 0, NULL};
  plugin_failed_fn failed;
  void *library = load(idle);
  CHECK(library && os_symbol(library, "plugin_failed", &failed) && failed() == 0);
  every_worker_runs(); /* afterwards all works */
  unload(library);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
}

static void as_it_is_unloaded(void)
{
  plugin_state idle = {NULL, 0, NULL};
  CHECK(SetEnvironmentVariableA(WITHOUT_ATTACHING, "1"));
  every_worker_runs();
  unload(load(idle));
}

static void as_it_is_unloaded_while_all_workers_are_busy(void)
{
  plugin_state busy = {NULL, 0, NULL};
  every_worker_runs();
  busy.job = hold_every_worker();
  unload(load(busy));
  os_store(&may_go, 1);
  CHECK_EQUAL(fastpar_job_wait(busy.job, UINT64_MAX, NULL), FASTPAR_OK);
  fastpar_job_free(busy.job);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
}

/* The call begins while the library is loaded, and ends when `may_go` is set. */
static void call_first(void *argument)
{
  os_store(argument, 1);
  CHECK_EQUAL(fastpar_for(NULL, 24, wait_to_go, NULL, NULL), FASTPAR_OK);
}

/* The pool may be complete when DllMain is called, half started, or not yet begun. */
static void begin_first_call(os_thread *caller)
{
  int32_t begun = 0;
  os_store(&may_go, 0);
  os_start(caller, call_first, &begun);
  while (!os_load(&begun)) os_sleep_ms(1);
  os_sleep_ms(1);
}

static void as_it_is_unloaded_while_the_pool_is_started(void)
{
  plugin_state starting = {NULL, 1, NULL};
  os_thread caller;
  void *library = load(starting);
  begin_first_call(&caller);
  unload(library);
  os_store(&may_go, 1);
  os_join(&caller);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
}

static void at_the_end(const char *how) { CHECK_EQUAL(os_run_again(program, how), CODE); }
static void at_the_end_without_a_pool(void) { at_the_end("cold"); }
static void at_the_end_of_an_idle_pool(void) { at_the_end("idle"); }
static void at_the_end_of_a_busy_pool(void) { at_the_end("busy"); }
static void at_the_end_while_the_pool_is_started(void) { at_the_end("starting"); }
static void at_the_end_inside_a_hook_and_a_trace(void) { at_the_end("hooked"); }

/* Ends by returning: DllMain sets the code. */
static int end(const char *how)
{
  plugin_state known = {NULL, 0, NULL};
  int starting = strcmp(how, "starting") == 0;
  if (strcmp(how, "cold") != 0 && !starting) every_worker_runs();
  if (strcmp(how, "busy") == 0) known.job = hold_every_worker();
  if (strcmp(how, "hooked") == 0) {
    os_thread caller;
    DeleteFileA(TIMELINE);
    CHECK_EQUAL(fastpar_trace_start(NULL, TIMELINE, NULL), FASTPAR_OK);
    os_start(&caller, add_hook, NULL);
    while (os_load(&entered) == 0) os_sleep_ms(1);
    known.hook = stay;
  }
  load(known);
  if (starting) {
    os_thread caller;
    begin_first_call(&caller); /* the thread is ended where it is */
  }
  return 1;
}

int main(int argc, char **argv)
{
  program = argv[0];
  if (argc > 1) return end(argv[1]);
  RUN(as_it_is_loaded);
  RUN(as_it_is_unloaded);
  RUN(as_it_is_unloaded_while_all_workers_are_busy);
  RUN(as_it_is_unloaded_while_the_pool_is_started);
  RUN(at_the_end_without_a_pool);
  RUN(at_the_end_of_an_idle_pool);
  RUN(at_the_end_of_a_busy_pool);
  RUN(at_the_end_while_the_pool_is_started);
  RUN(at_the_end_inside_a_hook_and_a_trace);
  return FINISH();
}
