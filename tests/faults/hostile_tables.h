/* Wrong and right calls of sorting and of tables, for hostile.c. */
#ifndef HOSTILE_TABLES_H
#define HOSTILE_TABLES_H

static void sorting(uint64_t choice, calls_room *room)
{
  fastpar_sort_key key = {choice & 15, (uint32_t)(choice >> 4 & 15), (uint32_t)(choice >> 8 & 1023)};
  size_t record_size = choice >> 20 & 31, count = choice >> 28 & 2047, needed = 0;
  if (choice >> 40 & 1) EXPECT(call_sort(room), FASTPAR_OK);
  EXPECT(fastpar_sort(NULL, room->packed, count, record_size, &key, 1, NULL), FASTPAR_OK, WRONG);
  EXPECT(fastpar_sort(NULL, room->packed, (size_t)(choice | 1ull << 63), record_size + 2, &key, 1, NULL), WRONG);
  EXPECT(fastpar_sort(NULL, NULL, 3, 8, &key, 1, NULL), WRONG);
  EXPECT(fastpar_sort(NULL, room->packed, 3, 8, NULL, 1, NULL), WRONG);
  EXPECT(fastpar_sort_memory((size_t)choice, record_size, &key, 1, &needed, NULL), FASTPAR_OK, WRONG, FASTPAR_ERR_OUT_OF_MEMORY);
  EXPECT(fastpar_sort_memory(count, record_size, &key, 1, NULL, NULL), WRONG);
}

static void tables(uint64_t choice, calls_room *room)
{
  const fastpar_column columns[2] = {
    {room->packed + (choice & 7), choice >> 3 & 1023, choice >> 13 & 15, (uint32_t)(choice >> 17 & 15), (uint32_t)(choice >> 21 & 1023)},
    {room->packed, choice >> 3 & 1023, 0, FASTPAR_U8, 0}};
  const fastpar_aggregate asked = {(uint32_t)(choice >> 31 & 15), 0, choice >> 35 & 3, choice >> 37 & 3};
  const fastpar_group_key key = {choice >> 39 & 3, choice >> 41 & 63, (int64_t)(choice >> 20), 0.0, 0.0};
  fastpar_value value;
  fastpar_groups *groups = NULL;
  uint64_t numbers[2] = {choice >> 5 & 1023, choice};
  size_t written = 0, count = 0;
  if (choice >> 47 & 1) EXPECT(call_table(room), FASTPAR_OK);
  EXPECT(fastpar_table_aggregate(NULL, columns, 2, NULL, 0, &asked, 1, &value, NULL), FASTPAR_OK, WRONG, FASTPAR_ERR_LIMIT_EXCEEDED);
  EXPECT(fastpar_table_aggregate(NULL, columns, (size_t)(choice | 1ull << 63), NULL, 0, &asked, 1, &value, NULL), WRONG);
  EXPECT(fastpar_table_aggregate(NULL, columns, 2, room->packed, choice & 63, &asked, 1, &value, NULL), FASTPAR_OK, WRONG, FASTPAR_ERR_LIMIT_EXCEEDED);
  EXPECT(fastpar_column_compare(NULL, columns, (uint32_t)(choice & 15), &choice, &choice, room->unpacked, 128, NULL), FASTPAR_OK, WRONG);
  EXPECT(fastpar_column_take_rows(NULL, columns, numbers, 2, room->unpacked, 2048, &written, NULL), FASTPAR_OK, WRONG, FASTPAR_ERR_BUFFER_TOO_SMALL);
  EXPECT(fastpar_mask_combine((uint32_t)(choice & 7), choice >> 4 & 1023, room->packed, room->packed, 128, room->unpacked, NULL), FASTPAR_OK, WRONG);
  EXPECT(fastpar_mask_count((size_t)choice, NULL, 0, &count, NULL), FASTPAR_OK, WRONG);
  EXPECT(fastpar_table_group(NULL, columns, 2, NULL, 0, &key, 1, &asked, 1, choice >> 30, &groups, NULL), FASTPAR_OK, WRONG, FASTPAR_ERR_LIMIT_EXCEEDED);
  fastpar_groups_free(groups);
}

static void archive_tables(uint64_t choice, calls_room *room)
{
  const fastpar_field fields[2] = {{choice & 127, (uint32_t)(choice >> 7 & 15), (uint32_t)(choice >> 11 & 1023)}, {0, FASTPAR_U8, 0}};
  const fastpar_condition steps[2] = {
    {(uint32_t)(choice >> 21 & 15), 0, choice >> 25 & 3, room->packed, choice >> 27 & 1 ? room->packed : NULL},
    {0, (uint32_t)(choice >> 28 & 7), 0, NULL, NULL}};
  const fastpar_aggregate asked = {(uint32_t)(choice >> 31 & 15), 0, choice >> 35 & 3, choice >> 37 & 3};
  const fastpar_group_key key = {choice >> 39 & 3, choice >> 41 & 63, (int64_t)(choice >> 20), 0.0, 0.0};
  fastpar_scan_options options;
  fastpar_table table;
  fastpar_value value;
  fastpar_groups *groups = NULL;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.record_size = choice >> 47 & 1 ? CALLS_ROW : choice >> 48 & 255;
  options.size = (uint64_t)CALLS_ROW * (choice >> 56 & 63);
  memset(&table, 0, sizeof table);
  table.struct_size = sizeof table;
  table.fields = fields;
  table.fields_count = 2;
  table.conditions = steps;
  table.conditions_count = choice >> 62 & 3;
  if (table.conditions_count == 3) table.conditions_count = (size_t)(choice | 1ull << 63);
  if (choice >> 55 & 1) EXPECT(call_archive_table(room), FASTPAR_OK);
  EXPECT(fastpar_archive_aggregate(&options, all.archive, &table, &asked, 1, &value, NULL), FASTPAR_OK, WRONG, FASTPAR_ERR_LIMIT_EXCEEDED);
  EXPECT(fastpar_archive_take(&options, all.archive, &table, drop, NULL, NULL), FASTPAR_OK, WRONG);
  EXPECT(fastpar_archive_take(&options, NULL, &table, drop, NULL, NULL), WRONG);
  EXPECT(fastpar_archive_group(&options, all.archive, &table, &key, 1, &asked, 1, choice >> 30, &groups, NULL), FASTPAR_OK, WRONG, FASTPAR_ERR_LIMIT_EXCEEDED);
  EXPECT(fastpar_groups_key_bytes(groups, 0, room->packed, choice & 255, &(size_t){0}, NULL), FASTPAR_OK, WRONG, FASTPAR_ERR_BUFFER_TOO_SMALL);
  fastpar_groups_free(groups);
}

#endif
