/* What Visual Studio makes of the header and the import library: no C library, so that nothing else is
   needed to link it. */
#include <fastpar.h>

__declspec(dllimport) void __stdcall ExitProcess(unsigned int code);

static unsigned char data[100000], packed[101000], restored[100000];

static int32_t fill(void *user_data, const fastpar_chunk *chunk)
{
  unsigned char *bytes = user_data;
  for (size_t i = chunk->begin; i < chunk->end; i++) bytes[i] = (unsigned char)(i / 1000);
  return 0;
}

/* Where the program begins; 0 is success. */
void entry(void)
{
  size_t written = 0, length = 0;
  fastpar_error error;
  fastpar_status status = fastpar_for(NULL, sizeof data, fill, data, &error);
  if (!status) status = fastpar_compress(NULL, data, sizeof data, packed, sizeof packed, &written, &error);
  if (!status) status = fastpar_decompress(NULL, packed, written, restored, sizeof restored, &length, &error);
  if (status) ExitProcess((unsigned int)status);
  if (length != sizeof data || written >= length) ExitProcess(1);
  for (size_t i = 0; i < length; i++) {
    if (restored[i] != (unsigned char)(i / 1000)) ExitProcess(2);
  }
  ExitProcess(fastpar_version() == FASTPAR_VERSION_NUMBER ? 0 : 3);
}
