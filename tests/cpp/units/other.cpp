#include "units.hpp"

#include <stdexcept>

int other_calls() {
  fastpar::loop_options options;
  options.segments = 5;
#ifdef __cpp_lib_jthread
  std::stop_source source;
  options.stop = source.get_token();
#endif
  options.progress = [](std::uint64_t, std::uint64_t) {};
  std::atomic<int> calls{0};
  fastpar::for_each_chunk(100, body{&calls}, options);
  return calls + count_calls(10);
}

std::size_t other_options_size() { return sizeof(fastpar::loop_options); }

fastpar::job other_job(std::atomic<int> *calls) {
  fastpar::loop_options options;
  options.segments = 7;
  return fastpar::for_start(100, body{calls}, options);
}

void other_throws(bool own) {
  if (own) throw fastpar::error(fastpar::status::corrupt, "from the other unit");
  fastpar::for_each_chunk(3, [](fastpar::chunk) { throw std::out_of_range("from the other unit"); });
}

bool other_catches(void (*action)()) {
  try {
    action();
  } catch (const fastpar::error &e) {
    return e.code() == fastpar::status::closed;
  }
  return false;
}

const std::error_category &other_category() { return fastpar::category(); }
