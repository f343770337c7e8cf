/* Durations as C counts them. Part of fastpar.hpp. */
#ifndef FASTPAR_TIME_HPP
#define FASTPAR_TIME_HPP

#include <chrono>
#include <cstdint>

namespace fastpar {
namespace detail {

/** Milliseconds: rounded up, so that no wait is shorter than asked; without end where they would not fit. */
template <class Rep, class Period>
std::uint64_t milliseconds(const std::chrono::duration<Rep, Period> &time) {
  using exact = std::chrono::duration<std::int64_t, std::milli>;
  using rough = std::chrono::duration<double, std::milli>;
  if (time <= time.zero()) return 0;
  if (!(rough(time) < rough(9e15))) return UINT64_MAX;
  return static_cast<std::uint64_t>(std::chrono::ceil<exact>(time).count());
}

} // namespace detail
} // namespace fastpar

#endif
