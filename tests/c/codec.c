/* The codec: round trips, hostile input, outputs that are too small, limits and cancelling. */
#include "os.h"
#include "check.h"

#include <fastpar.h>

enum { GUARD = 64, MARK = 0xA5 };

static fastpar_zstd_options zstd_options(void)
{
  fastpar_zstd_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  return options;
}

/* Bytes that look random, the same on every run. */
static void fill_noise(unsigned char *data, size_t size)
{
  uint64_t state = 88172645463325252u;
  for (size_t i = 0; i < size; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    data[i] = (unsigned char)state;
  }
}

static void fill_text(unsigned char *data, size_t size)
{
  for (size_t i = 0; i < size; i++) data[i] = (unsigned char)"a chunk of text, "[i * i / 97 % 17];
}

static void fill_zero(unsigned char *data, size_t size) { memset(data, 0, size); }

/* Memory with marks behind it, to be checked by guarded_free. */
static unsigned char *guarded(size_t size)
{
  unsigned char *data = malloc(size + GUARD);
  if (!data) abort();
  memset(data, MARK, size + GUARD);
  return data;
}

static int marks_are_whole(const unsigned char *data, size_t size)
{
  for (size_t i = 0; i < GUARD; i++) {
    if (data[size + i] != MARK) return 0;
  }
  return 1;
}

static void guarded_free(unsigned char *data, size_t size)
{
  CHECK(marks_are_whole(data, size));
  free(data);
}

/* Compresses into exactly the bound; the result is as long as *written says. */
static unsigned char *packed(const fastpar_zstd_options *options, const unsigned char *data, size_t size, size_t *written)
{
  size_t bound = 0;
  unsigned char *out;
  fastpar_error error;
  CHECK_EQUAL(fastpar_compress_bound(options, size, &bound, &error), FASTPAR_OK);
  out = guarded(bound);
  CHECK_EQUAL(fastpar_compress(options, data, size, out, bound, written, &error), FASTPAR_OK);
  CHECK(*written > 0 && *written <= bound && marks_are_whole(out, bound));
  return out;
}

static void round_trip(const fastpar_zstd_options *options, void (*fill)(unsigned char *, size_t), size_t size)
{
  unsigned char *data = guarded(size), *back = guarded(size), *out;
  size_t length = 0, written = SIZE_MAX;
  uint64_t told = UINT64_MAX;
  fill(data, size);
  out = packed(options, data, size, &length);
  CHECK_EQUAL(fastpar_decompressed_size(out, length, &told, NULL), FASTPAR_OK);
  CHECK_EQUAL(told, size);
  CHECK_EQUAL(fastpar_decompress(NULL, out, length, back, size, &written, NULL), FASTPAR_OK);
  CHECK_EQUAL(written, size);
  CHECK(memcmp(data, back, size) == 0);
  free(out);
  guarded_free(data, size);
  guarded_free(back, size);
}

static void every_size_comes_back(void)
{
  static const size_t sizes[] = {0, 1, 2, 3, 23, 24, 25, 255, 4096, 65536, 524287, 524289, 3000000, 20000000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    round_trip(NULL, fill_text, sizes[i]);
    round_trip(NULL, fill_noise, sizes[i]);
    round_trip(NULL, fill_zero, sizes[i]);
  }
}

static void every_option_comes_back(void)
{
  static const uint32_t flags[] = {0, FASTPAR_ZSTD_NO_CHECKSUM, FASTPAR_ZSTD_NO_SEEK_TABLE,
                                   FASTPAR_ZSTD_NO_CHECKSUM + FASTPAR_ZSTD_NO_SEEK_TABLE};
  fastpar_zstd_options options = zstd_options();
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
    options.flags = flags[i];
    options.frame_size = 100000;
    round_trip(&options, fill_text, 1000000);
  }
  options = zstd_options();
  for (options.level = -5; options.level <= 12; options.level++) round_trip(&options, fill_text, 300000);
  options.level = 19;
  round_trip(&options, fill_text, 300000);
}

static void wrong_options_are_refused(void)
{
  fastpar_zstd_options options = zstd_options();
  size_t bound, written;
  unsigned char in[10] = {0}, out[200];
  fastpar_error error;
  options.level = 23;
  CHECK_EQUAL(fastpar_compress(&options, in, 10, out, 200, &written, &error), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "level") != NULL);
  CHECK_EQUAL(fastpar_compress_bound(&options, 10, &bound, &error), FASTPAR_ERR_INVALID_ARGUMENT);
  options = zstd_options();
  options.flags = 1u << 31;
  CHECK_EQUAL(fastpar_compress(&options, in, 10, out, 200, &written, &error), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "flags") != NULL);
}

static void the_bytes_do_not_depend_on_the_lanes(void)
{
  static const uint32_t lanes[] = {1, 2, 7, 24};
  enum { SIZE = 5000000 };
  unsigned char *data = guarded(SIZE), *first = NULL;
  size_t first_length = 0;
  fill_text(data, SIZE);
  for (size_t i = 0; i < sizeof lanes / sizeof *lanes; i++) {
    fastpar_zstd_options options = zstd_options();
    size_t length = 0;
    unsigned char *out;
    options.max_lanes = lanes[i];
    out = packed(&options, data, SIZE, &length);
    if (i > 0) {
      CHECK(length == first_length && memcmp(out, first, length) == 0);
      free(out);
    } else {
      first = out;
      first_length = length;
    }
  }
  free(first);
  free(data);
}

/* ---- outputs that are too small ---- */

static void too_small_for_compressing(void)
{
  enum { SIZE = 2000000 };
  unsigned char *data = guarded(SIZE), *out;
  size_t needed = 0;
  fill_noise(data, SIZE);
  free(packed(NULL, data, SIZE, &needed));
  for (size_t capacity = 0; capacity < needed; capacity += needed / 7) {
    size_t written = 0;
    out = guarded(capacity);
    CHECK_EQUAL(fastpar_compress(NULL, data, SIZE, out, capacity, &written, NULL), FASTPAR_ERR_BUFFER_TOO_SMALL);
    guarded_free(out, capacity);
  }
  free(data);
}

static void too_small_for_decompressing(void)
{
  enum { SIZE = 2000000 };
  unsigned char *data = guarded(SIZE), *out, *back;
  size_t length = 0;
  fill_text(data, SIZE);
  out = packed(NULL, data, SIZE, &length);
  for (size_t capacity = 0; capacity < SIZE; capacity += SIZE / 7) {
    size_t written = 0;
    fastpar_error error;
    back = guarded(capacity);
    CHECK_EQUAL(fastpar_decompress(NULL, out, length, back, capacity, &written, &error), FASTPAR_ERR_BUFFER_TOO_SMALL);
    CHECK_EQUAL(written, SIZE); /* every frame tells its size, so the need is known */
    guarded_free(back, capacity);
  }
  free(out);
  free(data);
}

static void a_limit_on_the_output(void)
{
  unsigned char data[1000] = {0}, back[1000];
  size_t length = 0, written = 0;
  unsigned char *out = packed(NULL, data, sizeof data, &length);
  fastpar_zstd_options options = zstd_options();
  options.max_output = 999;
  CHECK_EQUAL(fastpar_decompress(&options, out, length, back, 1000, &written, NULL), FASTPAR_ERR_LIMIT_EXCEEDED);
  options.max_output = 1000;
  CHECK_EQUAL(fastpar_decompress(&options, out, length, back, 1000, &written, NULL), FASTPAR_OK);
  free(out);
}

static void buffers_that_overlap(void)
{
  static unsigned char data[10000];
  size_t written = 0;
  CHECK_EQUAL(fastpar_compress(NULL, data, 5000, data + 4000, 6000, &written, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
}

static void a_length_that_cannot_be(void)
{
  unsigned char data[10] = {0}, out[100];
  size_t written = 0;
  uint64_t size = 0;
  CHECK_EQUAL(fastpar_compress(NULL, data, SIZE_MAX, out, 100, &written, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_decompress(NULL, data, SIZE_MAX, out, 100, &written, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK_EQUAL(fastpar_decompressed_size(data, SIZE_MAX, &size, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK(fastpar_compress_bound(NULL, SIZE_MAX, &written, NULL) != FASTPAR_OK);
}

/* ---- hostile input ---- */

/* Decodes bytes that may be anything: whatever the status, nothing is written outside, and failures are
   described. */
static fastpar_status decode(const unsigned char *data, size_t size, size_t capacity)
{
  unsigned char *exact = malloc(size ? size : 1), *back = guarded(capacity);
  size_t written = 0;
  uint64_t told;
  fastpar_error error;
  fastpar_status status;
  if (!exact) abort();
  memcpy(exact, data, size); /* its own block, so that the sanitizers see reading past the end */
  fastpar_decompressed_size(exact, size, &told, NULL);
  status = fastpar_decompress(NULL, exact, size, back, capacity, &written, &error);
  if (status == FASTPAR_OK) {
    CHECK(written <= capacity);
  } else {
    CHECK(error.status == status && error.message[0]);
    /* Damaged headers may also claim more than there is room for, or than is allowed. */
    CHECK((status >= FASTPAR_ERR_CORRUPT && status <= FASTPAR_ERR_NOT_ZSTD) || status == FASTPAR_ERR_BUFFER_TOO_SMALL ||
          status == FASTPAR_ERR_LIMIT_EXCEEDED);
  }
  guarded_free(back, capacity);
  free(exact);
  return status;
}

static unsigned char *several_frames(size_t *length)
{
  static unsigned char data[20000];
  fastpar_zstd_options options = zstd_options();
  options.frame_size = 4000;
  fill_text(data, sizeof data);
  return packed(&options, data, sizeof data, length);
}

static void truncated_anywhere(void)
{
  size_t length = 0;
  unsigned char *out = several_frames(&length);
  for (size_t cut = 1; cut < length; cut++) {
    fastpar_status status = decode(out, cut, 20000);
    /* Between two frames the rest is simply shorter data, and a missing seek table is no loss. */
    CHECK(status == FASTPAR_OK || status == FASTPAR_ERR_TRUNCATED);
  }
  free(out);
}

static void every_bit_flipped(void)
{
  size_t length = 0, undetected = 0;
  unsigned char *out = several_frames(&length);
  for (size_t bit = 0; bit < length * 8; bit++) {
    out[bit / 8] ^= (unsigned char)(1 << bit % 8);
    if (decode(out, length, 20000) == FASTPAR_OK) undetected++;
    out[bit / 8] ^= (unsigned char)(1 << bit % 8);
  }
  CHECK_EQUAL(decode(out, length, 20000), FASTPAR_OK);
  /* What decodes all the same are flips in the seek table, which is only a hint, and in reserved bits. */
  CHECK(undetected < length);
  free(out);
}

static void noise_is_not_zstd(void)
{
  unsigned char noise[1000];
  fill_noise(noise, sizeof noise);
  CHECK_EQUAL(decode(noise, sizeof noise, 100), FASTPAR_ERR_NOT_ZSTD);
}

static void a_frame_that_claims_2_to_the_60(void)
{
  /* Magic, descriptor (8-byte size, single segment), size 2^60, one empty last block. */
  static const unsigned char frame[] = {0x28, 0xB5, 0x2F, 0xFD, 0xE0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x01, 0, 0};
  unsigned char back[100];
  size_t written = 0;
  uint64_t size = 0;
  fastpar_error error;
  fastpar_status status = fastpar_decompressed_size(frame, sizeof frame, &size, &error);
  CHECK(status != FASTPAR_OK || size == (uint64_t)1 << 60);
  status = fastpar_decompress(NULL, frame, sizeof frame, back, sizeof back, &written, &error);
  CHECK(status != FASTPAR_OK && error.message[0]);
}

static void the_pool_works_afterwards(void)
{
  round_trip(NULL, fill_text, 3000000);
}

/* ---- cancelling and progress ---- */

static int32_t stop_at_once(void *user_data, uint64_t done, uint64_t total)
{
  (void)done;
  (void)total;
  os_add(user_data, 1);
  return 1;
}

static void cancelled_by_its_flag(void)
{
  enum { SIZE = 3000000 };
  unsigned char *data = guarded(SIZE), *out = guarded(SIZE * 2);
  int32_t flag = 0;
  size_t written = 0;
  fastpar_zstd_options options = zstd_options();
  options.cancel = &flag;
  fastpar_cancel(&flag);
  CHECK_EQUAL(fastpar_compress(&options, data, SIZE, out, SIZE * 2, &written, NULL), FASTPAR_ERR_CANCELLED);
  free(data);
  free(out);
}

static void progress_is_told(void)
{
  enum { SIZE = 3000000 };
  unsigned char *data = guarded(SIZE), *out = guarded(SIZE * 2);
  int32_t calls = 0;
  size_t written = 0;
  fastpar_zstd_options options = zstd_options();
  fastpar_status status;
  options.progress = stop_at_once;
  options.progress_data = &calls;
  status = fastpar_compress(&options, data, SIZE, out, SIZE * 2, &written, NULL);
  CHECK(calls >= 1);
  CHECK(status == FASTPAR_OK || status == FASTPAR_ERR_CANCELLED); /* at the end it cancels nothing */
  free(data);
  free(out);
}

/* ---- many callers ---- */

static void compress_a_few(void *argument)
{
  (void)argument;
  for (size_t size = 1; size < 3000000; size *= 20) round_trip(NULL, fill_text, size);
}

static void eight_threads_at_once(void)
{
  os_thread threads[8];
  for (int i = 0; i < 8; i++) os_start(&threads[i], compress_a_few, NULL);
  for (int i = 0; i < 8; i++) os_join(&threads[i]);
}

int main(void)
{
  RUN(every_size_comes_back);
  RUN(every_option_comes_back);
  RUN(wrong_options_are_refused);
  RUN(the_bytes_do_not_depend_on_the_lanes);
  RUN(too_small_for_compressing);
  RUN(too_small_for_decompressing);
  RUN(a_limit_on_the_output);
  RUN(buffers_that_overlap);
  RUN(a_length_that_cannot_be);
  RUN(truncated_anywhere);
  RUN(every_bit_flipped);
  RUN(noise_is_not_zstd);
  RUN(a_frame_that_claims_2_to_the_60);
  RUN(the_pool_works_afterwards);
  RUN(cancelled_by_its_flag);
  RUN(progress_is_told);
  RUN(eight_threads_at_once);
  return FINISH();
}
