/* Columns and tables, as a C program uses them. */
#include "check.h"
#include "trades.h"

#include <fastpar.h>
#include <math.h>
#include <string.h>

static trade taken[COUNT];
static uint8_t mask[MASK], second[MASK], both[MASK];

static const fastpar_column records = {trades, COUNT, 0, FASTPAR_BYTES, sizeof(trade) << 8};

static fastpar_loop_options lanes(uint32_t max_lanes)
{
  fastpar_loop_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.max_lanes = max_lanes;
  return options;
}

static void several_aggregates_in_one_pass(void)
{
  const fastpar_aggregate asked[6] = {
    {FASTPAR_AGGREGATE_COUNT, 0, 0, 0},          {FASTPAR_AGGREGATE_SUM, 0, QUANTITY, 0},
    {FASTPAR_AGGREGATE_MAX, 0, PRICE, 0},        {FASTPAR_AGGREGATE_LAST, 0, TIME, 0},
    {FASTPAR_AGGREGATE_DOT, 0, TIME, QUANTITY},  {FASTPAR_AGGREGATE_WEIGHTED_MEAN, 0, PRICE, QUANTITY},
  };
  fastpar_value values[6], alone[6];
  fastpar_loop_options options = lanes(1);
  uint64_t volume = 0;
  int64_t dot = 0;
  double most = 0, turnover = 0;
  for (size_t i = 0; i < COUNT; i++) {
    volume += trades[i].quantity;
    dot += trades[i].time * trades[i].quantity;
    turnover += trades[i].price * trades[i].quantity;
    if (trades[i].price > most) most = trades[i].price;
  }
  CHECK_EQUAL(fastpar_table_aggregate(NULL, columns, COLUMNS, NULL, 0, asked, 6, values, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_table_aggregate(&options, columns, COLUMNS, NULL, 0, asked, 6, alone, NULL), FASTPAR_OK);
  CHECK(memcmp(values, alone, sizeof values) == 0); /* to the bit on any number of lanes */
  CHECK_EQUAL(values[0].integer.low, COUNT);
  CHECK(values[1].integer.low == volume && values[1].integer.high == 0 && values[1].number == (double)volume);
  CHECK(values[2].number == most && values[2].integer.low == 0);
  CHECK_EQUAL((int64_t)values[3].integer.low, trades[COUNT - 1].time);
  CHECK((int64_t)values[4].integer.low == dot && values[4].integer.high == (dot < 0 ? -1 : 0));
  CHECK(fabs(values[5].number - turnover / (double)volume) < 1e-9);
  for (int i = 0; i < 6; i++) CHECK_EQUAL(values[i].rows, COUNT);
}

static void no_rows(void)
{
  const fastpar_column empty = {NULL, 0, 0, FASTPAR_F64, 0};
  const fastpar_aggregate asked[3] = {
    {FASTPAR_AGGREGATE_COUNT, 0, 0, 0}, {FASTPAR_AGGREGATE_SUM, 0, 0, 0}, {FASTPAR_AGGREGATE_MIN, 0, 0, 0}};
  const fastpar_group_key key = {0, 0, 0, 0.0, 0.0};
  fastpar_groups *groups = NULL;
  fastpar_value values[3];
  const double low = 1;
  size_t written = 5, count = 5;
  CHECK_EQUAL(fastpar_table_aggregate(NULL, &empty, 1, NULL, 0, asked, 3, values, NULL), FASTPAR_OK);
  CHECK(values[0].integer.low == 0 && values[1].number == 0 && values[2].number != values[2].number && values[2].rows == 0);
  CHECK_EQUAL(fastpar_column_compare(NULL, &empty, FASTPAR_COMPARE_LESS, &low, NULL, NULL, 0, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_column_take(NULL, &empty, NULL, 0, NULL, 0, &written, NULL), FASTPAR_OK);
  CHECK_EQUAL(written, 0);
  CHECK_EQUAL(fastpar_mask_count(0, NULL, 0, &count, NULL), FASTPAR_OK);
  CHECK_EQUAL(count, 0);
  CHECK_EQUAL(fastpar_table_group(NULL, &empty, 1, NULL, 0, &key, 1, asked, 3, 0, &groups, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_groups_count(groups), 0);
  CHECK_EQUAL(fastpar_groups_values(groups, 0, NULL, 0, NULL), FASTPAR_OK);
  fastpar_groups_free(groups);
}

static void masks_select_rows(void)
{
  const double low = 104, high = 110;
  const uint32_t large = 1 << 18;
  const fastpar_aggregate volume = {FASTPAR_AGGREGATE_SUM, 0, QUANTITY, 0};
  fastpar_value value;
  size_t count, rows = 0, written, needed;
  uint64_t expected = 0;
  memset(mask, 0xff, sizeof mask);
  CHECK_EQUAL(fastpar_column_compare(NULL, &columns[PRICE], FASTPAR_COMPARE_BETWEEN, &low, &high, mask, MASK, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_column_compare(NULL, &columns[QUANTITY], FASTPAR_COMPARE_GREATER_EQUAL, &large, NULL, second, MASK, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_mask_combine(FASTPAR_MASK_AND, COUNT, mask, second, MASK, both, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_mask_count(COUNT, both, MASK, &count, NULL), FASTPAR_OK);
  needed = count * sizeof(trade);
  CHECK_EQUAL(fastpar_column_take(NULL, &records, both, MASK, taken, needed - 1, &written, NULL), FASTPAR_ERR_BUFFER_TOO_SMALL);
  CHECK_EQUAL(written, needed);
  CHECK_EQUAL(fastpar_column_take(NULL, &records, both, MASK, taken, sizeof taken, &written, NULL), FASTPAR_OK);
  CHECK_EQUAL(written, needed);
  for (size_t i = 0; i < COUNT; i++) {
    const trade *row = &trades[i];
    if (row->price >= low && row->price < high && row->quantity >= large) {
      CHECK(memcmp(&taken[rows++], row, sizeof *row) == 0);
      expected += row->quantity;
    }
  }
  CHECK(rows == count && rows > 0);
  CHECK_EQUAL(fastpar_table_aggregate(NULL, columns, COLUMNS, both, MASK, &volume, 1, &value, NULL), FASTPAR_OK);
  CHECK(value.integer.low == expected && value.rows == rows);
  CHECK_EQUAL(fastpar_mask_combine(FASTPAR_MASK_NOT, COUNT, both, NULL, MASK, mask, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_mask_count(COUNT, mask, MASK, &count, NULL), FASTPAR_OK);
  CHECK_EQUAL(count, COUNT - rows);
  CHECK_EQUAL(mask[MASK - 1] >> COUNT % 8, 0); /* bits past the rows */
}

static void rows_by_their_numbers(void)
{
  uint64_t numbers[3] = {COUNT - 1, 0, 7};
  double prices[3];
  size_t written;
  fastpar_error error;
  CHECK_EQUAL(fastpar_column_take_rows(NULL, &columns[PRICE], numbers, 3, prices, sizeof prices, &written, NULL), FASTPAR_OK);
  CHECK(written == sizeof prices && prices[0] == trades[COUNT - 1].price && prices[1] == trades[0].price && prices[2] == trades[7].price);
  numbers[1] = COUNT;
  CHECK_EQUAL(fastpar_column_take_rows(NULL, &columns[PRICE], numbers, 3, prices, sizeof prices, &written, &error), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK(error.position == 1 && written == 0);
}

static void a_histogram(void)
{
  uint64_t bins[16], expected[16] = {0};
  CHECK_EQUAL(fastpar_column_histogram(NULL, &columns[PRICE], NULL, 0, 101, 117, bins, 16, NULL), FASTPAR_OK);
  for (size_t i = 0; i < COUNT; i++)
    if (trades[i].price >= 101) expected[(int)(trades[i].price - 101)]++;
  CHECK(memcmp(bins, expected, sizeof bins) == 0);
}

/* ---- groups ---- */

static void bars_of_a_minute(void)
{
  const fastpar_group_key keys[2] = {{SYMBOL, 0, 0, 0.0, 0.0}, {TIME, MINUTE, 0, 0.0, 0.0}};
  const fastpar_aggregate asked[5] = {
    {FASTPAR_AGGREGATE_FIRST, 0, PRICE, 0}, {FASTPAR_AGGREGATE_MAX, 0, PRICE, 0},    {FASTPAR_AGGREGATE_MIN, 0, PRICE, 0},
    {FASTPAR_AGGREGATE_LAST, 0, PRICE, 0},  {FASTPAR_AGGREGATE_SUM, 0, QUANTITY, 0},
  };
  static struct bar { double open, high, low, close; uint64_t volume, rows; } bars[3][MINUTES];
  static fastpar_value minutes[3 * MINUTES], values[5][3 * MINUTES];
  static uint64_t rows[3 * MINUTES];
  fastpar_groups *groups = NULL;
  size_t count = 0, found;
  memset(bars, 0, sizeof bars);
  for (size_t i = 0; i < COUNT; i++) {
    const trade *row = &trades[i];
    const int symbol = row->symbol[0] == 'X' ? 2 : row->symbol[3] == 'D';
    struct bar *bar = &bars[symbol][(row->time + 9 * MINUTE) / MINUTE];
    if (bar->rows++ == 0) bar->open = bar->high = bar->low = row->price;
    if (row->price > bar->high) bar->high = row->price;
    if (row->price < bar->low) bar->low = row->price;
    bar->close = row->price;
    bar->volume += row->quantity;
  }
  CHECK_EQUAL(fastpar_table_group(NULL, columns, COLUMNS, NULL, 0, keys, 2, asked, 5, 0, &groups, NULL), FASTPAR_OK);
  found = fastpar_groups_count(groups);
  CHECK(found <= 3 * MINUTES);
  CHECK_EQUAL(fastpar_groups_keys(groups, 1, minutes, 3 * MINUTES, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_groups_rows(groups, rows, 3 * MINUTES, NULL), FASTPAR_OK);
  for (size_t i = 0; i < 5; i++) CHECK_EQUAL(fastpar_groups_values(groups, i, values[i], 3 * MINUTES, NULL), FASTPAR_OK);
  for (int symbol = 0; symbol < 3; symbol++)
    for (int minute = 0; minute < MINUTES; minute++) {
      const struct bar *bar = &bars[symbol][minute];
      if (bar->rows == 0) continue; /* no group */
      CHECK(count < found);
      CHECK_EQUAL((int64_t)minutes[count].integer.low, (int64_t)(minute + FIRST_MINUTE) * MINUTE);
      CHECK_EQUAL(minutes[count].rows, bar->rows);
      CHECK(strncmp(trades[rows[count]].symbol, symbols[symbol], 6) == 0);
      CHECK(values[0][count].number == bar->open && values[1][count].number == bar->high);
      CHECK(values[2][count].number == bar->low && values[3][count].number == bar->close);
      CHECK(values[4][count].integer.low == bar->volume);
      count++;
    }
  CHECK_EQUAL(count, found);

  CHECK_EQUAL(fastpar_groups_keys(groups, 0, minutes, 3 * MINUTES, NULL), FASTPAR_ERR_INVALID_ARGUMENT); /* bytes */
  CHECK_EQUAL(fastpar_groups_keys(groups, 2, minutes, 3 * MINUTES, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_groups_values(groups, 5, minutes, 3 * MINUTES, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_groups_values(groups, 0, minutes, found - 1, NULL), FASTPAR_ERR_BUFFER_TOO_SMALL);
  CHECK_EQUAL(fastpar_groups_values(NULL, 0, minutes, found, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  fastpar_groups_free(groups);
  fastpar_groups_free(NULL);
  CHECK_EQUAL(fastpar_groups_count(NULL), 0);
}

static void groups_keep_to_their_memory(void)
{
  const fastpar_group_key key = {TIME, 0, 0, 0.0, 0.0}; /* each row is a group */
  const fastpar_aggregate asked = {FASTPAR_AGGREGATE_SUM, 0, QUANTITY, 0};
  fastpar_groups *groups = (fastpar_groups *)&groups;
  CHECK_EQUAL(fastpar_table_group(NULL, columns, COLUMNS, NULL, 0, &key, 1, &asked, 1, 1 << 20, &groups, NULL), FASTPAR_ERR_LIMIT_EXCEEDED);
  CHECK(groups == NULL);
  CHECK_EQUAL(fastpar_table_group(NULL, columns, COLUMNS, NULL, 0, &key, 1, &asked, 1, 0, &groups, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_groups_count(groups), COUNT);
  fastpar_groups_free(groups);
}

/* ---- order ---- */

static void the_order_of_rows(void)
{
  const fastpar_sort_key keys[2] = {
    {offsetof(trade, symbol), FASTPAR_BYTES, 6 << 8}, {offsetof(trade, price), FASTPAR_F64, FASTPAR_SORT_DESCENDING}};
  static uint64_t rows[COUNT];
  static unsigned char seen[COUNT];
  memset(seen, 0, sizeof seen);
  CHECK_EQUAL(fastpar_table_argsort(NULL, trades, COUNT, sizeof(trade), keys, 2, rows, NULL), FASTPAR_OK);
  for (size_t i = 0; i < COUNT; i++) {
    const trade *row = &trades[rows[i]], *last = &trades[rows[i ? i - 1 : 0]];
    const int order = memcmp(last->symbol, row->symbol, 6);
    seen[rows[i]]++;
    if (i > 0) CHECK(order < 0 || (order == 0 && (last->price > row->price || (last->price == row->price && last < row))));
  }
  for (size_t i = 0; i < COUNT; i++) CHECK(seen[i] == 1);
  CHECK_EQUAL(fastpar_table_argsort(NULL, trades, COUNT, sizeof(trade), keys, 2, NULL, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_table_argsort(NULL, trades, COUNT, sizeof(trade), keys, 2, (uint64_t *)trades, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
}

/* Every second trade is of the one list, the others are of the other: merged they are as they were. */
static void lists_are_merged(void)
{
  enum { A = (COUNT + 1) / 2, B = COUNT / 2 };
  const fastpar_sort_key by_time = {offsetof(trade, time), FASTPAR_I64, 0};
  static trade a[A], b[B];
  size_t written;
  for (size_t i = 0; i < COUNT; i++) (i % 2 ? b : a)[i / 2] = trades[i];
  CHECK_EQUAL(fastpar_table_merge(NULL, a, A, b, B, sizeof(trade), &by_time, 1, taken, sizeof taken, &written, NULL), FASTPAR_OK);
  CHECK(written == sizeof taken && memcmp(taken, trades, sizeof taken) == 0);
  CHECK_EQUAL(fastpar_table_merge(NULL, a, A, b, B, sizeof(trade), &by_time, 1, taken, sizeof taken - 1, &written, NULL), FASTPAR_ERR_BUFFER_TOO_SMALL);
  CHECK_EQUAL(written, sizeof taken);
  CHECK_EQUAL(fastpar_table_merge(NULL, a, A, NULL, 0, sizeof(trade), &by_time, 1, taken, sizeof taken, &written, NULL), FASTPAR_OK);
  CHECK(written == sizeof a && memcmp(taken, a, sizeof a) == 0);
  CHECK_EQUAL(fastpar_table_merge(NULL, a, SIZE_MAX, b, B, sizeof(trade), &by_time, 1, taken, sizeof taken, &written, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
}

static void values_are_found(void)
{
  const int64_t times[4] = {-600000, -500000, -499995, 9000000};
  const fastpar_column values = {times, 4, 0, FASTPAR_I64, 0};
  uint64_t rows[4];
  CHECK_EQUAL(fastpar_column_search(NULL, &columns[TIME], &values, FASTPAR_SEARCH_LEFT, rows, NULL), FASTPAR_OK);
  CHECK(rows[0] == 0 && rows[1] == 0 && rows[2] == 1 && rows[3] == COUNT);
  CHECK_EQUAL(fastpar_column_search(NULL, &columns[TIME], &values, FASTPAR_SEARCH_RIGHT, rows, NULL), FASTPAR_OK);
  CHECK(rows[0] == 0 && rows[1] == 1 && rows[2] == 1 && rows[3] == COUNT);
  CHECK_EQUAL(fastpar_column_search(NULL, &columns[PRICE], &values, FASTPAR_SEARCH_LEFT, rows, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_column_search(NULL, &columns[TIME], &values, 2, rows, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
}

/* ---- what is refused ---- */

static void misfits_are_refused(void)
{
  const double low = 1;
  const fastpar_column good = columns[PRICE];
  fastpar_column bad[7];
  fastpar_loop_options options = lanes(0);
  const fastpar_aggregate sum = {FASTPAR_AGGREGATE_SUM, 0, 0, 0};
  fastpar_value value;
  uint64_t bins[2];
  for (int i = 0; i < 7; i++) bad[i] = good;
  bad[0].type = 0;
  bad[1].type = 12;
  bad[2].flags = 8 << 8;
  bad[3].stride = 7;
  bad[4].base = NULL;
  bad[5].count = SIZE_MAX;
  bad[6].type = FASTPAR_BYTES; /* of no bytes */
  for (int i = 0; i < 7; i++) {
    fastpar_error error = {0, 0, 0, ""};
    CHECK_EQUAL(fastpar_table_aggregate(NULL, &bad[i], 1, NULL, 0, &sum, 1, &value, &error), FASTPAR_ERR_INVALID_ARGUMENT);
    CHECK(strstr(error.message, "columns[0]") != NULL);
    CHECK_EQUAL(fastpar_column_compare(NULL, &bad[i], FASTPAR_COMPARE_LESS, &low, NULL, mask, MASK, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  }
  CHECK_EQUAL(fastpar_table_aggregate(NULL, &columns[SYMBOL], 1, NULL, 0, &sum, 1, &value, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_table_aggregate(NULL, columns, 1, mask, MASK - 1, &sum, 1, &value, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  bad[0] = good;
  bad[1] = good;
  bad[1].count--;
  CHECK_EQUAL(fastpar_table_aggregate(NULL, bad, 2, NULL, 0, &sum, 1, &value, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_column_compare(NULL, &good, 0, &low, NULL, mask, MASK, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_column_compare(NULL, &good, FASTPAR_COMPARE_BETWEEN, &low, NULL, mask, MASK, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_column_compare(NULL, &good, FASTPAR_COMPARE_LESS, &low, NULL, mask, MASK - 1, NULL), FASTPAR_ERR_BUFFER_TOO_SMALL);
  CHECK_EQUAL(fastpar_column_compare(NULL, &good, FASTPAR_COMPARE_LESS, &low, NULL, (uint8_t *)trades, MASK, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_mask_combine(FASTPAR_MASK_AND, COUNT, mask, second, MASK, mask, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_mask_combine(FASTPAR_MASK_NOT, COUNT, mask, second, MASK, both, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_column_histogram(NULL, &good, NULL, 0, 1, 1, bins, 2, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  options.schedule = FASTPAR_SCHEDULE_GRAIN;
  CHECK_EQUAL(fastpar_table_aggregate(&options, columns, 1, NULL, 0, &sum, 1, &value, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
}

static void a_cancelled_call_says_so(void)
{
  const fastpar_aggregate sum = {FASTPAR_AGGREGATE_SUM, 0, 0, 0};
  fastpar_loop_options options = lanes(0);
  fastpar_value value;
  int32_t cancel = 1;
  options.cancel = &cancel;
  memset(&value, 7, sizeof value);
  CHECK_EQUAL(fastpar_table_aggregate(&options, columns, 1, NULL, 0, &sum, 1, &value, NULL), FASTPAR_ERR_CANCELLED);
  CHECK_EQUAL(value.rows, 0x0707070707070707);
}

int main(void)
{
  make_trades();
  RUN(several_aggregates_in_one_pass);
  RUN(no_rows);
  RUN(masks_select_rows);
  RUN(rows_by_their_numbers);
  RUN(a_histogram);
  RUN(bars_of_a_minute);
  RUN(groups_keep_to_their_memory);
  RUN(the_order_of_rows);
  RUN(lists_are_merged);
  RUN(values_are_found);
  RUN(misfits_are_refused);
  RUN(a_cancelled_call_says_so);
  return FINISH();
}
