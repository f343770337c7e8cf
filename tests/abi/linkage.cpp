// A C++ program links against the C functions, and a lambda without captures is a callback.
#include <fastpar.h>

#include <atomic>
#include <cstdio>
#include <cstring>

int main()
{
  std::atomic<std::size_t> items{0};
  fastpar_loop_options options{};
  options.struct_size = sizeof options;
  options.segments = 100;
  fastpar_error error;
  const fastpar_chunk_fn body = [](void *user_data, const fastpar_chunk *chunk) -> int32_t {
    *static_cast<std::atomic<std::size_t> *>(user_data) += chunk->end - chunk->begin;
    return 0;
  };
  if (fastpar_for(&options, 1000000, body, &items, &error) != FASTPAR_OK) {
    std::fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  const bool same_version = fastpar_version() == FASTPAR_VERSION_NUMBER &&
                            std::strcmp(fastpar_version_string(), FASTPAR_VERSION_STRING) == 0;
  return items == 1000000 && same_version ? 0 : 1;
}
