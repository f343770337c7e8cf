/* Shared state: a bounded queue, and atomics on plain integers. Part of fastpar.hpp. */
#ifndef FASTPAR_SHARED_HPP
#define FASTPAR_SHARED_HPP

#include "error.hpp"
#include "time.hpp"

#include <chrono>
#include <cstring>
#include <optional>
#include <type_traits>
#include <utility>

namespace fastpar {

/**
 * A bounded queue for any number of producers and consumers: first in, first out.
 *
 *     fastpar::queue<std::size_t> files(100);
 *     while (auto file = files.pop()) read(*file);          // ends when it is closed and empty
 *
 * A producer's writes before it pushed are visible to the consumer of the value. A chunk's body that waits
 * occupies its thread, and the chunk that would make room may not have begun: let members of a team wait, or
 * other threads.
 *
 * @tparam T  a number, a pointer, or another type of at most 8 bytes that may be copied as bytes
 */
template <class T = std::uint64_t>
class queue {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t),
                "values are copied as at most 8 bytes: queue an index or a pointer");

 public:
  /**
   * Makes a queue.
   *
   * @param capacity  values that it holds at most, 1 to 16,777,216; their memory is taken now
   * @throws error: invalid_argument, out_of_memory.
   */
  explicit queue(std::size_t capacity) {
    fastpar_error failure;
    detail::check(fastpar_queue_open(capacity, &raw_, &failure), failure);
  }
  queue(queue &&other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  queue &operator=(queue &&other) noexcept {
    fastpar_queue_free(std::exchange(raw_, std::exchange(other.raw_, nullptr)));
    return *this;
  }
  /**
   * Closes it: calls that wait in it return. No call may begin from now on: where others use it, close it and
   * join them first.
   */
  ~queue() { fastpar_queue_free(raw_); }

  /** Adds a value, waiting for room; false: the queue is closed, and the value not added. */
  [[nodiscard]] bool push(T value) { return push_ms(value, UINT64_MAX) == status::ok; }

  /** Adds a value, waiting for room at most that long: status::ok, timeout (not added) or closed (not
   * added). */
  template <class Rep, class Period>
  [[nodiscard]] status push_for(T value, const std::chrono::duration<Rep, Period> &time) {
    return push_ms(value, detail::milliseconds(time));
  }

  /** Adds a value if there is room now: status::ok, timeout (full) or closed. */
  [[nodiscard]] status try_push(T value) { return push_ms(value, 0); }

  /** Takes the oldest value, waiting for one; empty: the queue is closed, and nothing is left in it. */
  [[nodiscard]] std::optional<T> pop() {
    std::optional<T> value(std::in_place);
    if (pop_ms(*value, UINT64_MAX) != status::ok) value.reset();
    return value;
  }

  /** Takes the oldest value, waiting at most that long: status::ok, timeout or closed; `value` is set on ok
   * only. */
  template <class Rep, class Period>
  [[nodiscard]] status pop_for(T &value, const std::chrono::duration<Rep, Period> &time) {
    return pop_ms(value, detail::milliseconds(time));
  }

  /** Takes the oldest value if there is one now: status::ok, timeout (empty) or closed. */
  [[nodiscard]] status try_pop(T &value) { return pop_ms(value, 0); }

  /** Closes it: no value can be added any more, but those inside can be taken; threads that wait in vain
   * are released. */
  void close() noexcept { fastpar_queue_close(raw_); }

 private:
  status push_ms(T value, std::uint64_t timeout_ms) {
    std::uint64_t number = 0;
    std::memcpy(&number, &value, sizeof value);
    fastpar_error failure;
    return outcome(fastpar_queue_push(raw_, number, timeout_ms, &failure), failure);
  }

  status pop_ms(T &value, std::uint64_t timeout_ms) {
    std::uint64_t number = 0;
    fastpar_error failure;
    const status result = outcome(fastpar_queue_pop(raw_, timeout_ms, &number, &failure), failure);
    if (result == status::ok) std::memcpy(&value, &number, sizeof value);
    return result;
  }

  static status outcome(fastpar_status result, const fastpar_error &failure) {
    if (result != FASTPAR_ERR_TIMEOUT && result != FASTPAR_ERR_CLOSED) detail::check(result, failure);
    return static_cast<status>(result);
  }

  fastpar_queue *raw_ = nullptr;
};

/**
 * Atomic operations on a plain std::int64_t, such as one in memory shared with another language.
 *
 * For integers that only C++ uses std::atomic is the better choice; this also has `max` and `min`.
 * Sequentially consistent; never blocks.
 */
class atomic_ref {
 public:
  /** @param place  aligned to 8 bytes; must outlive this, and be changed by atomic operations only
   * meanwhile */
  explicit atomic_ref(std::int64_t &place) noexcept : place_(&place) {}

  [[nodiscard]] std::int64_t load() const noexcept { return fastpar_atomic_load(place_); }
  void store(std::int64_t value) const noexcept { fastpar_atomic_store(place_, value); }

  /** Adds, wrapping around; returns the value before. */
  std::int64_t add(std::int64_t delta) const noexcept { return fastpar_atomic_add(place_, delta); }
  /** Raises it to at least `value`; returns the value before. */
  std::int64_t max(std::int64_t value) const noexcept { return fastpar_atomic_max(place_, value); }
  /** Lowers it to at most `value`; returns the value before. */
  std::int64_t min(std::int64_t value) const noexcept { return fastpar_atomic_min(place_, value); }
  /** Replaces it if it has the expected value; if not, `expected` becomes its value, and this returns
   * false. */
  bool compare_exchange(std::int64_t &expected, std::int64_t desired) const noexcept {
    return fastpar_atomic_compare_exchange(place_, &expected, desired) != 0;
  }

 private:
  std::int64_t *place_;
};

} // namespace fastpar

#endif
