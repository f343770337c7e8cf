/* Prefix sums and sorting, as a C program uses them. */
#include "check.h"

#include <fastpar.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 100000 };

/* ---- prefix sums ---- */

static uint32_t values[COUNT];
static uint64_t sums[COUNT];

static int32_t add_items(void *user_data, const fastpar_chunk *chunk, void *accumulator)
{
  (void)user_data;
  for (size_t i = chunk->begin; i < chunk->end; i++) *(uint64_t *)accumulator += values[i];
  return 0;
}

static int32_t add_sums(void *user_data, void *into, const void *from)
{
  (void)user_data;
  *(uint64_t *)into += *(const uint64_t *)from;
  return 0;
}

static int32_t write_sums(void *user_data, const fastpar_chunk *chunk, const void *before)
{
  uint64_t sum = *(const uint64_t *)before;
  if (chunk->index == *(const size_t *)user_data) return 9;
  for (size_t i = chunk->begin; i < chunk->end; i++) sums[i] = sum += values[i];
  return 0;
}

static void each_item_has_the_sum_up_to_it(void)
{
  size_t failing = SIZE_MAX;
  for (size_t i = 0; i < COUNT; i++) values[i] = (uint32_t)(i * 2654435761u >> 7);
  for (uint32_t lanes = 1; lanes <= 24; lanes += 23) {
    fastpar_loop_options options;
    uint64_t total = 0, expected = 0;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.max_lanes = lanes;
    CHECK_EQUAL(fastpar_prefix(&options, COUNT, add_items, add_sums, write_sums, &failing, &total, sizeof total, NULL), FASTPAR_OK);
    for (size_t i = 0; i < COUNT; i++) {
      expected += values[i];
      CHECK(sums[i] == expected);
    }
    CHECK(total == expected);
  }
}

static void a_failure_leaves_the_accumulator(void)
{
  fastpar_error error;
  uint64_t total = 5;
  size_t failing = 3;
  CHECK_EQUAL(fastpar_prefix(NULL, COUNT, add_items, add_sums, write_sums, &failing, &total, sizeof total, &error), FASTPAR_ERR_CALLBACK);
  CHECK(error.code == 9 && error.position == 3 && total == 5);
}

/* ---- sorting ---- */

typedef struct trade {
  int64_t time;
  double price;
  char symbol[8];
  uint32_t number;
  uint32_t unused;
} trade;

static trade trades[COUNT];

static void make_trades(void)
{
  static const char *const symbols[3] = {"ABC", "ABCD", "XYZ"};
  uint32_t state = 1;
  memset(trades, 0, sizeof trades);
  for (uint32_t i = 0; i < COUNT; i++) {
    state = state * 1664525 + 1013904223;
    trades[i].time = (int64_t)(state >> 20) - 2000;
    trades[i].price = (double)(state >> 8 & 15) - 7.5;
    memcpy(trades[i].symbol, symbols[(state >> 16) % 3], strlen(symbols[(state >> 16) % 3]));
    trades[i].number = i;
  }
}

static int every_trade_is_there(void)
{
  static unsigned char seen[COUNT];
  memset(seen, 0, sizeof seen);
  for (size_t i = 0; i < COUNT; i++) seen[trades[i].number]++;
  for (size_t i = 0; i < COUNT; i++)
    if (seen[i] != 1) return 0;
  return 1;
}

static void by_one_key(void)
{
  const fastpar_sort_key key = {offsetof(trade, time), FASTPAR_I64, 0};
  make_trades();
  CHECK_EQUAL(fastpar_sort(NULL, trades, COUNT, sizeof(trade), &key, 1, NULL), FASTPAR_OK);
  for (size_t i = 1; i < COUNT; i++) {
    const trade *last = &trades[i - 1], *next = &trades[i];
    CHECK(last->time < next->time || (last->time == next->time && last->number < next->number));
  }
  CHECK(every_trade_is_there());
}

static void by_several_keys(void)
{
  const fastpar_sort_key keys[2] = {
    {offsetof(trade, symbol), FASTPAR_BYTES, 8 << 8},
    {offsetof(trade, price), FASTPAR_F64, FASTPAR_SORT_DESCENDING},
  };
  make_trades();
  CHECK_EQUAL(fastpar_sort(NULL, trades, COUNT, sizeof(trade), keys, 2, NULL), FASTPAR_OK);
  for (size_t i = 1; i < COUNT; i++) {
    const trade *last = &trades[i - 1], *next = &trades[i];
    int order = memcmp(last->symbol, next->symbol, 8);
    CHECK(order <= 0);
    if (order == 0) CHECK(last->price > next->price || (last->price == next->price && last->number < next->number));
  }
  CHECK(every_trade_is_there());
}

static void the_memory_that_sorting_takes(void)
{
  const fastpar_sort_key number = {0, FASTPAR_U32, 0}, time = {offsetof(trade, time), FASTPAR_I64, 0};
  size_t bytes = 0;
  CHECK_EQUAL(fastpar_sort_memory(COUNT, 4, &number, 1, &bytes, NULL), FASTPAR_OK);
  CHECK(bytes >= COUNT * 4 && bytes < COUNT * 8);
  CHECK_EQUAL(fastpar_sort_memory(COUNT, sizeof(trade), &time, 1, &bytes, NULL), FASTPAR_OK);
  CHECK(bytes >= COUNT * (12 + sizeof(trade)) && bytes < COUNT * (16 + sizeof(trade)));
  CHECK_EQUAL(fastpar_sort_memory(1, 4, &number, 1, &bytes, NULL), FASTPAR_OK);
  CHECK_EQUAL(bytes, 0);
}

static void a_cancelled_sort_leaves_the_records(void)
{
  const fastpar_sort_key key = {offsetof(trade, time), FASTPAR_I64, 0};
  fastpar_loop_options options;
  int32_t cancel = 1;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.cancel = &cancel;
  make_trades();
  CHECK_EQUAL(fastpar_sort(&options, trades, COUNT, sizeof(trade), &key, 1, NULL), FASTPAR_ERR_CANCELLED);
  for (uint32_t i = 0; i < COUNT; i++) CHECK(trades[i].number == i);
}

int main(void)
{
  RUN(each_item_has_the_sum_up_to_it);
  RUN(a_failure_leaves_the_accumulator);
  RUN(by_one_key);
  RUN(by_several_keys);
  RUN(the_memory_that_sorting_takes);
  RUN(a_cancelled_sort_leaves_the_records);
  return FINISH();
}
