/* Files: names of every kind, long paths, targets that exist. */
#include "os_files.h"
#include "check.h"

#include <fastpar.h>

#define FOLDER "files.test"
#define SIZE 100000

/* 250 bytes, as long as names may be nearly everywhere. */
#define FIFTY "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
#define LONG FIFTY FIFTY FIFTY FIFTY FIFTY

static unsigned char data[SIZE];

static void write_file(const char *path, const void *bytes, size_t len)
{
  FILE *file = os_open(path, "wb");
  CHECK(file != NULL);
  if (!file) return;
  CHECK_EQUAL(fwrite(bytes, 1, len, file), len);
  CHECK_EQUAL(fclose(file), 0);
}

static int holds(const char *path, const void *bytes, size_t len)
{
  static unsigned char found[SIZE + 1];
  FILE *file = os_open(path, "rb");
  size_t size = 0;
  if (!file) return 0;
  size = fread(found, 1, sizeof found, file);
  fclose(file);
  return size == len && memcmp(found, bytes, len) == 0;
}

/* There, back, and a part of it, where the targets exist and where they do not. */
static void round_trips(const char *packed, const char *restored)
{
  fastpar_file_stats stats;
  fastpar_archive *archive = NULL;
  unsigned char part[100];
  size_t read = 0;
  write_file(FOLDER "/plain", data, SIZE);
  for (int turn = 0; turn < 2; turn++) {
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    CHECK_EQUAL(fastpar_compress_file(NULL, FOLDER "/plain", packed, &stats, NULL), FASTPAR_OK);
    CHECK(stats.bytes_in == SIZE && stats.bytes_out > 0);
    CHECK_EQUAL(fastpar_decompress_file(NULL, packed, restored, NULL, NULL), FASTPAR_OK);
    CHECK(holds(restored, data, SIZE));
  }
  CHECK_EQUAL(fastpar_archive_open_file(NULL, packed, &archive, NULL), FASTPAR_OK);
  if (archive) {
    CHECK_EQUAL(fastpar_archive_read(archive, 5000, part, sizeof part, &read, NULL), FASTPAR_OK);
    CHECK(read == sizeof part && memcmp(part, data + 5000, sizeof part) == 0);
  }
  fastpar_archive_free(archive);
  CHECK(os_remove_file(packed) && os_remove_file(restored));
}

static void names_of_every_kind(void)
{
  round_trips(FOLDER "/packed.zst", FOLDER "/restored");
  round_trips(FOLDER "/h\xc3\xa4user \xe5\xae\xb6 \xf0\x9f\x8f\xa0.zst", FOLDER "/\xd0\xb4\xd0\xb0\xd0\xbd\xd0\xbd\xd1\x8b\xd0\xb5");
  round_trips(FOLDER "/ with spaces .zst", FOLDER "/-dash");
  round_trips(FOLDER "/" LONG, FOLDER "/m" LONG);
}

/* Longer than Windows took for many years, from the current folder on. */
static void long_paths(void)
{
  char path[5][1024], packed[1100], restored[1100];
  for (int i = 0; i < 5; i++) {
    snprintf(path[i], sizeof path[i], "%s/" FIFTY FIFTY "%d", i ? path[i - 1] : FOLDER, i);
    CHECK(os_make_folder(path[i]));
  }
  snprintf(packed, sizeof packed, "%s/packed.zst", path[4]);
  snprintf(restored, sizeof restored, "%s/\xc3\xa4", path[4]);
  CHECK(strlen(packed) > 500);
  round_trips(packed, restored);
  for (int i = 5; i-- > 0;) CHECK(os_remove_folder(path[i])); /* nothing is left in them */
}

static void failures(void)
{
  fastpar_error error;
  write_file(FOLDER "/target", "kept", 4);
  CHECK_EQUAL(fastpar_compress_file(NULL, FOLDER "/missing", FOLDER "/target", NULL, &error), FASTPAR_ERR_IO);
  CHECK(error.code != 0 && strstr(error.message, "missing"));
  write_file(FOLDER "/plain", "not zstd data, by any means", 27);
  CHECK_EQUAL(fastpar_decompress_file(NULL, FOLDER "/plain", FOLDER "/target", NULL, NULL), FASTPAR_ERR_NOT_ZSTD);
  CHECK(holds(FOLDER "/target", "kept", 4));
  CHECK_EQUAL(fastpar_compress_file(NULL, FOLDER "/plain", FOLDER, NULL, &error), FASTPAR_ERR_IO);
  CHECK(error.code != 0);
  CHECK_EQUAL(fastpar_compress_file(NULL, FOLDER "/plain", FOLDER "/./plain", NULL, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
#ifdef _WIN32
  CHECK_EQUAL(fastpar_compress_file(NULL, "\xff", FOLDER "/target", NULL, NULL), FASTPAR_ERR_INVALID_ARGUMENT);
#else /* bytes are names */
  CHECK_EQUAL(fastpar_compress_file(NULL, "\xff", FOLDER "/target", NULL, NULL), FASTPAR_ERR_IO);
#endif
  CHECK_EQUAL(fastpar_compress_file(NULL, FOLDER "/plain", FOLDER "/no/such/folder", NULL, NULL), FASTPAR_ERR_IO);
  CHECK(os_remove_file(FOLDER "/target"));
}

/* Some systems replace a file that somebody has open, some refuse; none leaves half a file. */
static void a_target_that_is_open(void)
{
  fastpar_status status;
  FILE *open;
  write_file(FOLDER "/plain", data, SIZE);
  write_file(FOLDER "/target", "kept", 4);
  open = os_open(FOLDER "/target", "rb");
  CHECK(open != NULL);
  status = fastpar_compress_file(NULL, FOLDER "/plain", FOLDER "/target", NULL, NULL);
  CHECK(status == FASTPAR_OK || status == FASTPAR_ERR_IO);
  CHECK_EQUAL(status == FASTPAR_ERR_IO, holds(FOLDER "/target", "kept", 4));
  if (open) fclose(open);
  CHECK(os_remove_file(FOLDER "/target"));
}

static void nothing_is_left_behind(void)
{
  CHECK(os_remove_file(FOLDER "/plain"));
  CHECK(os_remove_folder(FOLDER));
}

int main(void)
{
  for (size_t i = 0; i < SIZE; i++) data[i] = (unsigned char)(i % 251 * (i % 7));
  os_make_folder(FOLDER);
  RUN(names_of_every_kind);
  RUN(long_paths);
  RUN(failures);
  RUN(a_target_that_is_open);
  RUN(nothing_is_left_behind);
  return FINISH();
}
