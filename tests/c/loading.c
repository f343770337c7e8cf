/* Loading and unloading at run time. This program is not linked to the library: FASTPAR_LIBRARY says where
   it is. */
#include "os_threads.h"
#include "check.h"

#include <fastpar.h>
#include <stdio.h>

static const char *path;

typedef fastpar_status (*for_fn)(const fastpar_loop_options *, size_t, fastpar_chunk_fn, void *, fastpar_error *);
typedef uint32_t (*number_fn)(void);
typedef int32_t (*worker_fn)(void);

static int32_t count_chunk(void *user_data, const fastpar_chunk *chunk)
{
  (void)chunk;
  os_add(user_data, 1);
  return 0;
}

static void work_with(void *library)
{
  for_fn run;
  int32_t chunks = 0;
  CHECK(library != NULL);
  if (!library || !os_symbol(library, "fastpar_for", &run)) return;
  CHECK_EQUAL(run(NULL, 24, count_chunk, &chunks, NULL), FASTPAR_OK);
  CHECK_EQUAL(chunks, 24);
}

/* More often than there are places for what a thread keeps for libraries (1088 on Windows). */
static void loading_and_unloading_without_work(void)
{
  for (int i = 0; i < 1500; i++) {
    void *library = os_library(path);
    worker_fn pool_worker;
    CHECK(library != NULL);
    if (!library) return;
    CHECK(os_symbol(library, "fastpar_pool_worker", &pool_worker) && pool_worker() == -1);
    os_unload(library);
  }
}

/* The pool's 24, and its idle-CPU monitor if there are more of them than CPUs and one was missed: it names
   itself when it runs for the first time. */
static int is_pool_running(int before)
{
  int others = os_threads(NULL) - before - 24;
  return others == 0 || (others == 1 && os_threads("fastpar-monitor") == 1);
}

static void loading_starts_no_thread(void)
{
  int before = os_threads(NULL);
  void *library = os_library(path);
  number_fn abi_version, version, pool_threads;
  CHECK(library != NULL);
  if (!library) return;
  CHECK(os_symbol(library, "fastpar_abi_version", &abi_version) && abi_version() == FASTPAR_ABI_VERSION);
  CHECK(os_symbol(library, "fastpar_version", &version) && version() == FASTPAR_VERSION_NUMBER);
  CHECK(os_symbol(library, "fastpar_pool_threads", &pool_threads) && pool_threads() == 24);
  CHECK_EQUAL(os_threads(NULL), before);
  work_with(library);
  if (before < 0) return;
  for (int i = 0; i < 20000 && !is_pool_running(before); i++) os_sleep_ms(5);
  CHECK(is_pool_running(before));
}

static void unloading_after_work_is_harmless(void)
{
  for (int i = 0; i < 100; i++) {
    void *library = os_library(path);
    work_with(library);
    os_unload(library);
  }
}

/* The workers run its code. */
static void it_stays_after_work(void)
{
  void *library = os_library(path);
  for_fn run;
  int32_t chunks = 0;
  CHECK(library != NULL);
  if (!library || !os_symbol(library, "fastpar_for", &run)) return;
  os_unload(library);
  CHECK(os_is_loaded(path));
  CHECK_EQUAL(run(NULL, 24, count_chunk, &chunks, NULL), FASTPAR_OK);
  CHECK_EQUAL(chunks, 24);
}

static void load_work_unload(void *argument)
{
  (void)argument;
  for (int i = 0; i < 20; i++) {
    void *library = os_library(path);
    work_with(library);
    os_unload(library);
  }
}

static void on_eight_threads_at_once(void)
{
  os_thread all[8];
  for (int i = 0; i < 8; i++) os_start(&all[i], load_work_unload, NULL);
  for (int i = 0; i < 8; i++) os_join(&all[i]);
}

int main(void)
{
  path = getenv("FASTPAR_LIBRARY");
  if (!path) {
    printf("FASTPAR_LIBRARY is not set\n");
    return 1;
  }
  RUN(loading_and_unloading_without_work);
  RUN(loading_starts_no_thread);
  RUN(unloading_after_work_is_harmless);
  RUN(it_stays_after_work);
  RUN(on_eight_threads_at_once);
  return FINISH(); /* the pool still runs: leaving must not crash */
}
