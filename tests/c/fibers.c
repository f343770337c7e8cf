/* Callbacks that switch to a fiber of the same thread, which makes calls too: none of these ends under
   another one's feet. */
#include "os.h"
#include "check.h"

#include <fastpar.h>

#ifdef _WIN32
typedef LPVOID fiber;

static fiber main_fiber;

static void fiber_switch(fiber *from, fiber *to)
{
  (void)from;
  SwitchToFiber(*to);
}

static void WINAPI fiber_main(void *function)
{
  void (*run)(void);
  memcpy(&run, &function, sizeof run);
  run();
}

static void fiber_make(fiber *made, void (*function)(void))
{
  void *argument;
  memcpy(&argument, &function, sizeof argument);
  *made = CreateFiber(1 << 20, fiber_main, argument);
}

static void fibers_begin(void) { main_fiber = ConvertThreadToFiber(NULL); }
static void fiber_free(fiber *made) { DeleteFiber(*made); }
#else
#include <ucontext.h>

typedef ucontext_t fiber;

static fiber main_fiber;

static void fiber_switch(fiber *from, fiber *to) { CHECK_EQUAL(swapcontext(from, to), 0); }

static void fiber_make(fiber *made, void (*function)(void))
{
  CHECK_EQUAL(getcontext(made), 0);
  made->uc_stack.ss_size = 1 << 20;
  made->uc_stack.ss_sp = malloc(made->uc_stack.ss_size);
  made->uc_link = NULL;
  makecontext(made, function, 0);
}

static void fibers_begin(void) {}
static void fiber_free(fiber *made) { free(made->uc_stack.ss_sp); }
#endif

static fiber first, second;
static int32_t on_this_thread, switched, go, stopped, cancelled;
static uint32_t threads_inside;

static uint32_t pool_threads_now(void)
{
  fastpar_pool_stats stats;
  memset(&stats, 0, sizeof stats);
  stats.struct_size = sizeof stats;
  CHECK_EQUAL(fastpar_pool_stats_read(&stats, NULL), FASTPAR_OK);
  return stats.threads;
}

static int is_first_here(const fastpar_chunk *chunk)
{
  return chunk->lane == 0 && chunk->index == 0; /* on the thread that called, once: it begins with the first chunk */
}

/* Switches away in the middle of its call. */
static int32_t first_body(void *user_data, const fastpar_chunk *chunk)
{
  (void)user_data;
  if (is_first_here(chunk)) fiber_switch(&first, &second);
  return 0;
}

/* Lets the first call, which is the outer one for the thread, end before its own. */
static int32_t second_body(void *user_data, const fastpar_chunk *chunk)
{
  (void)user_data;
  if (is_first_here(chunk)) {
    os_add(&switched, 1);
    fiber_switch(&second, &first);
    os_store(&go, 1);
    os_sleep_ms(100); /* time for a shutdown that does not wait */
    threads_inside = pool_threads_now();
    CHECK_EQUAL(os_load(&stopped), 0);
    cancelled = fastpar_is_cancelled();
    CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_ERR_BUSY);
  }
  return 0;
}

static void first_fiber(void)
{
  CHECK_EQUAL(fastpar_for(NULL, 240, first_body, NULL, NULL), FASTPAR_OK);
  CHECK_EQUAL(os_load(&switched), on_this_thread);
  fiber_switch(&first, &second);
}

static void second_fiber(void)
{
  fastpar_loop_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.segments = 2000;
  CHECK_EQUAL(fastpar_for(&options, 2000, second_body, NULL, NULL), FASTPAR_OK);
  fiber_switch(&second, &main_fiber);
}

static void shuts_down(void *argument)
{
  (void)argument;
  while (!os_load(&go)) os_yield();
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  os_store(&stopped, 1);
}

static int32_t nothing(void *user_data, const fastpar_chunk *chunk)
{
  (void)user_data;
  (void)chunk;
  return 0;
}

static void a_call_outlives_the_one_that_it_began_in(void)
{
  for (int round = 0; round < 5; round++) {
    os_thread other;
    on_this_thread++;
    os_store(&go, 0);
    os_store(&stopped, 0);
    os_start(&other, shuts_down, NULL);
    fiber_make(&first, first_fiber);
    fiber_make(&second, second_fiber);
    fiber_switch(&main_fiber, &first);
    os_join(&other);
    CHECK_EQUAL(threads_inside, 24);
    CHECK(!cancelled && !fastpar_is_cancelled());
    fiber_free(&first);
    fiber_free(&second);
    /* Nothing of it is left on this thread. */
    CHECK_EQUAL(pool_threads_now(), 0);
    CHECK_EQUAL(fastpar_for(NULL, 100, nothing, NULL, NULL), FASTPAR_OK);
    CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  }
}

/* The same where the thread is a worker: the fibers are those of a job's callback. */
static int32_t fibers_on_worker(void *user_data, const fastpar_chunk *chunk)
{
  (void)user_data;
  (void)chunk;
#ifdef _WIN32
  main_fiber = ConvertThreadToFiber(NULL);
#endif
  on_this_thread++;
  fiber_make(&first, first_fiber);
  fiber_make(&second, second_fiber);
  fiber_switch(&main_fiber, &first);
  fiber_free(&first);
  fiber_free(&second);
  return 0;
}

static void on_a_worker_too(void)
{
  fastpar_job *job = NULL;
  os_store(&go, 0);
  os_store(&stopped, 0);
  CHECK_EQUAL(fastpar_for_start(NULL, 1, fibers_on_worker, NULL, &job, NULL), FASTPAR_OK);
  while (!os_load(&go)) os_yield(); /* before it is waited for, so that a worker has it */
  CHECK_EQUAL(fastpar_job_wait(job, UINT64_MAX, NULL), FASTPAR_OK);
  fastpar_job_free(job);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  CHECK_EQUAL(pool_threads_now(), 0);
}

int main(void)
{
  fibers_begin();
  RUN(a_call_outlives_the_one_that_it_began_in);
  RUN(on_a_worker_too);
  return FINISH();
}
