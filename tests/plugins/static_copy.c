/* A library with a static copy of fastpar inside. */
#include <fastpar.h>

static int32_t count_chunk(void *user_data, const fastpar_chunk *chunk)
{
  (void)chunk;
  __atomic_fetch_add((int32_t *)user_data, 1, __ATOMIC_SEQ_CST);
  return 0;
}

/* The chunks that ran, of 24; -1 on failure. */
int plugin_main(void);
int plugin_main(void)
{
  int32_t chunks = 0;
  if (fastpar_pool_start(NULL, NULL) != FASTPAR_OK) return -1;
  return fastpar_for(NULL, 24, count_chunk, &chunks, NULL) == FASTPAR_OK ? chunks : -1;
}
