/* Calls of sorting and of tables, for calls.h: with enough rows for several lanes. */
#ifndef CALLS_TABLES_H
#define CALLS_TABLES_H

/* Numbers, which are moved themselves, and records, which are not; enough for several lanes. */
static fastpar_status call_sort(calls_room *room)
{
  enum { RECORD = 20, RECORDS = CALLS_SIZE / RECORD / 2 };
  const fastpar_sort_key keys[2] = {{4, FASTPAR_BYTES, 16 << 8}, {0, FASTPAR_U32, FASTPAR_SORT_DESCENDING}};
  const fastpar_sort_key number = {0, FASTPAR_U32, 0};
  fastpar_loop_options options;
  size_t needed = 0;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.cancel = room->cancel;
  memcpy(room->unpacked, calls_text, RECORD * RECORDS);
  PASS(fastpar_sort_memory(RECORDS, RECORD, keys, 2, &needed, NULL));
  MUST(needed > RECORD * RECORDS);
  PASS(fastpar_sort(&options, room->unpacked, RECORDS, RECORD, keys, 2, NULL));
  for (size_t i = RECORD; i < RECORD * RECORDS; i += RECORD) MUST(memcmp(room->unpacked + i - 16, room->unpacked + i + 4, 16) <= 0);
  PASS(fastpar_sort(&options, room->unpacked, RECORDS * 5, 4, &number, 1, NULL));
  for (size_t i = 4; i < RECORD * RECORDS; i += 4) {
    uint32_t last, next;
    memcpy(&last, room->unpacked + i - 4, 4);
    memcpy(&next, room->unpacked + i, 4);
    MUST(last <= next);
  }
  return 0;
}

/* The order of numbers; these in order, by which each is found; and merged with themselves. Two chunks of
   rows: more are for the same lanes, and each is searched for. */
static fastpar_status call_order(const fastpar_loop_options *options)
{
  enum { ROWS = CALLS_SIZE / 2 < 70000 ? CALLS_SIZE / 2 : 70000 };
  const fastpar_sort_key key = {0, FASTPAR_U16, 0};
  const fastpar_column values = {calls_text, ROWS, 0, FASTPAR_U16, 0};
  fastpar_status status;
  size_t written = 0;
  uint64_t *rows = calloc(ROWS, sizeof *rows);
  uint16_t *sorted = calloc(ROWS, sizeof *sorted), *merged = calloc(2 * ROWS, sizeof *merged);
  const fastpar_column column = {sorted, ROWS, 0, FASTPAR_U16, 0};
  if (rows == NULL || sorted == NULL || merged == NULL) status = FASTPAR_ERR_OUT_OF_MEMORY;
  else if ((status = fastpar_table_argsort(options, calls_text, ROWS, 2, &key, 1, rows, NULL)) == FASTPAR_OK &&
           (status = fastpar_column_take_rows(options, &values, rows, ROWS, sorted, 2 * ROWS, &written, NULL)) == FASTPAR_OK &&
           (status = fastpar_table_merge(options, sorted, ROWS, sorted, ROWS, 2, &key, 1, merged, 4 * ROWS, &written, NULL)) == FASTPAR_OK &&
           (status = fastpar_column_search(options, &column, &values, FASTPAR_SEARCH_LEFT, rows, NULL)) == FASTPAR_OK) {
    for (size_t i = 0; i < ROWS; i++) {
      MUST(i == 0 || sorted[i - 1] <= sorted[i]);
      MUST(merged[2 * i] == sorted[i] && merged[2 * i + 1] == sorted[i]);
      MUST(memcmp(&sorted[rows[i]], calls_text + 2 * i, 2) == 0);
    }
  }
  free(rows);
  free(sorted);
  free(merged);
  return status;
}

/* Columns of records: a mask, what it selects, aggregates and groups; enough rows for several lanes. */
static fastpar_status call_table(calls_room *room)
{
  enum { RECORD = 4, ROWS = CALLS_SIZE / RECORD, MASK = (ROWS + 7) / 8 };
  const fastpar_column columns[2] = {
    {calls_text, ROWS, RECORD, FASTPAR_U8, 0}, {calls_text + 1, ROWS, RECORD, FASTPAR_U16, 0}};
  const fastpar_aggregate asked[3] = {{FASTPAR_AGGREGATE_COUNT, 0, 0, 0}, {FASTPAR_AGGREGATE_SUM, 0, 1, 0},
                                      {FASTPAR_AGGREGATE_WEIGHTED_MEAN, 0, 0, 1}};
  const fastpar_group_key key = {1, 16, 0, 0.0, 0.0};
  const unsigned char low = 'a';
  fastpar_loop_options options;
  fastpar_value all[3], some[3], *values;
  fastpar_groups *groups = NULL;
  uint64_t bins[16], sum = 0, rows = 0;
  size_t count = 0, written = 0;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.cancel = room->cancel;
  PASS(fastpar_column_compare(&options, &columns[0], FASTPAR_COMPARE_GREATER_EQUAL, &low, NULL, room->packed, MASK, NULL));
  PASS(fastpar_mask_count(ROWS, room->packed, MASK, &count, NULL));
  PASS(fastpar_column_take(&options, &columns[0], room->packed, MASK, room->unpacked, ROWS, &written, NULL));
  MUST(written == count);
  for (size_t i = 0; i < count; i++) MUST(room->unpacked[i] >= low);
  PASS(fastpar_table_aggregate(&options, columns, 2, NULL, 0, asked, 3, all, NULL));
  PASS(fastpar_table_aggregate(&options, columns, 2, room->packed, MASK, asked, 3, some, NULL));
  MUST(all[0].integer.low == ROWS && some[0].integer.low == count && some[1].integer.low <= all[1].integer.low);
  PASS(fastpar_column_histogram(&options, &columns[0], NULL, 0, 0.0, 256.0, bins, 16, NULL));
  for (int i = 0; i < 16; i++) rows += bins[i];
  MUST(rows == ROWS);
  PASS(fastpar_table_group(&options, columns, 2, NULL, 0, &key, 1, asked, 3, 0, &groups, NULL));
  count = fastpar_groups_count(groups);
  values = calloc(count, sizeof *values); /* too many for a small stack */
  if (values != NULL) {
    MUST(fastpar_groups_values(groups, 1, values, count, NULL) == FASTPAR_OK);
    for (size_t i = 0; i < count; i++) sum += values[i].integer.low;
    MUST(sum == all[1].integer.low);
  }
  fastpar_groups_free(groups);
  free(values);
  if (values == NULL) return FASTPAR_ERR_OUT_OF_MEMORY;
  PASS(call_order(&options));
  return 0;
}

enum { CALLS_ROW = 128 }; /* the ends of frames cut such rows */

static int32_t count_rows(void *user_data, const void *data, size_t len)
{
  const unsigned char *rows = data;
  for (size_t i = 0; i < len; i += CALLS_ROW) MUST(rows[i] >= 'a');
  *(size_t *)user_data += len / CALLS_ROW;
  return 0;
}

/* Rows of an archive: those that pass a condition, counted, grouped and given out. */

static fastpar_status call_archive_table(calls_room *room)
{
  const unsigned char low = 'a';
  const fastpar_field fields[2] = {{0, FASTPAR_U8, 0}, {1, FASTPAR_U16, 0}};
  const fastpar_condition passes = {FASTPAR_COMPARE_GREATER_EQUAL, 0, 0, &low, NULL};
  const fastpar_aggregate count = {FASTPAR_AGGREGATE_COUNT, 0, 0, 0};
  const fastpar_group_key key = {1, 16, 0, 0.0, 0.0};
  const fastpar_zstd_options codec = calls_options(room);
  fastpar_scan_options options;
  fastpar_table table;
  fastpar_value value;
  fastpar_archive *archive = NULL;
  fastpar_groups *groups = NULL;
  fastpar_status status;
  size_t rows = 0;
  memset(&options, 0, sizeof options);
  memset(&table, 0, sizeof table);
  memset(&value, 0, sizeof value);
  options.struct_size = sizeof options;
  options.record_size = CALLS_ROW;
  options.size = CALLS_SIZE - CALLS_SIZE % CALLS_ROW;
  options.cancel = room->cancel;
  table.struct_size = sizeof table;
  table.fields = fields;
  table.fields_count = 2;
  table.conditions = &passes;
  table.conditions_count = 1;
  PASS(fastpar_archive_open(&codec, calls_packed, calls_packed_len, &archive, NULL));
  if ((status = fastpar_archive_aggregate(&options, archive, &table, &count, 1, &value, NULL)) == FASTPAR_OK &&
      (status = fastpar_archive_take(&options, archive, &table, count_rows, &rows, NULL)) == FASTPAR_OK &&
      (status = fastpar_archive_group(&options, archive, &table, &key, 1, &count, 1, 0, &groups, NULL)) == FASTPAR_OK)
    MUST(rows == value.integer.low && fastpar_groups_count(groups) > 0);
  fastpar_groups_free(groups);
  fastpar_archive_free(archive);
  return status;
}

#endif
