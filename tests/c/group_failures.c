/* Failures that tasks of a group tell, beside what other tasks on the same thread tell. */
#include "check.h"
#include <fastpar.h>
#include <stdint.h>
#include <string.h>

static void *number(uintptr_t value) { return (void *)value; }

static int32_t fails_with(void *item, fastpar_group *group, uint32_t lane)
{
  fastpar_error error = {.status = FASTPAR_ERR_CORRUPT, .position = 5};
  (void)item;
  (void)group;
  (void)lane;
  fastpar_fail(&error);
  return 1;
}

static void a_task_tells_its_failure(void)
{
  fastpar_error error;
  CHECK_EQUAL(fastpar_group_run(NULL, fails_with, NULL, &error), FASTPAR_ERR_CORRUPT);
  CHECK(error.status == FASTPAR_ERR_CORRUPT && error.position == 5);
}

/* Succeeds after all; a failure that it has told is taken back, or not. */
static int32_t tells_and_succeeds(void *item, fastpar_group *group, uint32_t lane)
{
  fastpar_error error = {.status = FASTPAR_ERR_TRUNCATED};
  (void)group;
  (void)lane;
  fastpar_fail(&error);
  if (item != NULL) fastpar_fail(NULL);
  return 0;
}

static int32_t tells_and_waits(void *item, fastpar_group *group, uint32_t lane)
{
  fastpar_error error = {.status = FASTPAR_ERR_CORRUPT, .position = 5};
  (void)lane;
  if (item != NULL) fastpar_fail(&error);
  for (int i = 0; i < 10; i++) CHECK_EQUAL(fastpar_group_spawn(group, tells_and_succeeds, number(i & 1), NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_group_wait(group, NULL), FASTPAR_OK);
  return 9;
}

static void what_a_task_tells_outlasts_its_wait(void)
{
  fastpar_group_options options = {.struct_size = sizeof options, .max_lanes = 1};
  for (int i = 0; i < 20; i++) {
    fastpar_error error;
    CHECK_EQUAL(fastpar_group_run(&options, tells_and_waits, &options, &error), FASTPAR_ERR_CORRUPT);
    CHECK(error.status == FASTPAR_ERR_CORRUPT && error.position == 5);
    CHECK_EQUAL(fastpar_group_run(&options, tells_and_waits, NULL, &error), FASTPAR_ERR_CALLBACK);
    CHECK_EQUAL(error.code, 9);
    options.max_lanes = 0;
  }
}

/* Fails on top of the task that waits, having told an error of its own or none. */
static int32_t fails_on_top(void *item, fastpar_group *group, uint32_t lane)
{
  (void)group, (void)lane;
  if (item != NULL) fastpar_fail(item);
  return 1;
}

static int32_t tells_below(void *item, fastpar_group *group, uint32_t lane)
{
  const fastpar_error below = {.status = FASTPAR_ERR_CORRUPT, .position = 5, .message = "below"};
  (void)lane;
  fastpar_fail(&below);
  CHECK_EQUAL(fastpar_group_spawn(group, fails_on_top, item, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_group_wait(group, NULL), FASTPAR_ERR_CANCELLED);
  return 0;
}

/* What it has told is not the failure of a task that runs on top of it. */
static void a_failure_on_top_is_its_own(void)
{
  fastpar_group_options options = {.struct_size = sizeof options, .max_lanes = 1};
  fastpar_error told = {.status = FASTPAR_ERR_IO, .position = 6, .message = "on top"}, error;
  for (int i = 0; i < 20; i++) {
    CHECK_EQUAL(fastpar_group_run(&options, tells_below, NULL, &error), FASTPAR_ERR_CALLBACK);
    CHECK_EQUAL(error.code, 1);
    CHECK_EQUAL(fastpar_group_run(&options, tells_below, &told, &error), FASTPAR_ERR_IO);
    CHECK(error.position == 6 && strcmp(error.message, "on top") == 0);
    options.max_lanes = 0;
  }
}

int main(void)
{
  RUN(a_task_tells_its_failure);
  RUN(what_a_task_tells_outlasts_its_wait);
  RUN(a_failure_on_top_is_its_own);
  return FINISH();
}
