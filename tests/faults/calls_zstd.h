/* The calls of calls.h that compress and decompress, which includes this. */
#ifndef CALLS_ZSTD_H
#define CALLS_ZSTD_H

static int calls_is_text(const unsigned char *data, size_t len)
{
  return len == CALLS_SIZE && memcmp(data, calls_text, CALLS_SIZE) == 0;
}

static fastpar_status call_compress(calls_room *room)
{
  fastpar_zstd_options options = calls_options(room);
  size_t len = 0;
  PASS(fastpar_compress(&options, calls_text, CALLS_SIZE, room->packed, CALLS_ROOM, &len, NULL));
  MUST(len == calls_packed_len && memcmp(room->packed, calls_packed, len) == 0);
  return 0;
}

static fastpar_status call_decompress(calls_room *room)
{
  fastpar_zstd_options options = calls_options(room);
  size_t len = 0;
  PASS(fastpar_decompress(&options, calls_packed, calls_packed_len, room->unpacked, CALLS_SIZE, &len, NULL));
  MUST(calls_is_text(room->unpacked, len));
  PASS(fastpar_decompress(&options, calls_long, calls_long_len, room->unpacked, CALLS_SIZE, &len, NULL));
  MUST(calls_is_text(room->unpacked, len));
  return 0;
}

static fastpar_status call_large(calls_room *room)
{
  fastpar_zstd_options options = calls_options(room);
  unsigned char *unpacked = malloc(CALLS_LARGE);
  fastpar_status status = FASTPAR_ERR_OUT_OF_MEMORY;
  size_t len = 0;
  if (!unpacked) return status;
  status = fastpar_decompress(&options, calls_large, calls_large_len, unpacked, CALLS_LARGE, &len, NULL);
  MUST(status || (len == CALLS_LARGE && memcmp(unpacked, calls_large_text, CALLS_LARGE) == 0));
  free(unpacked);
  return status;
}

static fastpar_status call_batch(calls_room *room)
{
  fastpar_zstd_options options = calls_options(room);
  fastpar_batch_item items[CALLS_ITEMS];
  size_t failed = 0, each = CALLS_SIZE / CALLS_ITEMS;
  memset(items, 0, sizeof items);
  for (size_t i = 0; i < CALLS_ITEMS; i++) {
    items[i].src = calls_text + i * each;
    items[i].src_len = each;
    items[i].dst = room->packed + i * 2 * each;
    items[i].dst_capacity = 2 * each;
  }
  PASS(fastpar_compress_batch(&options, items, sizeof items[0], CALLS_ITEMS, &failed, NULL));
  for (size_t i = 0; i < CALLS_ITEMS; i++) PASS(items[i].status);
  for (size_t i = 0; i < CALLS_ITEMS; i++) {
    items[i].src = items[i].dst;
    items[i].src_len = items[i].written;
    items[i].dst = room->unpacked + i * each;
    items[i].dst_capacity = each;
  }
  PASS(fastpar_decompress_batch(&options, items, sizeof items[0], CALLS_ITEMS, &failed, NULL));
  for (size_t i = 0; i < CALLS_ITEMS; i++) PASS(items[i].status);
  MUST(calls_is_text(room->unpacked, CALLS_SIZE));
  return 0;
}

static int32_t calls_sink(void *user_data, const void *data, size_t len)
{
  calls_room *room = user_data;
  MUST(len <= CALLS_ROOM - room->at);
  memcpy(room->packed + room->at, data, len);
  room->at += len;
  return 0;
}

static int32_t calls_source(void *user_data, void *buffer, size_t capacity, size_t *len)
{
  calls_room *room = user_data;
  size_t left = calls_packed_len - room->at, here = capacity < 30000 ? capacity : 30000;
  *len = here < left ? here : left;
  memcpy(buffer, calls_packed + room->at, *len);
  room->at += *len;
  return 0;
}

static fastpar_status call_writer(calls_room *room)
{
  fastpar_zstd_options options = calls_options(room);
  fastpar_writer *writer = NULL;
  fastpar_status status = 0;
  size_t len = 0;
  room->at = 0;
  PASS(fastpar_writer_open(&options, calls_sink, room, &writer, NULL));
  for (size_t i = 0; i < CALLS_SIZE && status == 0; i += CALLS_SIZE / 10) {
    status = fastpar_writer_write(writer, calls_text + i, CALLS_SIZE / 10, NULL);
  }
  if (status == 0) status = fastpar_writer_finish(writer, NULL);
  fastpar_writer_free(writer);
  PASS(status);
  PASS(fastpar_decompress(&options, room->packed, room->at, room->unpacked, CALLS_SIZE, &len, NULL));
  MUST(calls_is_text(room->unpacked, len));
  return 0;
}

static fastpar_status call_reader(calls_room *room)
{
  fastpar_zstd_options options = calls_options(room);
  fastpar_reader *reader = NULL;
  fastpar_status status;
  size_t got = 0, len = 0;
  room->at = 0;
  options.flags = FASTPAR_ZSTD_CHECK_TABLE;
  PASS(fastpar_reader_open(&options, calls_source, room, &reader, NULL));
  do {
    status = fastpar_reader_read(reader, room->unpacked + got, CALLS_SIZE - got, &len, NULL);
    got += len;
  } while (status == 0 && len > 0);
  fastpar_reader_free(reader);
  PASS(status);
  MUST(calls_is_text(room->unpacked, got));
  return 0;
}

static fastpar_status calls_read(fastpar_archive *archive, calls_room *room)
{
  size_t len = 0;
  PASS(fastpar_archive_read(archive, 0, room->unpacked, CALLS_SIZE, &len, NULL));
  MUST(calls_is_text(room->unpacked, len));
  PASS(fastpar_archive_read(archive, 12345, room->unpacked, 777, &len, NULL));
  MUST(len == 777 && memcmp(room->unpacked, calls_text + 12345, 777) == 0);
  PASS(fastpar_archive_read_with(NULL, archive, 4321, room->unpacked, 777, &len, NULL));
  MUST(len == 777 && memcmp(room->unpacked, calls_text + 4321, 777) == 0);
  return 0;
}

static fastpar_status call_archive(calls_room *room)
{
  fastpar_zstd_options options = calls_options(room);
  fastpar_archive *archive = NULL;
  fastpar_status status;
  PASS(fastpar_archive_open(&options, calls_packed, calls_packed_len, &archive, NULL));
  status = calls_read(archive, room);
  fastpar_archive_free(archive);
  return status;
}

static fastpar_status call_dict(calls_room *room)
{
  fastpar_zstd_options options = calls_options(room);
  fastpar_dict *dict = NULL;
  fastpar_status status;
  size_t len = 0;
  PASS(fastpar_dict_open(calls_text, 4000, 1, &dict, NULL));
  options.dict = dict;
  status = fastpar_compress(&options, calls_text, CALLS_SIZE, room->packed, CALLS_ROOM, &len, NULL);
  if (status == 0) status = fastpar_decompress(&options, room->packed, len, room->unpacked, CALLS_SIZE, &len, NULL);
  fastpar_dict_free(dict);
  PASS(status);
  MUST(calls_is_text(room->unpacked, len));
  return 0;
}

static fastpar_status call_train(calls_room *room)
{
  enum { EACH = 300, SAMPLES = CALLS_SIZE / EACH < 100 ? CALLS_SIZE / EACH : 100 }; /* within the text */
  size_t sizes[SAMPLES], len = 0;
  for (size_t i = 0; i < SAMPLES; i++) sizes[i] = EACH;
  PASS(fastpar_dict_train(calls_text, sizes, SAMPLES, room->packed, 2000, &len, NULL));
  MUST(len >= 256 && len <= 2000);
  return 0;
}

static int calls_save(const char *path, const unsigned char *data, size_t len)
{
  FILE *file = fopen(path, "wb");
  int saved = file && fwrite(data, 1, len, file) == len;
  return file && fclose(file) == 0 && saved;
}

/* Files that calls read; the room keeps their names. */
static void calls_make_files(calls_room *room)
{
  MUST(calls_save(room->path[0], calls_text, CALLS_SIZE));
  MUST(calls_save(room->path[2], calls_large, calls_large_len));
}

static void calls_remove_files(const calls_room *room)
{
  for (int i = 0; i < 3; i++) unlink(room->path[i]);
}

/* The frame's checksum tells whether the bytes are right. */
static fastpar_status call_large_file(calls_room *room)
{
  fastpar_zstd_options options = calls_options(room);
  fastpar_file_stats stats;
  memset(&stats, 0, sizeof stats);
  stats.struct_size = sizeof stats;
  PASS(fastpar_decompress_file(&options, room->path[2], room->path[1], &stats, NULL));
  MUST(stats.bytes_in == calls_large_len && stats.bytes_out == CALLS_LARGE && stats.frames == 1);
  return 0;
}

static fastpar_status call_files(calls_room *room)
{
  fastpar_zstd_options options = calls_options(room);
  fastpar_archive *archive = NULL;
  fastpar_status status;
  PASS(fastpar_compress_file(&options, room->path[0], room->path[1], NULL, NULL));
  PASS(fastpar_archive_open_file(&options, room->path[1], &archive, NULL));
  status = calls_read(archive, room);
  fastpar_archive_free(archive);
  PASS(status);
  return fastpar_decompress_file(&options, room->path[1], room->path[0], NULL, NULL);
}

#endif
