/* A loop that checks everything that a loop promises about its chunks. */
#ifndef GRID_H
#define GRID_H

#include <fastpar.h>
#include "check.h"
#include "os.h"

enum { GRID_LANES = 1024 };

typedef struct grid {
  size_t count;
  int32_t *visits;                  /* of each item */
  int32_t holders[GRID_LANES];      /* threads that hold a lane now */
  int32_t chunks;
  int32_t lanes;                    /* 0: no chunk has told yet */
} grid;

static inline int32_t grid_chunk(void *user_data, const fastpar_chunk *chunk)
{
  grid *g = user_data;
  CHECK(chunk->begin < chunk->end && chunk->end <= g->count);
  CHECK(chunk->lane < chunk->lanes && chunk->lanes <= GRID_LANES);
  CHECK_EQUAL(os_add(&g->holders[chunk->lane], 1), 0);
  if (os_load(&g->lanes) == 0) os_store(&g->lanes, (int32_t)chunk->lanes);
  CHECK_EQUAL(os_load(&g->lanes), chunk->lanes);
  for (size_t i = chunk->begin; i < chunk->end; i++) os_add(&g->visits[i], 1);
  os_add(&g->chunks, 1);
  os_add(&g->holders[chunk->lane], -1);
  return 0;
}

static inline void grid_open(grid *g, size_t count)
{
  memset(g, 0, sizeof *g);
  g->count = count;
  g->visits = calloc(count + 1, sizeof *g->visits);
  if (!g->visits) abort();
}

/* Every item was visited exactly once, in as many chunks as expected. */
static inline void grid_close(grid *g, size_t chunks)
{
  size_t wrong = 0;
  for (size_t i = 0; i < g->count; i++) wrong += g->visits[i] != 1;
  CHECK_EQUAL(wrong, 0);
  CHECK_EQUAL(g->chunks, chunks);
  free(g->visits);
}

/* Runs a loop and checks it against its plan. */
static inline void grid_run(const fastpar_loop_options *options, size_t count)
{
  grid g;
  fastpar_plan plan;
  fastpar_error error;
  memset(&plan, 0, sizeof plan);
  plan.struct_size = sizeof plan;
  CHECK_EQUAL(fastpar_plan_make(options, count, &plan, &error), FASTPAR_OK);
  grid_open(&g, count);
  CHECK_EQUAL(fastpar_for(options, count, grid_chunk, &g, &error), FASTPAR_OK);
  if (count > 0) CHECK_EQUAL(g.lanes, plan.lanes);
  grid_close(&g, plan.chunks);
}

#endif
