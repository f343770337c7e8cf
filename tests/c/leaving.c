/* The end of a process while loops are under way: at once, and with its own code. */
#include "os_process.h"
#include "check.h"

#include <fastpar.h>

#define CODE 7
#define CHUNKS 1000000

static const char *program;

static fastpar_loop_options many_chunks(void)
{
  fastpar_loop_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.segments = CHUNKS;
  return options;
}

static int32_t allocate(void *user_data, const fastpar_chunk *chunk)
{
  (void)user_data;
  free(malloc(chunk->index % 3000 + 1));
  return 0;
}

static int32_t wait_a_moment(void *user_data, const fastpar_chunk *chunk)
{
  (void)user_data;
  (void)chunk;
  os_sleep_ms(1);
  return 0;
}

static int32_t leave_from_inside(void *user_data, const fastpar_chunk *chunk)
{
  (void)user_data;
  if (chunk->index > CHUNKS / 100) exit(CODE);
  return 0;
}

/* Leaves in one of several ways, after so many milliseconds. */
static int leave(char how, unsigned milliseconds)
{
  static unsigned char bytes[1 << 20], packed[2 << 20];
  fastpar_loop_options options = many_chunks();
  fastpar_job *working = NULL, *waiting = NULL;
  size_t written;
  if (fastpar_for_start(&options, CHUNKS, allocate, NULL, &working, NULL) != FASTPAR_OK) return 1;
  if (fastpar_for_start(&options, CHUNKS, wait_a_moment, NULL, &waiting, NULL) != FASTPAR_OK) return 1;
  if (fastpar_compress(NULL, bytes, sizeof bytes, packed, sizeof packed, &written, NULL) != FASTPAR_OK) return 1;
  os_sleep_ms(milliseconds);
  if (how == 'e') exit(CODE);
  if (how == 'b') fastpar_for(&options, CHUNKS, leave_from_inside, NULL, NULL);
  return CODE;
}

static void check_leaving(char how)
{
  for (int turn = 0; turn < 4; turn++) {
    char argument[3];
    argument[0] = how;
    argument[1] = (char)('0' + turn);
    argument[2] = 0;
    CHECK_EQUAL(os_run_again(program, argument), CODE);
  }
}

static void by_return(void) { check_leaving('r'); }
static void by_exit(void) { check_leaving('e'); }
static void from_a_callback(void) { check_leaving('b'); }

int main(int argc, char **argv)
{
  if (argc > 1) return leave(argv[1][0], (unsigned)(argv[1][1] - '0') * 2);
  program = argv[0];
  /* What still works is not lost memory. */
  os_setenv("ASAN_OPTIONS", "detect_leaks=0");
  RUN(by_return);
  RUN(by_exit);
  RUN(from_a_callback);
  return FINISH();
}
