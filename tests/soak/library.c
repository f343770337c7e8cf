/* The threads of workers.h inside of a program in another language, which loads this beside its own
   binding. */
#define _GNU_SOURCE
#include "workers.h"

#define EXPORT __attribute__((visibility("default")))

/* Threads of the pool, as C sees it: the language has to see the same. */
EXPORT uint32_t soak_pool_threads(void);
EXPORT void soak_begin(uint64_t seed);
/* Waits for the threads; how many checks have failed. */
EXPORT int32_t soak_end(void);

uint32_t soak_pool_threads(void) { return fastpar_pool_threads(); }

void soak_begin(uint64_t seed)
{
  uint64_t state = seed * 0x9e3779b97f4a7c15u | 1;
  calls_prepare();
  workers_begin(&state);
}

int32_t soak_end(void)
{
  workers_end();
  return check_failures;
}
