/* Records of archives as tables, as a C program uses them. */
#include "check.h"
#include "trades.h"

#include <fastpar.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static trade taken[COUNT];

typedef struct pile {
  size_t count;
} pile;

static int32_t pile_up(void *user_data, const void *data, size_t len)
{
  pile *rows = user_data;
  memcpy(taken + rows->count, data, len);
  rows->count += len / sizeof(trade);
  return 0;
}

static int32_t enough(void *user_data, const void *data, size_t len)
{
  (void)user_data;
  (void)data;
  (void)len;
  return 7;
}

static const fastpar_field fields[COLUMNS] = {
  {offsetof(trade, time), FASTPAR_I64, 0},
  {offsetof(trade, price), FASTPAR_F64, 0},
  {offsetof(trade, symbol), FASTPAR_BYTES, 6 << 8},
  {offsetof(trade, quantity), FASTPAR_U32, 0},
};

/* As of the rows in memory, which frames cut. */
static void rows_of_an_archive(void)
{
  const double low = 102, high = 110;
  const uint32_t most = 500000;
  const fastpar_condition steps[4] = {
    {FASTPAR_COMPARE_BETWEEN, 0, PRICE, &low, &high}, {FASTPAR_COMPARE_GREATER, 0, QUANTITY, &most, NULL},
    {0, FASTPAR_MASK_NOT, 0, NULL, NULL},             {0, FASTPAR_MASK_AND, 0, NULL, NULL}};
  const fastpar_group_key keys[2] = {{SYMBOL, 0, 0, 0.0, 0.0}, {TIME, MINUTE, 0, 0.0, 0.0}};
  const fastpar_aggregate asked[2] = {{FASTPAR_AGGREGATE_COUNT, 0, 0, 0}, {FASTPAR_AGGREGATE_SUM, 0, SYMBOL, 0}};
  const fastpar_aggregate volume = {FASTPAR_AGGREGATE_SUM, 0, QUANTITY, 0};
  const size_t room = sizeof trades + (1 << 20);
  void *packed = malloc(room);
  fastpar_zstd_options codec;
  fastpar_scan_options options;
  fastpar_table table;
  fastpar_archive *archive = NULL;
  fastpar_groups *groups = NULL, *in_memory = NULL;
  fastpar_value values[2], before;
  static fastpar_value volumes[3 * MINUTES], others[3 * MINUTES];
  static uint64_t rows[3 * MINUTES];
  static char names[3 * MINUTES][6];
  fastpar_error error = {0, 0, 0, ""};
  size_t size = 0, written = 0, count, at = 0;
  pile passed = {0};
  memset(&codec, 0, sizeof codec);
  codec.struct_size = sizeof codec;
  codec.frame_size = 100001;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.record_size = sizeof(trade);
  memset(&table, 0, sizeof table);
  table.struct_size = sizeof table;
  table.fields = fields;
  table.fields_count = COLUMNS;
  CHECK(packed != NULL);
  CHECK_EQUAL(fastpar_compress(&codec, trades, sizeof trades, packed, room, &size, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_archive_open(NULL, packed, size, &archive, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_archive_aggregate(&options, archive, &table, asked, 2, values, NULL), FASTPAR_ERR_INVALID_ARGUMENT); /* of bytes */
  CHECK_EQUAL(fastpar_archive_aggregate(&options, archive, NULL, asked, 1, values, NULL), FASTPAR_OK);
  CHECK_EQUAL(values[0].integer.low, COUNT);

  CHECK_EQUAL(fastpar_archive_group(&options, archive, &table, keys, 2, &volume, 1, 0, &groups, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_table_group(NULL, columns, COLUMNS, NULL, 0, keys, 2, &volume, 1, 0, &in_memory, NULL), FASTPAR_OK);
  count = fastpar_groups_count(groups);
  CHECK_EQUAL(count, fastpar_groups_count(in_memory));
  CHECK_EQUAL(fastpar_groups_values(groups, 0, volumes, count, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_groups_values(in_memory, 0, others, count, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_groups_rows(groups, rows, count, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_groups_key_bytes(groups, 0, names, sizeof names, &written, NULL), FASTPAR_OK);
  CHECK_EQUAL(written, 6 * count);
  for (size_t i = 0; i < count; i++) {
    CHECK(volumes[i].integer.low == others[i].integer.low && volumes[i].rows == others[i].rows);
    CHECK(memcmp(names[i], trades[rows[i]].symbol, 6) == 0);
  }
  CHECK_EQUAL(fastpar_groups_key_bytes(groups, 0, names, 6 * count - 1, &written, NULL), FASTPAR_ERR_BUFFER_TOO_SMALL);
  CHECK_EQUAL(written, 6 * count);
  CHECK_EQUAL(fastpar_groups_key_bytes(groups, 1, names, sizeof names, &written, NULL), FASTPAR_ERR_INVALID_ARGUMENT); /* a number */
  fastpar_groups_free(groups);
  fastpar_groups_free(in_memory);

  table.conditions = steps;
  table.conditions_count = 4;
  CHECK_EQUAL(fastpar_archive_take(&options, archive, &table, pile_up, &passed, NULL), FASTPAR_OK);
  for (size_t i = 0; i < COUNT; i++)
    if (trades[i].price >= low && trades[i].price < high && trades[i].quantity <= most)
      CHECK(at < passed.count && memcmp(&trades[i], &taken[at++], sizeof(trade)) == 0);
  CHECK_EQUAL(at, passed.count);
  CHECK_EQUAL(fastpar_archive_aggregate(&options, archive, &table, asked, 1, values, NULL), FASTPAR_OK);
  CHECK_EQUAL(values[0].integer.low, at);
  CHECK_EQUAL(fastpar_archive_take(&options, archive, &table, enough, NULL, &error), FASTPAR_ERR_CALLBACK);
  CHECK_EQUAL(error.code, 7);
  table.conditions_count = 2; /* two masks */
  before = values[0];
  CHECK_EQUAL(fastpar_archive_aggregate(&options, archive, &table, asked, 1, values, &error), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK(memcmp(values, &before, sizeof before) == 0 && strstr(error.message, "masks") != NULL);
  fastpar_archive_free(archive);
  free(packed);
}

int main(void)
{
  make_trades();
  RUN(rows_of_an_archive);
  return FINISH();
}
