/* Files as Windows has them: beside programs that hold them open, read-only, with access lists, times and
   marks of the web; pipes and devices; names that are none of a file. */
#include "os_files.h"
#include "check.h"
#include "files_held.h"
#include "files_pipe.h"

#include <fastpar.h>

#define PLAIN FOLDER "\\plain"
#define TARGET FOLDER "\\target"
#define BACK FOLDER "\\back"

static fastpar_error last;

static fastpar_status pack(const char *from, const char *to, uint32_t flags)
{
  fastpar_zstd_options options;
  memset(&options, 0, sizeof options);
  memset(&last, 0, sizeof last);
  options.struct_size = sizeof options;
  options.flags = flags;
  return fastpar_compress_file(&options, from, to, NULL, &last);
}

/* The target is zstd data of what `PLAIN` holds. */
static int is_packed(const char *target)
{
  return fastpar_decompress_file(NULL, target, BACK, NULL, NULL) == FASTPAR_OK && holds(BACK, data, SIZE)
         && os_remove_file(BACK);
}

/* ---- programs that hold files open ---- */

static void beside_a_scanner(void)
{
  scanner all = {0, 0};
  os_thread thread;
  os_start(&thread, scan, &all);
  for (int turn = 0; turn < 40; turn++) {
    char target[40];
    snprintf(target, sizeof target, TARGET "%d", turn % 4);
    CHECK_EQUAL(pack(PLAIN, target, 0), FASTPAR_OK);
  }
  os_store(&all.stop, 1);
  os_join(&thread);
  CHECK(all.opened > 0);
  CHECK_EQUAL(left_behind(), 0);
  for (int i = 0; i < 4; i++) {
    char target[40];
    snprintf(target, sizeof target, TARGET "%d", i);
    CHECK(is_packed(target) && os_remove_file(target));
  }
}

static int32_t count_call(void *user_data, uint64_t done, uint64_t total)
{
  (void)done;
  (void)total;
  os_add(user_data, 1);
  return 0;
}

/* Found out before anything is read, unless the caller lets the file be written where it stands. */
static void a_target_that_stays_held(void)
{
  int32_t calls = 0;
  fastpar_zstd_options options;
  HANDLE holder;
  write_file(TARGET, "kept", 4);
  holder = hold(TARGET, FILE_SHARE_READ | FILE_SHARE_WRITE);
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.progress = count_call;
  options.progress_data = &calls;
  CHECK_EQUAL(fastpar_compress_file(&options, PLAIN, TARGET, NULL, &last), FASTPAR_ERR_IO);
  CHECK_EQUAL(last.code, ERROR_SHARING_VIOLATION);
  CHECK_EQUAL(calls, 0);
  CHECK(holds(TARGET, "kept", 4));
  CHECK_EQUAL(left_behind(), 0);
  CHECK_EQUAL(pack(PLAIN, TARGET, FASTPAR_ZSTD_IN_PLACE), FASTPAR_OK);
  CHECK(CloseHandle(holder));
  CHECK(is_packed(TARGET) && os_remove_file(TARGET));
}

/* Where the system knows how (not Wine 8), a program that shares all it can does not keep a file from being
   replaced. Where it does not, nothing is lost. */
static void a_target_that_is_open_and_may_be_removed(void)
{
  HANDLE holder;
  fastpar_status status;
  write_file(TARGET, "kept", 4);
  holder = hold(TARGET, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE);
  status = pack(PLAIN, TARGET, 0);
  CHECK(status == FASTPAR_OK || (status == FASTPAR_ERR_IO && holds(TARGET, "kept", 4)));
  CHECK(CloseHandle(holder));
  CHECK_EQUAL(left_behind(), 0);
  CHECK_EQUAL(pack(PLAIN, TARGET, 0), FASTPAR_OK);
  CHECK(is_packed(TARGET) && os_remove_file(TARGET));
}

static void failures_leave_nothing(void)
{
  write_file(TARGET, "kept", 4);
  CHECK_EQUAL(fastpar_decompress_file(NULL, PLAIN, TARGET, NULL, NULL), FASTPAR_ERR_NOT_ZSTD);
  CHECK(holds(TARGET, "kept", 4));
  CHECK_EQUAL(pack(PLAIN, TARGET, FASTPAR_ZSTD_KEEP), FASTPAR_ERR_IO);
  CHECK_EQUAL(last.code, ERROR_FILE_EXISTS);
  CHECK(os_remove_file(TARGET));
  CHECK_EQUAL(pack(PLAIN, TARGET, FASTPAR_ZSTD_KEEP | FASTPAR_ZSTD_SYNC), FASTPAR_OK);
  CHECK(is_packed(TARGET) && os_remove_file(TARGET));
  CHECK_EQUAL(left_behind(), 0);
}

/* The process ends while it waits for more of its source. */
static void a_process_that_is_killed(void)
{
  HANDLE pipe = pipe_server(), process = run_again("pack-from-pipe");
  DWORD written = 0;
  CHECK(pipe_connected(pipe));
  CHECK(WriteFile(pipe, data, SIZE, &written, NULL) && written == SIZE);
  CHECK(FlushFileBuffers(pipe)); /* all is read: the target was begun before */
  CHECK_EQUAL(left_behind(), 1);
  CHECK(TerminateProcess(process, 9));
  CHECK_EQUAL(ended(process), 9);
  CHECK(CloseHandle(pipe));
  CHECK_EQUAL(left_behind(), 0);
  CHECK(!os_remove_file(TARGET));
}

/* ---- what a target takes over ---- */

static void read_only_targets(void)
{
  write_file(TARGET, "kept", 4);
  CHECK(set_read_only(TARGET, 1));
  CHECK_EQUAL(pack(PLAIN, TARGET, 0), FASTPAR_ERR_IO);
  CHECK_EQUAL(last.code, ERROR_ACCESS_DENIED);
  CHECK(is_read_only(TARGET) && holds(TARGET, "kept", 4));
  CHECK(set_read_only(PLAIN, 1));
  for (int turn = 0; turn < 2; turn++) {
    CHECK_EQUAL(pack(PLAIN, TARGET, 0), FASTPAR_OK);
    CHECK(is_read_only(TARGET));
  }
  CHECK_EQUAL(pack(PLAIN, FOLDER "\\no\\folder", 0), FASTPAR_ERR_IO);
  CHECK(set_read_only(PLAIN, 0) && set_read_only(TARGET, 0));
  CHECK(is_packed(TARGET) && os_remove_file(TARGET));
  CHECK_EQUAL(left_behind(), 0);
}

/* That of the file which is replaced; of a new file what the folder gives. */
static void access_lists(void)
{
  static access_list before, after;
  write_file(TARGET, "old", 3);
  CHECK(list_owner_only(TARGET) && list_of(TARGET, &before));
  CHECK_EQUAL(pack(PLAIN, TARGET, 0), FASTPAR_OK);
  CHECK(list_of(TARGET, &after) && lists_are_equal(&before, &after));
  CHECK(is_packed(TARGET) && os_remove_file(TARGET));
  write_file(TARGET, "new", 3);
  CHECK(list_of(TARGET, &before) && !lists_are_equal(&before, &after));
  CHECK(os_remove_file(TARGET));
  CHECK_EQUAL(pack(PLAIN, TARGET, 0), FASTPAR_OK);
  CHECK(list_of(TARGET, &after) && lists_are_equal(&before, &after));
  CHECK(os_remove_file(TARGET));
}

static void times(void)
{
  FILETIME created = {0, 29000000}, written = {0, 29500000}, found_created, found_written, kept;
  CHECK(set_times(PLAIN, &created, &written) && times_of(PLAIN, &kept, &found_written));
  CHECK_EQUAL(pack(PLAIN, TARGET, 0), FASTPAR_OK);
  CHECK(times_of(TARGET, &found_created, &found_written));
  CHECK_EQUAL(CompareFileTime(&found_written, &written), 0);
  if (CompareFileTime(&kept, &created) == 0)
    CHECK_EQUAL(CompareFileTime(&found_created, &created), 0);
  else
    printf("no test of times of creation: this file system does not let them be set\n");
  CHECK(os_remove_file(TARGET));
}

static void mark_of_the_web(void)
{
  static const char mark[] = "[ZoneTransfer]\r\nZoneId=3\r\n";
  CHECK_EQUAL(pack(PLAIN, TARGET, 0), FASTPAR_OK);
  write_file(TARGET ":Zone.Identifier", mark, sizeof mark - 1);
  CHECK_EQUAL(fastpar_decompress_file(NULL, TARGET, BACK, NULL, NULL), FASTPAR_OK);
  CHECK(holds(BACK ":Zone.Identifier", mark, sizeof mark - 1));
  CHECK(os_remove_file(TARGET) && os_remove_file(BACK));
}

/* ---- pipes, devices, names ---- */

static void a_pipe_as_source(void)
{
  pipe_end writes = {pipe_server(), data, SIZE, 0};
  os_thread thread;
  os_start(&thread, pipe_writes, &writes);
  CHECK_EQUAL(pack(PIPE, TARGET, 0), FASTPAR_OK);
  os_join(&thread);
  CHECK(is_packed(TARGET) && os_remove_file(TARGET));
}

static void a_pipe_as_target(void)
{
  static unsigned char packed[2 * SIZE], back[SIZE];
  pipe_end reads = {pipe_server(), packed, sizeof packed, 0};
  size_t len = 0;
  os_thread thread;
  os_start(&thread, pipe_reads, &reads);
  CHECK_EQUAL(pack(PLAIN, PIPE, FASTPAR_ZSTD_SYNC), FASTPAR_OK);
  os_join(&thread);
  CHECK_EQUAL(fastpar_decompress(NULL, packed, reads.done, back, SIZE, &len, NULL), FASTPAR_OK);
  CHECK(len == SIZE && memcmp(back, data, SIZE) == 0);
}

static void devices(void)
{
  static const char *const names[] = {"NUL", "nul", "\\\\.\\NUL"};
  fastpar_archive *archive = NULL;
  for (int i = 0; i < 3; i++) {
    CHECK_EQUAL(pack(PLAIN, names[i], FASTPAR_ZSTD_KEEP | FASTPAR_ZSTD_SYNC), FASTPAR_OK);
    CHECK_EQUAL(pack(names[i], TARGET, 0), FASTPAR_OK);
    CHECK_EQUAL(fastpar_decompress_file(NULL, TARGET, BACK, NULL, NULL), FASTPAR_OK);
    CHECK(holds(BACK, "", 0) && os_remove_file(BACK) && os_remove_file(TARGET));
    CHECK_EQUAL(fastpar_archive_open_file(NULL, names[i], &archive, NULL), FASTPAR_ERR_UNSUPPORTED);
  }
  CHECK_EQUAL(pack("\\\\.\\pipe\\fastpar-nobody", TARGET, 0), FASTPAR_ERR_IO);
  CHECK_EQUAL(pack(PLAIN, "\\\\.\\pipe\\fastpar-nobody", 0), FASTPAR_ERR_IO);
  CHECK_EQUAL(left_behind(), 0);
}

/* Found out before the work: no such file could be renamed into its place. */
static void names_that_no_file_can_have(void)
{
  static const char *const names[] = {TARGET "\\", TARGET "/", TARGET ":stream", TARGET "|", FOLDER "\\..\\" FOLDER};
  for (int i = 0; i < 5; i++) {
    CHECK_EQUAL(pack(PLAIN, names[i], 0), FASTPAR_ERR_IO);
    CHECK(last.code != 0);
  }
  CHECK_EQUAL(left_behind(), 0);
}

static void the_same_file_by_other_names(void)
{
  static const char *const names[] = {FOLDER "\\PLAIN", FOLDER "/.\\plain", "\\\\?\\", BACK};
  wchar_t from[OS_PATH], to[OS_PATH];
  char full[OS_PATH];
  CHECK(CreateHardLinkW(os_wide(BACK, to), os_wide(PLAIN, from), NULL));
  CHECK(WideCharToMultiByte(CP_UTF8, 0, os_wide(PLAIN, from), -1, full, OS_PATH, NULL, NULL));
  for (int i = 0; i < 4; i++)
    CHECK_EQUAL(pack(PLAIN, i == 2 ? full : names[i], 0), FASTPAR_ERR_INVALID_ARGUMENT);
  CHECK(holds(PLAIN, data, SIZE) && os_remove_file(BACK));
}

int main(int argc, char **argv)
{
  if (argc > 1 && strcmp(argv[1], "pack-from-pipe") == 0) return pack(PIPE, TARGET, 0);
  for (size_t i = 0; i < SIZE; i++) data[i] = (unsigned char)(i % 251 * (i % 7));
  os_make_folder(FOLDER);
  write_file(PLAIN, data, SIZE);
  RUN(beside_a_scanner);
  RUN(a_target_that_stays_held);
  RUN(a_target_that_is_open_and_may_be_removed);
  RUN(failures_leave_nothing);
  RUN(a_process_that_is_killed);
  RUN(read_only_targets);
  RUN(access_lists);
  RUN(times);
  if (has_streams(FOLDER))
    RUN(mark_of_the_web);
  else
    printf("no test of the Mark of the Web: this file system has no streams\n");
  RUN(a_pipe_as_source);
  RUN(a_pipe_as_target);
  RUN(devices);
  RUN(names_that_no_file_can_have);
  RUN(the_same_file_by_other_names);
  os_remove_file(PLAIN);
  CHECK(os_remove_folder(FOLDER));
  return FINISH();
}
