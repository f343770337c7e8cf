/* What [first, last) means for integers and for iterators. Part of fastpar.hpp. */
#ifndef FASTPAR_SEQUENCE_HPP
#define FASTPAR_SEQUENCE_HPP

#include "error.hpp"

#include <iterator>
#include <type_traits>
#include <utility>

namespace fastpar {
namespace detail {

template <class T>
inline constexpr bool is_integer = std::is_integral_v<T> && !std::is_same_v<std::remove_cv_t<T>, bool>;

/** Whether T can be stepped through and jumped in: iterators of C++20 that claim less to C++17 count. */
template <class T, class = void>
inline constexpr bool is_random_access = false;

template <class T>
inline constexpr bool
    is_random_access<T, std::void_t<decltype(*(std::declval<const T &>() +
                                               (std::declval<const T &>() - std::declval<const T &>()))),
                                    decltype(++std::declval<T &>()), std::enable_if_t<!std::is_integral_v<T>>>> =
        !std::is_function_v<std::remove_pointer_t<T>>; // gcc counts with functions

/** A range of items: its length, its positions, and the items there. */
template <class First, class Last, class = void>
class sequence {
  static_assert(is_integer<First> && is_integer<Last>, "two integers, or two random-access iterators of one type");
  using value = std::common_type_t<First, Last>;
  using natural = std::make_unsigned_t<value>;

 public:
  sequence(First first, Last last) : first_(static_cast<value>(first)), count_(0) {
    if (changes_sign(first) || changes_sign(last))
      throw error(status::invalid_argument, "a bound is negative, and the type of the other has no sign");
    const auto end = static_cast<value>(last);
    if (first_ >= end) return;
    const auto count = static_cast<natural>(static_cast<natural>(end) - static_cast<natural>(first_));
    if constexpr (sizeof(natural) > sizeof(std::size_t)) {
      if (count > SIZE_MAX) throw error(status::invalid_argument, "more items than a size can tell");
    }
    count_ = static_cast<std::size_t>(count);
  }

  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] value at(std::size_t index) const noexcept {
    return static_cast<value>(static_cast<natural>(static_cast<natural>(first_) + static_cast<natural>(index)));
  }
  [[nodiscard]] static value item(value at) noexcept { return at; }

 private:
  template <class Bound>
  static bool changes_sign(Bound bound) noexcept {
    if constexpr (std::is_signed_v<Bound> && !std::is_signed_v<value>) {
      return bound < 0;
    } else {
      return static_cast<void>(bound), false;
    }
  }

  value first_;
  std::size_t count_;
};

template <class Iterator>
class sequence<Iterator, Iterator, std::enable_if_t<is_random_access<Iterator>>> {
  using difference = decltype(std::declval<const Iterator &>() - std::declval<const Iterator &>());

 public:
  sequence(Iterator first, Iterator last)
      : first_(std::move(first)), count_(last - first_ > 0 ? static_cast<std::size_t>(last - first_) : 0) {}

  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] Iterator at(std::size_t index) const { return first_ + static_cast<difference>(index); }
  [[nodiscard]] static decltype(auto) item(const Iterator &at) { return *at; }

 private:
  Iterator first_;
  std::size_t count_;
};

} // namespace detail
} // namespace fastpar

#endif
