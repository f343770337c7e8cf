/* What two translation units, of C++17 and of C++20, share. */
#ifndef UNITS_HPP
#define UNITS_HPP

#include <fastpar.hpp>

/* The same type in both: templates over it are instantiated twice. */
struct body {
  std::atomic<int> *calls;
  void operator()(const fastpar::chunk &) const { ++*calls; }
};

inline int count_calls(std::size_t items) {
  std::atomic<int> calls{0};
  fastpar::for_each_chunk(items, body{&calls});
  return calls;
}

/* Defined in the C++20 unit. */
int other_calls();
std::size_t other_options_size();
fastpar::job other_job(std::atomic<int> *calls);
void other_throws(bool own);
bool other_catches(void (*action)());
const std::error_category &other_category();

#endif
