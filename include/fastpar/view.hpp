/* Memory: views of what the caller owns, and vectors that are not written twice. Part of fastpar.hpp. */
#ifndef FASTPAR_VIEW_HPP
#define FASTPAR_VIEW_HPP

#include <cstddef>
#include <iterator>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#if __has_include(<version>)
#include <version>
#endif
#ifdef __cpp_lib_span
#include <span>
#endif

namespace fastpar {

#ifdef __cpp_lib_span

/** A view of contiguous items. */
template <class T>
using span = std::span<T>;

#else

/** A view of contiguous items: what std::span is from C++20 on, as far as fastpar needs it. */
template <class T>
class span {
  template <class Container>
  using element = std::remove_pointer_t<decltype(std::data(std::declval<Container &>()))>;

 public:
  using element_type = T;
  using value_type = std::remove_cv_t<T>;
  using iterator = T *;

  constexpr span() noexcept = default;
  constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}

  /** Views a container, an array or another view; never adds or removes more than const. */
  template <class Container,
            class = std::enable_if_t<std::is_convertible_v<element<Container> (*)[], T (*)[]> &&
                                     !std::is_same_v<std::remove_cv_t<std::remove_reference_t<Container>>, span>>>
  constexpr span(Container &&container) noexcept : data_(std::data(container)), size_(std::size(container)) {}

  [[nodiscard]] constexpr T *data() const noexcept { return data_; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
  [[nodiscard]] constexpr std::size_t size_bytes() const noexcept { return size_ * sizeof(T); }
  [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] constexpr T *begin() const noexcept { return data_; }
  [[nodiscard]] constexpr T *end() const noexcept { return data_ + size_; }
  [[nodiscard]] constexpr T &operator[](std::size_t index) const noexcept { return data_[index]; }
  [[nodiscard]] constexpr T &front() const noexcept { return data_[0]; }
  [[nodiscard]] constexpr T &back() const noexcept { return data_[size_ - 1]; }
  [[nodiscard]] constexpr span first(std::size_t count) const noexcept { return {data_, count}; }
  [[nodiscard]] constexpr span last(std::size_t count) const noexcept { return {data_ + (size_ - count), count}; }
  [[nodiscard]] constexpr span subspan(std::size_t offset) const noexcept { return last(size_ - offset); }
  [[nodiscard]] constexpr span subspan(std::size_t offset, std::size_t count) const noexcept {
    return {data_ + offset, count};
  }

 private:
  T *data_ = nullptr;
  std::size_t size_ = 0;
};

#endif

/** Bytes to read. */
using bytes = span<const std::byte>;

/** Bytes to write. */
using writable_bytes = span<std::byte>;

namespace detail {

template <class Container>
using element_of = std::remove_pointer_t<decltype(std::data(std::declval<Container &>()))>;

} // namespace detail

/**
 * Views the items of a container, an array, a string or a span as bytes.
 *
 * @param container  contiguous, of trivially copyable items; must live as long as the view is used
 */
template <class Container>
[[nodiscard]] bytes as_bytes(const Container &container) noexcept {
  using item = detail::element_of<const Container>;
  static_assert(std::is_trivially_copyable_v<item>, "only items that may be copied as bytes are bytes");
  return {reinterpret_cast<const std::byte *>(std::data(container)), std::size(container) * sizeof(item)};
}

/** Views the items of a container, an array, a string or a span as bytes to be written. */
template <class Container>
[[nodiscard]] writable_bytes as_writable_bytes(Container &&container) noexcept {
  using item = detail::element_of<Container>;
  static_assert(std::is_trivially_copyable_v<item>, "only items that may be copied as bytes are bytes");
  static_assert(!std::is_const_v<item>, "these items may not be written");
  return {reinterpret_cast<std::byte *>(std::data(container)), std::size(container) * sizeof(item)};
}

/** An allocator whose containers leave numbers and the like unset where others write zeros first. */
template <class T>
class uninitialized_allocator : public std::allocator<T> {
 public:
  template <class U>
  struct rebind {
    using other = uninitialized_allocator<U>;
  };

  uninitialized_allocator() = default;
  template <class U>
  uninitialized_allocator(const uninitialized_allocator<U> &) noexcept {}

  template <class U>
  void construct(U *place) noexcept(std::is_nothrow_default_constructible_v<U>) {
    ::new (static_cast<void *>(place)) U;
  }
  template <class U, class First, class... Rest>
  void construct(U *place, First &&first, Rest &&...rest) {
    ::new (static_cast<void *>(place)) U(std::forward<First>(first), std::forward<Rest>(rest)...);
  }
};

/** A std::vector that `resize` and `buffer(n)` leave unset, for results that are written right away. */
template <class T>
using buffer = std::vector<T, uninitialized_allocator<T>>;

} // namespace fastpar

#endif
