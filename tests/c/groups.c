/* Groups: tasks that make tasks, as a C program uses them. */
#include "os.h"
#include "check.h"
#include <fastpar.h>
#include <stdint.h>
#include <stdlib.h>

/* ---- trees ---- */

enum { NODES = 1000000, LANES = 1024 };

static int32_t visits, dropped;
static int32_t busy[LANES];

static void reset(void)
{
  visits = dropped = 0;
  memset(busy, 0, sizeof busy);
}

static void *number(uintptr_t value) { return (void *)value; }

/* Spawns the tasks below a node of a complete binary tree. */
static int32_t tree(void *item, fastpar_group *group, uint32_t lane)
{
  uintptr_t node = (uintptr_t)item;
  CHECK(lane < fastpar_pool_threads());
  CHECK_EQUAL(os_add(&busy[lane], 1), 0);
  os_add(&visits, 1);
  if (2 * node <= NODES) CHECK_EQUAL(fastpar_group_spawn(group, tree, number(2 * node), NULL), FASTPAR_OK);
  if (2 * node + 1 <= NODES) CHECK_EQUAL(fastpar_group_spawn(group, tree, number(2 * node + 1), NULL), FASTPAR_OK);
  os_add(&busy[lane], -1);
  return 0;
}

static void a_tree_is_walked_once(void)
{
  reset();
  CHECK_EQUAL(fastpar_group_run(NULL, tree, number(1), NULL), FASTPAR_OK);
  CHECK_EQUAL(visits, NODES);
}

/* A tree that is a list: each task spawns one. */
static int32_t list(void *item, fastpar_group *group, uint32_t lane)
{
  uintptr_t left = (uintptr_t)item;
  (void)lane;
  os_add(&visits, 1);
  return left > 1 ? fastpar_group_spawn(group, list, number(left - 1), NULL) : 0;
}

static void a_list_of_a_million_tasks_nests_nothing(void)
{
  fastpar_group_options options = {.struct_size = sizeof options};
  for (options.max_lanes = 0; options.max_lanes <= 2; options.max_lanes++) {
    reset();
    CHECK_EQUAL(fastpar_group_run(&options, list, number(NODES), NULL), FASTPAR_OK);
    CHECK_EQUAL(visits, NODES);
  }
}

/* Many tasks of one: the root waits for them, twice. */
static int32_t leaf(void *item, fastpar_group *group, uint32_t lane)
{
  (void)group;
  (void)lane;
  os_add(item, 1);
  return 0;
}

static int32_t flat(void *item, fastpar_group *group, uint32_t lane)
{
  (void)lane;
  for (int round = 1; round <= 2; round++) {
    for (int i = 0; i < 100000; i++) CHECK_EQUAL(fastpar_group_spawn(group, leaf, item, NULL), FASTPAR_OK);
    CHECK_EQUAL(fastpar_group_wait(group, NULL), FASTPAR_OK);
    CHECK_EQUAL(os_load(item), round * 100000);
  }
  return fastpar_group_wait(group, NULL);
}

static void waiting_sees_all_that_was_spawned(void)
{
  int32_t count = 0;
  CHECK_EQUAL(fastpar_group_run(NULL, flat, &count, NULL), FASTPAR_OK);
  CHECK_EQUAL(count, 200000);
}

/* ---- recursion that waits ---- */

typedef struct fib {
  uint32_t n;
  uint64_t value;
} fib;

static int32_t fib_task(void *item, fastpar_group *group, uint32_t lane)
{
  fib *f = item, one = {f->n - 1, 0}, two = {f->n - 2, 0};
  (void)lane;
  if (f->n < 2) {
    f->value = f->n;
    return 0;
  }
  CHECK_EQUAL(fastpar_group_spawn(group, fib_task, &one, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_group_spawn(group, fib_task, &two, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_group_wait(group, NULL), FASTPAR_OK);
  f->value = one.value + two.value;
  return 0;
}

static void fib_by_tasks(void)
{
  fastpar_group_options options = {.struct_size = sizeof options};
  for (options.max_lanes = 0; options.max_lanes <= 3; options.max_lanes++) {
    fib f = {options.max_lanes == 0 ? 24 : 20, 0};
    CHECK_EQUAL(fastpar_group_run(&options, fib_task, &f, NULL), FASTPAR_OK);
    CHECK_EQUAL(f.value, f.n == 24 ? 46368 : 6765);
  }
}

/* A chain of waits: each keeps its stack. It ends well, or with a status where no thread is left. */
static int32_t chain(void *item, fastpar_group *group, uint32_t lane)
{
  uintptr_t left = (uintptr_t)item;
  fastpar_status status;
  (void)lane;
  os_add(&visits, 1);
  if (left <= 1) return 0;
  CHECK_EQUAL(fastpar_group_spawn(group, chain, number(left - 1), NULL), FASTPAR_OK);
  status = fastpar_group_wait(group, NULL);
  CHECK(status == FASTPAR_OK || status == FASTPAR_ERR_LIMIT_EXCEEDED || status == FASTPAR_ERR_CANCELLED);
  return status;
}

static void waits_that_are_too_deep_end(void)
{
  fastpar_group_options options = {.struct_size = sizeof options};
  fastpar_error error;
  reset();
  CHECK_EQUAL(fastpar_group_run(NULL, chain, number(100), NULL), FASTPAR_OK);
  CHECK_EQUAL(visits, 100);
  for (options.max_lanes = 1; options.max_lanes <= 4; options.max_lanes++) {
    CHECK_EQUAL(fastpar_group_run(&options, chain, number(NODES), &error), FASTPAR_ERR_CALLBACK);
    CHECK_EQUAL(error.code, FASTPAR_ERR_LIMIT_EXCEEDED);
  }
}

/* ---- failures ---- */

static void count_drop(void *data, void *item)
{
  CHECK(data == &dropped && item == &visits);
  os_add(data, 1);
}

static int32_t fails(void *item, fastpar_group *group, uint32_t lane)
{
  (void)item;
  (void)group;
  (void)lane;
  return 7;
}

static int32_t visit(void *item, fastpar_group *group, uint32_t lane)
{
  (void)group;
  (void)lane;
  os_add(item, 1);
  return 0;
}

static int32_t accepted;

static int32_t spawns_one_that_fails(void *item, fastpar_group *group, uint32_t lane)
{
  fastpar_status status = FASTPAR_OK;
  (void)item;
  (void)lane;
  for (int i = 0; i < 10000 && status == FASTPAR_OK; i++) {
    status = fastpar_group_spawn(group, visit, &visits, NULL);
    accepted += status == FASTPAR_OK;
    if (i == 5000) CHECK(fastpar_group_spawn(group, fails, NULL, NULL) != FASTPAR_ERR_INVALID_ARGUMENT);
  }
  status = fastpar_group_wait(group, NULL);
  CHECK_EQUAL(status, FASTPAR_ERR_CANCELLED);
  CHECK(fastpar_is_cancelled());
  CHECK_EQUAL(fastpar_group_spawn(group, visit, &visits, NULL), FASTPAR_ERR_CANCELLED);
  return 0;
}

static void what_is_not_begun_is_dropped_once(void)
{
  fastpar_group_options options = {.struct_size = sizeof options, .drop = count_drop, .drop_data = &dropped};
  for (options.max_lanes = 0; options.max_lanes <= 2; options.max_lanes++) {
    fastpar_error error;
    reset();
    accepted = 0;
    CHECK_EQUAL(fastpar_group_run(&options, spawns_one_that_fails, NULL, &error), FASTPAR_ERR_CALLBACK);
    CHECK_EQUAL(error.code, 7);
    CHECK_EQUAL(visits + dropped, accepted);
  }
}

static int32_t cancels(void *item, fastpar_group *group, uint32_t lane)
{
  (void)lane;
  for (int i = 0; i < 100; i++) accepted += fastpar_group_spawn(group, visit, &visits, NULL) == FASTPAR_OK;
  fastpar_cancel(item);
  CHECK_EQUAL(fastpar_group_wait(group, NULL), FASTPAR_ERR_CANCELLED);
  return 0;
}

static void a_cancelled_group_drops_too(void)
{
  int32_t cancel = 0;
  fastpar_group_options options = {.struct_size = sizeof options, .cancel = &cancel, .drop = count_drop, .drop_data = &dropped};
  reset();
  accepted = 0;
  CHECK_EQUAL(fastpar_group_run(&options, cancels, &cancel, NULL), FASTPAR_ERR_CANCELLED);
  CHECK_EQUAL(visits + dropped, accepted);
  CHECK_EQUAL(fastpar_group_run(&options, cancels, &cancel, NULL), FASTPAR_ERR_CANCELLED);
  CHECK_EQUAL(accepted, 100); /* the root has not begun */
}

static fastpar_group *dropping;

/* Where an item is dropped the thread is in none of the tasks, whichever waits there. */
static void drop_outside(void *data, void *item)
{
  CHECK_EQUAL(fastpar_group_spawn(dropping, visit, item, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_group_wait(dropping, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  count_drop(data, item);
}

static int32_t drops(void *item, fastpar_group *group, uint32_t lane)
{
  (void)lane;
  dropping = group;
  for (int i = 0; i < 100; i++) CHECK_EQUAL(fastpar_group_spawn(group, visit, &visits, NULL), FASTPAR_OK);
  fastpar_cancel(item);
  CHECK_EQUAL(fastpar_group_wait(group, NULL), FASTPAR_ERR_CANCELLED);
  return 0;
}

static void a_drop_is_in_no_task(void)
{
  int32_t cancel = 0;
  fastpar_group_options options = {.struct_size = sizeof options, .max_lanes = 1, .cancel = &cancel, .drop = drop_outside, .drop_data = &dropped};
  reset();
  CHECK_EQUAL(fastpar_group_run(&options, drops, &cancel, NULL), FASTPAR_ERR_CANCELLED);
  CHECK_EQUAL(visits, 0);
  CHECK_EQUAL(dropped, 100);
}

/* ---- loops in tasks, groups in loops ---- */

static fastpar_group *outer;

static int32_t chunk_spawns(void *group, const fastpar_chunk *chunk)
{
  CHECK_EQUAL(fastpar_group_wait(group, NULL), FASTPAR_ERR_BUSY);
  for (size_t i = chunk->begin; i < chunk->end; i++)
    CHECK_EQUAL(fastpar_group_spawn(group, visit, &visits, NULL), FASTPAR_OK);
  return 0;
}

static int32_t inner_root(void *item, fastpar_group *group, uint32_t lane)
{
  (void)lane;
  CHECK_EQUAL(fastpar_group_spawn(group, visit, item, NULL), FASTPAR_OK);
  return fastpar_group_spawn(outer, visit, item, NULL);
}

static int32_t loops(void *item, fastpar_group *group, uint32_t lane)
{
  (void)item;
  (void)lane;
  outer = group;
  CHECK_EQUAL(fastpar_for(NULL, 10000, chunk_spawns, group, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_group_wait(group, NULL), FASTPAR_OK);
  CHECK_EQUAL(visits, 10000); /* what chunks on other threads spawned, too */
  CHECK_EQUAL(fastpar_group_run(NULL, inner_root, &visits, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_group_wait(group, NULL), FASTPAR_OK);
  CHECK_EQUAL(visits, 10002);
  return 0;
}

static void loops_in_tasks_spawn(void)
{
  for (int i = 0; i < 20; i++) {
    reset();
    CHECK_EQUAL(fastpar_group_run(NULL, loops, NULL, NULL), FASTPAR_OK);
  }
}

static int32_t chunk_of_groups(void *user_data, const fastpar_chunk *chunk)
{
  fib f = {12, 0};
  (void)user_data;
  (void)chunk;
  CHECK_EQUAL(fastpar_group_run(NULL, fib_task, &f, NULL), FASTPAR_OK);
  CHECK_EQUAL(f.value, 144);
  return 0;
}

static void groups_run_in_loops(void)
{
  CHECK_EQUAL(fastpar_for(NULL, 100, chunk_of_groups, NULL, NULL), FASTPAR_OK);
}

/* ---- misuse ---- */

static void other_thread(void *group)
{
  CHECK_EQUAL(fastpar_group_spawn(group, visit, &visits, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_group_wait(group, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
}

static int32_t misuses(void *item, fastpar_group *group, uint32_t lane)
{
  os_thread thread;
  (void)item;
  (void)lane;
  outer = group;
  os_start(&thread, other_thread, group);
  os_join(&thread);
  CHECK_EQUAL(fastpar_group_spawn(group, NULL, NULL, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_group_spawn(NULL, visit, NULL, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_group_wait(NULL, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_group_wait(group, NULL), FASTPAR_OK); /* it has spawned nothing */
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_ERR_BUSY);
  return 0;
}

static void a_group_is_used_from_inside_only(void)
{
  fastpar_group_options options = {.struct_size = sizeof options, .flags = 1};
  reset();
  CHECK_EQUAL(fastpar_group_run(NULL, misuses, NULL, NULL), FASTPAR_OK);
  other_thread(outer); /* it has ended */
  CHECK_EQUAL(visits, 0);
  CHECK_EQUAL(fastpar_group_run(&options, misuses, NULL, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_group_run(NULL, NULL, NULL, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
}

int main(void)
{
  RUN(a_tree_is_walked_once);
  RUN(a_list_of_a_million_tasks_nests_nothing);
  RUN(waiting_sees_all_that_was_spawned);
  RUN(fib_by_tasks);
  RUN(waits_that_are_too_deep_end);
  RUN(what_is_not_begun_is_dropped_once);
  RUN(a_cancelled_group_drops_too);
  RUN(a_drop_is_in_no_task);
  RUN(loops_in_tasks_spawn);
  RUN(groups_run_in_loops);
  RUN(a_group_is_used_from_inside_only);
  return FINISH();
}
