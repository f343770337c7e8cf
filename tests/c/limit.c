/* The cap on lanes; CPUs and caches that the library counts. */
#include "os.h"
#include "check.h"
#include "options.h"

#include <fastpar.h>

/* ---- the cap on lanes ---- */

typedef struct counted {
  int32_t inside, most, lane, lanes;
} counted;

static int32_t count_lanes(void *user_data, const fastpar_chunk *chunk)
{
  counted *c = user_data;
  int32_t now = os_add(&c->inside, 1) + 1, most = os_load(&c->most);
  while (now > most && !__atomic_compare_exchange_n(&c->most, &most, now, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) continue;
  if ((int32_t)chunk->lane > os_load(&c->lane)) os_store(&c->lane, (int32_t)chunk->lane);
  os_store(&c->lanes, (int32_t)chunk->lanes);
  os_sleep_ms(1);
  os_add(&c->inside, -1);
  return 0;
}

static int32_t meets(void *user_data, fastpar_team *team, uint32_t member, uint32_t members)
{
  (void)user_data;
  (void)member;
  (void)members;
  return fastpar_team_barrier(team, NULL);
}

static void the_limit_caps_every_call(void)
{
  fastpar_loop_options options = each_item(0);
  for (uint32_t limit = 1; limit <= 3; limit++) {
    counted loop = {0, 0, 0, 0}, job = {0, 0, 0, 0};
    fastpar_job *started = NULL;
    CHECK_EQUAL(fastpar_pool_limit(limit, NULL), FASTPAR_OK);
    CHECK_EQUAL(fastpar_pool_limit_get(), limit);
    CHECK_EQUAL(fastpar_for(&options, 200, count_lanes, &loop, NULL), FASTPAR_OK);
    CHECK(loop.most >= 1 && loop.most <= (int32_t)limit && loop.lane < (int32_t)limit);
    CHECK_EQUAL(loop.lanes, (int32_t)fastpar_pool_threads()); /* as without */
    CHECK_EQUAL(fastpar_for_start(&options, 200, count_lanes, &job, &started, NULL), FASTPAR_OK);
    CHECK_EQUAL(fastpar_job_wait(started, UINT64_MAX, NULL), FASTPAR_OK);
    CHECK(job.most >= 1 && job.most <= (int32_t)limit);
    fastpar_job_free(started);
    CHECK_EQUAL(fastpar_team_run(4, meets, NULL, NULL), FASTPAR_OK);
    CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
    CHECK_EQUAL(fastpar_pool_limit_get(), limit);
  }
  CHECK_EQUAL(fastpar_pool_limit(UINT32_MAX, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_limit(0, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_limit_get(), 0);
  {
    counted loop = {0, 0, 0, 0};
    CHECK_EQUAL(fastpar_for(&options, 2000, count_lanes, &loop, NULL), FASTPAR_OK);
    CHECK(loop.most > 3); /* they only sleep, so all helpers come */
  }
}

/* ---- CPUs and caches ---- */

static void cpus_and_caches(void)
{
  fastpar_plan plan;
  fastpar_loop_options options = each_item(0);
  size_t smaller;
  memset(&plan, 0, sizeof plan);
  plan.struct_size = sizeof plan;
  CHECK(fastpar_cpus() >= 1 && fastpar_cpus() <= 1024);
  options.grain = 0;
  options.schedule = FASTPAR_SCHEDULE_CACHE;
  options.flags = FASTPAR_LOOP_CACHE_DETECT;
  CHECK_EQUAL(fastpar_plan_make(&options, SIZE_MAX / 2, &plan, NULL), FASTPAR_OK);
  smaller = plan.largest * plan.lanes; /* of what was detected, as an item is a byte */
  CHECK(smaller >= 64 << 10 && smaller <= (size_t)4 << 30);
  options.flags = 0;
  options.cache_bytes = smaller + plan.lanes;
  CHECK_EQUAL(fastpar_plan_make(&options, SIZE_MAX / 2, &plan, NULL), FASTPAR_OK);
  CHECK(plan.largest * plan.lanes >= smaller);
  options.flags = FASTPAR_LOOP_CACHE_DETECT;
  CHECK_EQUAL(fastpar_plan_make(&options, 1000, &plan, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  options.cache_bytes = 0;
  options.flags = 2;
  CHECK_EQUAL(fastpar_plan_make(&options, 1000, &plan, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  options.flags = 0;
  options.reserved = 1;
  CHECK_EQUAL(fastpar_plan_make(&options, 1000, &plan, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
}

int main(void)
{
  RUN(the_limit_caps_every_call);
  RUN(cpus_and_caches);
  return FINISH();
}
