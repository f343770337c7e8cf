/* Mistakes in callbacks that a sanitizer has to report: else C programs are not built for it. The argument
   tells which. */
#include "os.h"

#include <fastpar.h>
#include <stdio.h>

static int counter;
static int32_t inside;

/* Two chunks, on two threads at once, count in plain memory. */
static int32_t race(void *user_data, const fastpar_chunk *chunk)
{
  (void)user_data;
  (void)chunk;
  os_add(&inside, 1);
  while (os_load(&inside) < 2) os_yield();
  counter++;
  return 0;
}

/* What decides was never written. */
static int32_t unwritten(void *user_data, const fastpar_chunk *chunk)
{
  const unsigned char *bytes = user_data;
  if (bytes[chunk->index] == 1) puts("it is one");
  return 0;
}

int main(int argc, char **argv)
{
  fastpar_loop_options options;
  unsigned char *bytes = malloc(100);
  fastpar_status status;
  if (argc < 2 || !bytes) return 2;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.segments = 2;
  status = fastpar_for(&options, 2, strcmp(argv[1], "race") == 0 ? race : unwritten, bytes, NULL);
  free(bytes);
  return status != FASTPAR_OK;
}
