/* inclusive_scan and exclusive_scan. Part of fastpar.hpp. */
#ifndef FASTPAR_PREFIX_SUMS_HPP
#define FASTPAR_PREFIX_SUMS_HPP

#include "loops.hpp"
#include "prefix.hpp"
#include "sequence.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <mutex>
#include <optional>
#include <vector>

namespace fastpar {
namespace detail {

/** Whether sums are the same in whatever order: those of unsigned integers, which wrap. */
template <class T, class Item, class Operation>
inline constexpr bool is_exact = std::is_integral_v<T> && std::is_integral_v<Item> && std::is_unsigned_v<T> &&
                                 !std::is_same_v<T, bool> && (std::is_same_v<Operation, std::plus<>> || std::is_same_v<Operation, std::plus<T>>);

/** A scan whose chunks fit into a core's cache. A lane folds a chunk, and where all chunks before it are
 * folded it writes the chunk while it is there, so that memory is read once. A chunk that is not so far is
 * left: whoever folds the last one that it misses makes it ready, and no lane waits for another.
 *
 * `Scan` has `fold(begin, end)` and `write<folds>(begin, end, before)`, which does both in one pass. Where
 * sums are exact it has `zero()`, and `write_on(begin, end, running)`, which returns how far it has come. */
template <class T, class Operation, class Scan>
class chained_scan {
 public:
  chained_scan(std::size_t chunks, Operation &operation, const Scan &scan)
      : operation_(operation), scan_(scan), links_(chunks) {
    ready_.reserve(chunks);
  }

  void operator()(const chunk &part) {
    if (part.lanes == 1 && part.index == next_) { // one lane takes them in order
      if constexpr (Scan::exact) {
        total_ = scan_.write_on(part.begin, part.end, total_ ? *total_ : scan_.zero());
      } else if (is_last(part.index)) {
        scan_.template write<false>(part.begin, part.end, total_);
      } else {
        add(scan_.template write<true>(part.begin, part.end, total_));
      }
      next_++;
      return;
    }
    T sum = scan_.fold(part.begin, part.end);
    if (take_over(part, std::move(sum))) write(part.index);
    for (std::size_t index = 0; take_ready(index);) write(index);
  }

 private:
  struct link {
    std::size_t begin, end;
    std::optional<T> sum, before;
  };

  /** No chunk comes after it that wants its sum. */
  [[nodiscard]] bool is_last(std::size_t index) const noexcept { return index + 1 == links_.size(); }

  void add(T sum) {
    if (total_) {
      total_ = T(std::invoke(operation_, std::move(*total_), std::move(sum)));
    } else {
      total_ = std::move(sum);
    }
  }

  /** Goes on from chunk to chunk that is folded. Whether this one has been reached. */
  bool take_over(const chunk &part, T sum) {
    const std::lock_guard<std::mutex> guard(lock_);
    if (adding_) return false;
    link &own = links_[part.index];
    own.begin = part.begin;
    own.end = part.end;
    own.sum = std::move(sum);
    adding_ = true;
    for (; next_ < links_.size() && links_[next_].sum; next_++) {
      link &at = links_[next_];
      at.before = total_;
      if (!is_last(next_)) add(std::move(*at.sum));
      if (next_ != part.index) ready_.push_back(next_);
    }
    adding_ = false;
    return part.index < next_;
  }

  bool take_ready(std::size_t &index) {
    const std::lock_guard<std::mutex> guard(lock_);
    if (ready_.empty()) return false;
    index = ready_.back();
    ready_.pop_back();
    return true;
  }

  void write(std::size_t index) {
    const link &at = links_[index];
    scan_.template write<false>(at.begin, at.end, at.before);
  }

  Operation &operation_;
  const Scan &scan_;
  std::mutex lock_;
  bool adding_ = false;  // also after an exception of the operation, which may have moved from the sums
  std::vector<link> links_;
  std::vector<std::size_t> ready_;
  /** The first chunk that is not in `total_`. */
  std::size_t next_ = 0;
  std::optional<T> total_;
};

/** Both scans: in chunks of a size that depends on T alone, or as the options say. */
template <class T, class Operation, class Scan>
void scan_range(std::size_t count, Operation &operation, const Scan &scan, const loop_options &options) {
  constexpr std::size_t grain = (std::max)(std::size_t{1}, (std::size_t{128} << 10) / sizeof(T)), segments = 24;
  if (schedule_of(options) == schedule::segments && options.segments == 0) {
    const bool large = count / segments > grain;
    loop_options plan = options;
    if (large) {
      plan.schedule = schedule::grain;
      plan.grain = grain;
    }
    const std::size_t chunks = large ? count / grain + (count % grain != 0) : (std::min)(count, segments);
    chained_scan<T, Operation, Scan> chain(chunks, operation, scan);
    for_each_chunk(count, chain, plan);
    return;
  }
  prefix(
      count, std::optional<T>(),
      [&](const chunk &part, std::optional<T> &sum) { sum = scan.fold(part.begin, part.end); },
      [&](std::optional<T> &into, const std::optional<T> &from) {
        if (!from) return;
        if (into) {
          *into = T(std::invoke(operation, std::move(*into), *from));
        } else {
          into = from;
        }
      },
      [&](const chunk &part, const std::optional<T> &before) {
        scan.template write<false>(part.begin, part.end, before);
      },
      options);
}

/** Sums are in variables of their own, which the compiler can keep in registers. */
template <class T, bool exact, class Items, class Operation>
T fold_items(const Items &items, Operation &operation, std::size_t begin, std::size_t end) {
  T sum = items.item(items.at(begin));
  if constexpr (exact) { // four sums at a time, which do not wait for each other
    T second{}, third{}, fourth{};
    for (; end - begin > 4; begin += 4) {
      sum = T(sum + items.item(items.at(begin + 1)));
      second = T(second + items.item(items.at(begin + 2)));
      third = T(third + items.item(items.at(begin + 3)));
      fourth = T(fourth + items.item(items.at(begin + 4)));
    }
    sum = T(T(sum + second) + T(third + fourth));
  }
  for (std::size_t i = begin + 1; i < end; i++) sum = T(std::invoke(operation, std::move(sum), items.item(items.at(i))));
  return sum;
}

template <class T, class Items, class Out, class Operation>
struct scan_inclusive {
  const Items &items;
  const Out &out;
  Operation &operation;
  using difference = typename std::iterator_traits<Out>::difference_type;

  static constexpr bool exact = is_exact<T, std::decay_t<decltype(Items::item(items.at(0)))>, Operation>;

  T fold(std::size_t begin, std::size_t end) const { return fold_items<T, exact>(items, operation, begin, end); }

  template <bool folds>
  T write(std::size_t begin, std::size_t end, const std::optional<T> &before) const {
    T sum = items.item(items.at(begin));
    T running = before ? T(std::invoke(operation, *before, sum)) : sum;
    out[static_cast<difference>(begin)] = running;
    for (std::size_t i = begin + 1; i < end; i++) {
      auto &&item = items.item(items.at(i)); // `out` may be where it is
      if constexpr (folds) sum = T(std::invoke(operation, std::move(sum), item));
      running = T(std::invoke(operation, std::move(running), item));
      out[static_cast<difference>(i)] = running;
    }
    return sum;
  }

  static T zero() noexcept { return T{}; }
  T write_on(std::size_t begin, std::size_t end, T running) const {
    for (std::size_t i = begin; i < end; i++) {
      running = T(running + items.item(items.at(i)));
      out[static_cast<difference>(i)] = running;
    }
    return running;
  }
};

template <class T, class Items, class Out, class Operation>
struct scan_exclusive {
  const Items &items;
  const Out &out;
  const T &init;
  Operation &operation;
  using difference = typename std::iterator_traits<Out>::difference_type;

  static constexpr bool exact = is_exact<T, std::decay_t<decltype(Items::item(items.at(0)))>, Operation>;

  T fold(std::size_t begin, std::size_t end) const { return fold_items<T, exact>(items, operation, begin, end); }

  template <bool folds>
  T write(std::size_t begin, std::size_t end, const std::optional<T> &before) const {
    T running = before ? T(std::invoke(operation, init, *before)) : init;
    T sum = items.item(items.at(begin));
    std::size_t i = begin;
    for (; i + 1 < end; i++) {
      T next(std::invoke(operation, running, items.item(items.at(i)))); // `out` may be where the item is
      out[static_cast<difference>(i)] = std::move(running);
      running = std::move(next);
      if constexpr (folds) sum = T(std::invoke(operation, std::move(sum), items.item(items.at(i + 1))));
    }
    out[static_cast<difference>(i)] = std::move(running);
    return sum;
  }

  T zero() const noexcept { return init; }
  T write_on(std::size_t begin, std::size_t end, T running) const {
    for (std::size_t i = begin; i < end; i++) {
      const T next = T(running + items.item(items.at(i))); // `out` may be where the item is
      out[static_cast<difference>(i)] = running;
      running = next;
    }
    return running;
  }
};

} // namespace detail

/**
 * Writes to each place the sum of all items up to its own: `out[i] = first[0] + ... + first[i]`.
 *
 * As std::inclusive_scan, in parallel.
 *
 * @param first, last  random-access iterators
 * @param out          random-access; may be `first`
 * @param operation    associative; called by several threads at a time. For one plan the results are
 *                     the same to the bit however many threads ran it.
 * @param options      24 segments on every thread of the pool, or more of 128 KiB of sums each if that is
 *                     less, unless they say otherwise
 * @return one past the last result
 * @throws as prefix
 *
 * Blocks, threads and nesting: as for_each_chunk.
 */
template <class First, class Out, class Operation = std::plus<>>
Out inclusive_scan(First first, First last, Out out, Operation operation = {}, const loop_options &options = {}) {
  using item = typename std::iterator_traits<First>::value_type;
  using sequence = detail::sequence<First, First>;
  const sequence items(first, last);
  const detail::scan_inclusive<item, sequence, Out, Operation> scan{items, out, operation};
  detail::scan_range<item>(items.count(), operation, scan, options);
  return out + static_cast<typename std::iterator_traits<Out>::difference_type>(items.count());
}

/**
 * Writes to each place the sum of `init` and of all items before its own: `out[i] = init + first[0] +
 * ... + first[i - 1]`.
 *
 * As std::exclusive_scan, in parallel; the rest as inclusive_scan. Sums have the type of `init`.
 */
template <class First, class Out, class T, class Operation = std::plus<>>
Out exclusive_scan(First first, First last, Out out, const T &init, Operation operation = {},
                   const loop_options &options = {}) {
  using sequence = detail::sequence<First, First>;
  const sequence items(first, last);
  const detail::scan_exclusive<T, sequence, Out, Operation> scan{items, out, init, operation};
  detail::scan_range<T>(items.count(), operation, scan, options);
  return out + static_cast<typename std::iterator_traits<Out>::difference_type>(items.count());
}

} // namespace fastpar

#endif
