/* The least stack that the header promises to be enough for a calling thread, and for workers. */
#define _GNU_SOURCE
#include "calls.h"
#include "check.h"

#include <pthread.h>

enum { LEAST = 64 << 10 };

static calls_room room;

static void *each_call(void *argument)
{
  (void)argument;
  for (int i = 0; i < CALLS_KINDS; i++) {
    fastpar_status status = CALLS[i].run(&room);
    if (status) printf("call %d: %s\n", i, fastpar_status_name(status));
    CHECK_EQUAL(status, FASTPAR_OK);
  }
  return NULL;
}

static void callers_with_the_least_stack(void)
{
  pthread_attr_t attributes;
  pthread_t thread;
  CHECK_EQUAL(pthread_attr_init(&attributes), 0);
  CHECK_EQUAL(pthread_attr_setstacksize(&attributes, LEAST), 0);
  for (int round = 0; round < 3; round++) {
    CHECK_EQUAL(pthread_create(&thread, &attributes, each_call, NULL), 0);
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
  }
  /* The first call of the process may be such a thread's, too. */
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  CHECK_EQUAL(pthread_create(&thread, &attributes, each_call, NULL), 0);
  CHECK_EQUAL(pthread_join(thread, NULL), 0);
  pthread_attr_destroy(&attributes);
}

static void workers_with_the_least_stack(void)
{
  fastpar_pool_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.stack_size = LEAST;
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_start(&options, NULL), FASTPAR_OK);
  for (int round = 0; round < 10; round++) each_call(NULL);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
}

int main(void)
{
  calls_make_room(&room, 0);
  calls_prepare();
  calls_make_files(&room);
  RUN(callers_with_the_least_stack);
  RUN(workers_with_the_least_stack);
  calls_remove_files(&room);
  return FINISH();
}
