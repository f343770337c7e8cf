/* A program of a user's: a loop, a round trip, and the version of header and library. */
#include <fastpar.h>
#include <stdio.h>
#include <string.h>

static unsigned char data[1000000], packed[1100000], restored[1000000];

static int32_t fill(void *user_data, const fastpar_chunk *chunk)
{
  unsigned char *bytes = user_data;
  for (size_t i = chunk->begin; i < chunk->end; i++) bytes[i] = (unsigned char)(i / 1000);
  return 0;
}

int main(void)
{
  size_t written = 0, length = 0;
  fastpar_error error;
  fastpar_status status = fastpar_for(NULL, sizeof data, fill, data, &error);
  if (!status) status = fastpar_compress(NULL, data, sizeof data, packed, sizeof packed, &written, &error);
  if (!status) status = fastpar_decompress(NULL, packed, written, restored, sizeof restored, &length, &error);
  if (status) {
    printf("%s: %s\n", fastpar_status_name(status), error.message);
    return 1;
  }
  if (length != sizeof data || memcmp(data, restored, length) != 0) return 2;
  if (fastpar_version() != FASTPAR_VERSION_NUMBER) return 3;
  printf("fastpar %s works\n", fastpar_version_string());
  return 0;
}
