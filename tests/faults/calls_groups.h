/* Calls of groups of tasks and of pipelines, for calls.h: whatever fails, each task that was accepted runs or
 * is dropped once, and each item that was fed is taken or dropped once. */
#ifndef CALLS_GROUPS_H
#define CALLS_GROUPS_H

enum { CALLS_NODES = 63, CALLS_FED = 50 };

typedef struct calls_group {
  atomic_int status; /* of the first call in a task that failed */
  atomic_int accepted, ended;
} calls_group;

/* A node of a tree, in the room. */
typedef struct calls_node {
  calls_group *group;
  size_t number; /* from 1; its children have twice that, and one more */
} calls_node;

static void calls_take_node(void *drop_data, void *item)
{
  (void)drop_data;
  atomic_fetch_add(&((calls_node *)item)->group->ended, 1);
}

static int32_t calls_visit(void *item, fastpar_group *group, uint32_t lane)
{
  calls_node *node = item;
  int expected = 0;
  fastpar_status status = FASTPAR_OK;
  (void)lane;
  atomic_fetch_add(&node->group->ended, 1);
  for (size_t child = 1; !status && child <= 2 && 2 * node->number < CALLS_NODES; child++) {
    status = fastpar_group_spawn(group, calls_visit, node + node->number - 1 + child, NULL);
    if (!status) atomic_fetch_add(&node->group->accepted, 1);
  }
  if (!status && node->number % 3 == 0) status = fastpar_group_wait(group, NULL);
  if (status) atomic_compare_exchange_strong(&node->group->status, &expected, (int)status);
  return status;
}

static fastpar_status call_group(calls_room *room)
{
  calls_group group = {0, 1, 0};
  calls_node *nodes = (calls_node *)(void *)room->unpacked;
  fastpar_group_options options;
  fastpar_status status;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.cancel = room->cancel;
  options.drop = calls_take_node;
  for (size_t i = 0; i < CALLS_NODES; i++) nodes[i] = (calls_node){&group, i + 1};
  status = fastpar_group_run(&options, calls_visit, nodes, NULL);
  /* The root is no task that could be dropped. */
  MUST(atomic_load(&group.ended) == atomic_load(&group.accepted) || (status && atomic_load(&group.ended) == 0));
  if (status == FASTPAR_ERR_CALLBACK) return atomic_load(&group.status);
  PASS(status);
  MUST(atomic_load(&group.ended) == CALLS_NODES);
  return 0;
}

typedef struct calls_line {
  unsigned char *marks;
  size_t fed, taken, dropped;
} calls_line;

static int32_t calls_feed(void *user_data, void **item)
{
  calls_line *line = user_data;
  if (line->fed < CALLS_FED) *item = &line->marks[line->fed++];
  return 0;
}

static int32_t calls_work(void *user_data, void *item, uint32_t lane)
{
  (void)user_data;
  (void)lane;
  ++*(unsigned char *)item;
  return 0;
}

static int32_t calls_take(void *user_data, void *item, uint32_t lane)
{
  calls_line *line = user_data;
  (void)lane;
  MUST(item == &line->marks[line->taken++]);
  return 0;
}

static void calls_drop(void *user_data, void *item)
{
  (void)item;
  ((calls_line *)user_data)->dropped++;
}

static fastpar_status call_pipeline(calls_room *room)
{
  calls_line line = {room->marks, 0, 0, 0};
  fastpar_pipeline_options options;
  fastpar_status status;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.cancel = room->cancel;
  options.drop = calls_drop;
  memset(room->marks, 0, CALLS_FED);
  status = fastpar_pipeline_run(&options, calls_feed, calls_work, calls_take, &line, NULL);
  MUST(line.fed == line.taken + line.dropped);
  PASS(status);
  MUST(line.taken == CALLS_FED);
  for (size_t i = 0; i < CALLS_FED; i++) MUST(room->marks[i] == 1);
  return 0;
}

#endif
