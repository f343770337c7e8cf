/* What threads share of the codec: archives, dictionaries, and the lanes of scans, batches and streams; and
 * what machines put together. */
#include "os.h"
#include "check.h"

#include <fastpar.h>

enum { RECORD = 48, RECORDS = 8000, BYTES = RECORD * RECORDS, FRAME = 10000, READERS = 6, ITEMS = 60 };

static unsigned char content[BYTES], packed[2 * BYTES];
static size_t packed_size;

static fastpar_zstd_options frames(void)
{
  fastpar_zstd_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.frame_size = FRAME;
  return options;
}

static void make_content(void)
{
  fastpar_zstd_options options = frames();
  uint32_t number = 1;
  for (size_t at = 0; at < BYTES; at++) {
    number = number * 1664525u + 1013904223u;
    content[at] = (unsigned char)(at % RECORD < 8 ? number >> 24 : at / 1000);
  }
  CHECK_EQUAL(fastpar_compress(&options, content, BYTES, packed, sizeof packed, &packed_size, NULL), FASTPAR_OK);
}

/* ---- archives ---- */

typedef struct reading {
  fastpar_archive *archive;
  size_t first;
} reading;

static void read_here_and_there(void *argument)
{
  const reading *what = argument;
  static const size_t lengths[4] = {1, 777, FRAME, 3 * FRAME + 5};
  unsigned char *bytes = malloc(3 * FRAME + 5);
  if (!bytes) abort();
  for (size_t turn = 0; turn < 12; turn++) {
    size_t len = lengths[turn % 4], at = (what->first * 7919 + turn * 31337) % (BYTES - len), written = 0;
    CHECK_EQUAL(fastpar_archive_read(what->archive, at, bytes, len, &written, NULL), FASTPAR_OK);
    CHECK_EQUAL(written, len);
    CHECK(memcmp(bytes, content + at, len) == 0);
  }
  free(bytes);
}

static void many_threads_read_an_archive(void)
{
  fastpar_zstd_options options = frames();
  fastpar_archive *archive = NULL;
  os_thread threads[READERS];
  reading what[READERS];
  CHECK_EQUAL(fastpar_archive_open(&options, packed, packed_size, &archive, NULL), FASTPAR_OK);
  for (size_t i = 0; i < READERS; i++) {
    what[i].archive = archive;
    what[i].first = i;
    os_start(&threads[i], read_here_and_there, &what[i]);
  }
  for (size_t i = 0; i < READERS; i++) os_join(&threads[i]);
  fastpar_archive_free(archive);
}

/* Plain memory: each record is one piece's. */
static unsigned char seen[RECORDS];

static int32_t see_records(void *user_data, const fastpar_piece *piece)
{
  CHECK(piece->offset % RECORD == 0 && piece->size % RECORD == 0);
  CHECK(memcmp(piece->data, content + piece->offset, piece->size) == 0);
  for (size_t i = 0; i < piece->size / RECORD; i++) seen[piece->offset / RECORD + i]++;
  os_add(user_data, 1);
  return 0;
}

static int32_t add_bytes(void *user_data, const fastpar_piece *piece, void *sum)
{
  const unsigned char *bytes = piece->data;
  (void)user_data;
  for (size_t i = 0; i < piece->size; i++) *(uint64_t *)sum += bytes[i];
  return 0;
}

static int32_t add_sums(void *user_data, void *into, const void *from)
{
  (void)user_data;
  *(uint64_t *)into += *(const uint64_t *)from;
  return 0;
}

static void lanes_scan_an_archive(void)
{
  fastpar_zstd_options options = frames();
  fastpar_scan_options scan;
  fastpar_archive *archive = NULL;
  uint64_t sum = 0, expected = 0;
  int32_t pieces = 0;
  memset(&scan, 0, sizeof scan);
  scan.struct_size = sizeof scan;
  scan.record_size = RECORD;
  scan.piece_size = RECORD * 250;
  memset(seen, 0, sizeof seen);
  CHECK_EQUAL(fastpar_archive_open(&options, packed, packed_size, &archive, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_archive_for(&scan, archive, see_records, &pieces, NULL), FASTPAR_OK);
  CHECK(pieces > 1);
  for (size_t i = 0; i < RECORDS; i++) CHECK_EQUAL(seen[i], 1);
  for (size_t i = 0; i < BYTES; i++) expected += content[i];
  CHECK_EQUAL(fastpar_archive_reduce(&scan, archive, add_bytes, add_sums, NULL, &sum, sizeof sum, NULL), FASTPAR_OK);
  CHECK_EQUAL(sum, expected);
  fastpar_archive_free(archive);
}

/* ---- streams ---- */

typedef struct pipe_end {
  unsigned char *bytes;
  size_t size, at;
} pipe_end;

static int32_t keep(void *user_data, const void *data, size_t len)
{
  pipe_end *end = user_data;
  if (len > end->size - end->at) return 1;
  memcpy(end->bytes + end->at, data, len);
  end->at += len;
  return 0;
}

static int32_t hand_over(void *user_data, void *buffer, size_t capacity, size_t *len)
{
  pipe_end *end = user_data;
  size_t part = end->size - end->at;
  if (part > 3001) part = 3001;
  if (part > capacity) part = capacity;
  memcpy(buffer, end->bytes + end->at, part);
  end->at += part;
  *len = part;
  return 0;
}

static void streams_pass_what_they_are_given(void)
{
  fastpar_zstd_options options = frames();
  fastpar_writer *writer = NULL;
  fastpar_reader *reader = NULL;
  pipe_end end = {NULL, 2 * BYTES, 0};
  unsigned char part[7001];
  size_t at = 0, len = 1;
  end.bytes = malloc(2 * BYTES);
  if (!end.bytes) abort();
  CHECK_EQUAL(fastpar_writer_open(&options, keep, &end, &writer, NULL), FASTPAR_OK);
  for (; at < BYTES; at += len) {
    len = BYTES - at < 8111 ? BYTES - at : 8111;
    CHECK_EQUAL(fastpar_writer_write(writer, content + at, len, NULL), FASTPAR_OK);
  }
  CHECK_EQUAL(fastpar_writer_finish(writer, NULL), FASTPAR_OK);
  fastpar_writer_free(writer);
  end.size = end.at;
  end.at = 0;
  CHECK_EQUAL(fastpar_reader_open(&options, hand_over, &end, &reader, NULL), FASTPAR_OK);
  for (at = 0; at <= BYTES; at += len) {
    CHECK_EQUAL(fastpar_reader_read(reader, part, sizeof part, &len, NULL), FASTPAR_OK);
    if (len == 0 || len > BYTES - at) break;
    CHECK(memcmp(part, content + at, len) == 0);
  }
  CHECK(at == BYTES && len == 0);
  fastpar_reader_free(reader);
  free(end.bytes);
}

/* ---- batches and dictionaries ---- */

enum { ITEM_BYTES = 700, ROOM = 2 * ITEM_BYTES };

static void items_are_each_alone(void)
{
  fastpar_zstd_options options = frames();
  fastpar_batch_item items[ITEMS];
  unsigned char *rooms = malloc(2 * ITEMS * ROOM);
  size_t failed = 0;
  if (!rooms) abort();
  memset(items, 0, sizeof items);
  for (size_t i = 0; i < ITEMS; i++) {
    items[i].src = content + i * ITEM_BYTES;
    items[i].src_len = ITEM_BYTES;
    items[i].dst = rooms + i * ROOM;
    items[i].dst_capacity = ROOM;
  }
  CHECK_EQUAL(fastpar_compress_batch(&options, items, sizeof *items, ITEMS, &failed, NULL), FASTPAR_OK);
  CHECK_EQUAL(failed, 0);
  for (size_t i = 0; i < ITEMS; i++) {
    items[i].src = items[i].dst;
    items[i].src_len = items[i].written - (i == 7); /* one is cut off */
    items[i].dst = rooms + (ITEMS + i) * ROOM;
  }
  CHECK_EQUAL(fastpar_decompress_batch(&options, items, sizeof *items, ITEMS, &failed, NULL), FASTPAR_OK);
  CHECK_EQUAL(failed, 1);
  for (size_t i = 0; i < ITEMS; i++) {
    CHECK((items[i].status == FASTPAR_OK) == (i != 7));
    if (i != 7) CHECK(items[i].written == ITEM_BYTES && memcmp(items[i].dst, content + i * ITEM_BYTES, ITEM_BYTES) == 0);
  }
  free(rooms);
}

static void use_the_dictionary(void *argument)
{
  fastpar_zstd_options options = frames();
  options.dict = argument;
  for (size_t turn = 0; turn < 20; turn++) {
    unsigned char small[ROOM], back[ITEM_BYTES];
    size_t len = 0, written = 0;
    CHECK_EQUAL(fastpar_compress(&options, content + turn * ITEM_BYTES, ITEM_BYTES, small, ROOM, &len, NULL), FASTPAR_OK);
    CHECK_EQUAL(fastpar_decompress(&options, small, len, back, ITEM_BYTES, &written, NULL), FASTPAR_OK);
    CHECK(written == ITEM_BYTES && memcmp(back, content + turn * ITEM_BYTES, ITEM_BYTES) == 0);
  }
}

static void many_threads_use_a_dictionary(void)
{
  enum { SAMPLES = 300 };
  static size_t sizes[SAMPLES];
  static unsigned char learned[8 << 10];
  fastpar_dict *dict = NULL;
  os_thread threads[READERS];
  size_t len = 0;
  for (size_t i = 0; i < SAMPLES; i++) sizes[i] = ITEM_BYTES;
  CHECK_EQUAL(fastpar_dict_train(content, sizes, SAMPLES, learned, sizeof learned, &len, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_dict_open(learned, len, 3, &dict, NULL), FASTPAR_OK);
  for (size_t i = 0; i < READERS; i++) os_start(&threads[i], use_the_dictionary, dict);
  for (size_t i = 0; i < READERS; i++) os_join(&threads[i]);
  fastpar_dict_free(dict);
}

/* ---- reads that are stopped alone ---- */

typedef struct stopping {
  int32_t flag;
  int32_t armed;
  int64_t asked, told, elsewhere;
} stopping;

/* The first call that comes while `armed` is set stops the read that it is for. */
static int32_t stop_and_ask(void *user_data, uint64_t offset, void *buffer, size_t len)
{
  stopping *what = user_data;
  if (fastpar_pool_worker() >= 0) fastpar_atomic_add(&what->elsewhere, 1);
  if (what->armed) {
    fastpar_atomic_add(&what->asked, 1);
    fastpar_cancel(&what->flag);
    if (fastpar_is_cancelled()) fastpar_atomic_add(&what->told, 1);
  }
  memcpy(buffer, packed + offset, len);
  return 0;
}

static void a_read_is_stopped_alone(void)
{
  static unsigned char bytes[BYTES];
  static const size_t lengths[2] = {BYTES, 777}, offsets[2] = {5, 200005}; /* of frames that are not kept yet */
  stopping what;
  fastpar_loop_options options;
  fastpar_zstd_options opened = frames();
  fastpar_archive *archive = NULL;
  int32_t of_archive = 0;
  size_t written = 0;
  memset(&what, 0, sizeof what);
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  opened.cancel = &of_archive;
  CHECK_EQUAL(fastpar_archive_open_source(&opened, stop_and_ask, packed_size, &what, &archive, NULL), FASTPAR_OK);
  options.cancel = &what.flag;
  options.max_lanes = 1;
  for (size_t i = 0; i < 2; i++) {
    what.armed = 1;
    what.flag = 0;
    CHECK_EQUAL(fastpar_archive_read_with(&options, archive, offsets[i], bytes, lengths[i], &written, NULL), FASTPAR_ERR_CANCELLED);
    CHECK_EQUAL(written, 0);
    what.armed = 0;
    CHECK_EQUAL(fastpar_archive_read(archive, offsets[i], bytes, 100, &written, NULL), FASTPAR_OK);
    CHECK(written == 100 && memcmp(bytes, content + offsets[i], 100) == 0);
    CHECK_EQUAL(fastpar_archive_read_with(&options, archive, offsets[i], bytes, 100, &written, NULL), FASTPAR_ERR_CANCELLED);
    what.flag = 0;
    CHECK_EQUAL(fastpar_archive_read_with(&options, archive, 0, bytes, BYTES, &written, NULL), FASTPAR_OK);
    CHECK(written == BYTES && memcmp(bytes, content, BYTES) == 0);
    CHECK_EQUAL(what.asked, what.told);
    CHECK_EQUAL(what.asked, (int64_t)i + 1);
    CHECK_EQUAL(what.elsewhere, 0);
  }
  fastpar_cancel(&of_archive);
  for (size_t i = 0; i < 2; i++)
    CHECK_EQUAL(fastpar_archive_read_with(&options, archive, 200000, bytes, lengths[i], &written, NULL), FASTPAR_ERR_CANCELLED);
  of_archive = 0;
  options.segments = 3;
  CHECK_EQUAL(fastpar_archive_read_with(&options, archive, 0, bytes, 1, &written, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  options.segments = 0;
  options.name = "read";
  CHECK_EQUAL(fastpar_archive_read_with(&options, archive, 0, bytes, 1, &written, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  options.name = NULL;
  options.progress_data = bytes;
  CHECK_EQUAL(fastpar_archive_read_with(&options, archive, 0, bytes, 1, &written, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  fastpar_archive_free(archive);
}

/* ---- parts ---- */

/* Two parts that are compressed apart are with a table the bytes that the whole has. */
static void parts_become_one_by_a_table(void)
{
  enum { CUT = 12 * FRAME, FRAMES = (BYTES + FRAME - 1) / FRAME };
  static unsigned char joined[2 * BYTES];
  static uint64_t sizes[FRAMES], content_sizes[FRAMES];
  fastpar_zstd_options options = frames();
  fastpar_zstd_info info;
  fastpar_error error;
  size_t len = 0, more = 0, count = 0, table = 0;
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  options.flags = FASTPAR_ZSTD_NO_SEEK_TABLE;
  CHECK_EQUAL(fastpar_compress(&options, content, CUT, joined, sizeof joined, &len, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_compress(&options, content + CUT, BYTES - CUT, joined + len, sizeof joined - len, &more, NULL), FASTPAR_OK);
  len += more;
  for (size_t at = 0; at < len && count < FRAMES; at += (size_t)info.compressed_size, count++) {
    CHECK_EQUAL(fastpar_frame_read(joined + at, len - at, &info, NULL), FASTPAR_OK);
    sizes[count] = info.compressed_size;
    content_sizes[count] = info.size;
  }
  CHECK_EQUAL(count, FRAMES);
  CHECK_EQUAL(fastpar_seek_table_write(sizes, content_sizes, NULL, count, NULL, 0, &table, &error), FASTPAR_ERR_BUFFER_TOO_SMALL);
  CHECK_EQUAL(table, 17 + 8 * FRAMES);
  CHECK_EQUAL(fastpar_seek_table_write(sizes, content_sizes, NULL, count, joined + len, table - 1, &more, NULL), FASTPAR_ERR_BUFFER_TOO_SMALL);
  CHECK_EQUAL(more, table);
  CHECK_EQUAL(fastpar_seek_table_write(sizes, content_sizes, NULL, count, joined + len, table, &more, NULL), FASTPAR_OK);
  CHECK_EQUAL(more, table);
  CHECK(len + table == packed_size && memcmp(joined, packed, packed_size) == 0);
  /* What no table can tell. */
  sizes[3] = UINT64_C(1) << 32;
  CHECK_EQUAL(fastpar_seek_table_write(sizes, content_sizes, NULL, count, joined, sizeof joined, &more, &error), FASTPAR_ERR_LIMIT_EXCEEDED);
  CHECK(error.position == 3 && more == 0);
  CHECK_EQUAL(fastpar_seek_table_write(sizes, content_sizes, NULL, count, sizes, sizeof sizes, &more, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_seek_table_write(NULL, content_sizes, NULL, 1, joined, sizeof joined, &more, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_seek_table_write(sizes, NULL, NULL, 1, joined, sizeof joined, &more, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_seek_table_write(sizes, sizes, NULL, SIZE_MAX, joined, sizeof joined, &more, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_seek_table_write(NULL, NULL, NULL, 0, joined, 17, &more, NULL), FASTPAR_OK);
  CHECK_EQUAL(more, 17);
}

int main(void)
{
  make_content();
  RUN(many_threads_read_an_archive);
  RUN(lanes_scan_an_archive);
  RUN(streams_pass_what_they_are_given);
  RUN(items_are_each_alone);
  RUN(many_threads_use_a_dictionary);
  RUN(a_read_is_stopped_alone);
  RUN(parts_become_one_by_a_table);
  return FINISH();
}
