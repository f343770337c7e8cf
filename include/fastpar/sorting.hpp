/* Sorting. Part of fastpar.hpp. */
#ifndef FASTPAR_SORTING_HPP
#define FASTPAR_SORTING_HPP

#include "loops.hpp"
#include "pool.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <functional>
#include <iterator>
#include <memory>
#include <vector>

namespace fastpar {

/** A projection whose large values come first: `sort(trades, descending(&trade::time))`. What is equal
 * keeps its order. */
template <class Projection>
struct descending {
  explicit descending(Projection by) : projection(std::move(by)) {}
  Projection projection;
};

namespace detail {

/** FASTPAR_U8 to FASTPAR_F64; 0: T is no number that C knows. */
template <class T>
constexpr std::uint32_t key_type() noexcept {
  if constexpr (std::is_enum_v<T>) {
    return key_type<std::underlying_type_t<T>>();
  } else if constexpr (std::is_same_v<T, float>) {
    return FASTPAR_F32;
  } else if constexpr (std::is_same_v<T, double>) {
    return FASTPAR_F64;
  } else if constexpr (std::is_integral_v<T> && sizeof(T) <= 8) {
    constexpr std::uint32_t first = std::is_signed_v<T> ? FASTPAR_I8 : FASTPAR_U8;
    return first + (sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3);
  } else {
    return 0;
  }
}

template <class T>
inline constexpr bool is_descending = false;
template <class Projection>
inline constexpr bool is_descending<descending<Projection>> = true;

/** Sorts records that are bytes by one number in each. */
inline void sort_bytes(void *records, std::size_t count, std::size_t size, const fastpar_sort_key &key,
                       const loop_options &options) {
  carried exceptions;
  control control(options, exceptions);
  fastpar_loop_options raw = raw_options(options);
  control.apply(raw);
  fastpar_error failure;
  const fastpar_status result = fastpar_sort(&raw, records, count, size, &key, 1, &failure);
  exceptions.finish(result, failure);
}

/** Only the lanes of other options: for what must come to its end, and for what counts in another way. */
inline loop_options lanes_of(const loop_options &options) {
  loop_options lanes;
  lanes.max_lanes = options.max_lanes;
  return lanes;
}

/** Copies bytes on several lanes, whatever happens. */
inline void copy_back(void *to, const void *from, std::size_t bytes, const loop_options &options) noexcept {
  try {
    for_each_chunk(bytes, [&](const chunk &part) {
      std::memcpy(static_cast<char *>(to) + part.begin, static_cast<const char *>(from) + part.begin, part.size());
    }, lanes_of(options));
  } catch (...) {
    std::memcpy(to, from, bytes);
  }
}

/** Puts items in an order: `source(i)` tells where the item that becomes number `i` is. Until nothing can
 * fail any more, they stay as they are. */
template <class T, class Source>
void put_in_order(T *items, std::size_t count, const Source &source, const loop_options &options) {
  if constexpr (std::is_trivially_copyable_v<T>) {
    const std::unique_ptr<unsigned char[]> sorted(new unsigned char[count * sizeof(T)]);
    for_each_chunk(count, [&](const chunk &part) {
      for (std::size_t i = part.begin; i < part.end; i++)
        std::memcpy(&sorted[i * sizeof(T)], static_cast<const void *>(items + source(i)), sizeof(T));
    }, lanes_of(options));
    copy_back(items, sorted.get(), count * sizeof(T), options);
  } else {
    static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T>,
                  "what is sorted is moved, which must not throw");
    std::vector<T> sorted;
    sorted.reserve(count);
    for (std::size_t i = 0; i < count; i++) sorted.push_back(std::move(items[source(i)]));
    std::move(sorted.begin(), sorted.end(), items);
  }
}

template <class Key>
struct keyed {
  Key key;
  std::size_t index;
};

template <class T, class Projection>
void sort_by_key(T *items, std::size_t count, Projection &projection, bool downwards, const loop_options &options) {
  using key = std::decay_t<std::invoke_result_t<Projection &, const T &>>;
  static_assert(key_type<key>() != 0, "a projection gives a number or an enumerator; to sort by something else, compare");
  fastpar_sort_key raw = {0, key_type<key>(), downwards ? FASTPAR_SORT_DESCENDING : 0u};
  if (count == 0) {
    sort_bytes(items, 0, sizeof(T), fastpar_sort_key{0, FASTPAR_U8, 0}, options);
  } else if constexpr (std::is_member_object_pointer_v<Projection> && std::is_trivially_copyable_v<T>) {
    const void *const member = std::addressof(std::invoke(projection, static_cast<const T &>(*items)));
    raw.offset = static_cast<std::size_t>(static_cast<const char *>(member) -
                                          static_cast<const char *>(static_cast<const void *>(items)));
    sort_bytes(items, count, sizeof(T), raw, options);
  } else {
    const std::unique_ptr<keyed<key>[]> keys(new keyed<key>[count]);
    for_each_chunk(count, [&](const chunk &part) {
      for (std::size_t i = part.begin; i < part.end; i++)
        keys[i] = {static_cast<key>(std::invoke(projection, static_cast<const T &>(items[i]))), i};
    }, lanes_of(options));
    raw.offset = offsetof(keyed<key>, key);
    sort_bytes(keys.get(), count, sizeof(keyed<key>), raw, options);
    put_in_order(items, count, [&](std::size_t i) { return keys[i].index; }, options);
  }
}

/** A merge sort of `a` in `a` and `b`. Runs are sorted, then merged two by two; each merge is cut by its
 * diagonals into parts of one size, which lanes merge at the same time (S. Odeh, O. Green et al., "Merge
 * Path", 2012). */
template <class Item, class Less>
class merge_sort {
 public:
  merge_sort(std::vector<Item> &a, Less less, const loop_options &options)
      : a_(a), b_(a), less_(std::move(less)), options_(options) {
    const std::uint32_t lanes = options.max_lanes ? (std::min)(options.max_lanes, cpus()) : cpus();
    while (runs_ < std::size_t{lanes} * 4 && a.size() / runs_ > shortest) {
      runs_ *= 2;
      rounds_++;
    }
  }

  void run() {
    stage(0, [this](std::size_t run) {
      std::stable_sort(a_.begin() + at(run), a_.begin() + at(run + 1), less_);
    });
    std::size_t done = 0;
    for (std::size_t width = 1; width < runs_; width *= 2) {
      cut(width);
      stage(++done, [this, width](std::size_t part) { merge(part, width); });
      a_.swap(b_);
    }
  }

 private:
  /** Items that are not worth a lane. */
  static constexpr std::size_t shortest = 2048;

  using difference = typename std::vector<Item>::difference_type;

  /** Where a run begins, which is also where the part of a merge does. */
  [[nodiscard]] difference at(std::size_t run) const noexcept {
    const std::size_t size = a_.size() / runs_, longer = a_.size() % runs_;
    return static_cast<difference>(run * size + (std::min)(run, longer));
  }

  template <class Body>
  void stage(std::size_t done, const Body &body) {
    loop_options options = options_;
    options.schedule = schedule::grain;
    options.grain = 1;
    if (options_.progress) {
      options.progress = [this, done](std::uint64_t parts, std::uint64_t) {
        const double all = static_cast<double>(runs_) * static_cast<double>(rounds_);
        const double part = (static_cast<double>(runs_) * static_cast<double>(done) + static_cast<double>(parts)) / all;
        const auto count = static_cast<std::uint64_t>(a_.size());
        return options_.progress((std::min)(count, static_cast<std::uint64_t>(part * static_cast<double>(count))), count);
      };
    }
    for_each_chunk(runs_, [&body](const chunk &part) { body(part.index); }, options);
  }

  /** How many of the first `diagonal` items of a merge are of the left run. */
  template <class Iterator>
  difference left_of(Iterator left, difference lefts, Iterator right, difference rights, difference diagonal) {
    difference low = (std::max)(difference{0}, diagonal - rights), high = (std::min)(diagonal, lefts);
    while (low < high) {
      const difference middle = low + (high - low) / 2;
      if (less_(right[diagonal - middle - 1], left[middle])) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  /** The first run of the merge that a part belongs to. */
  static std::size_t first_of(std::size_t part, std::size_t width) noexcept { return part / (2 * width) * (2 * width); }

  /** Finds where each part of a round begins in the left run of its merge. If `less` is no order, as
   * `<` where there are NaN, that may go back: it is put right, so that each item is in one part. */
  void cut(std::size_t width) {
    loop_options options = lanes_of(options_);
    options.schedule = schedule::grain;
    options.grain = 1;
    cuts_.resize(runs_);
    for_each_chunk(runs_, [this, width](const chunk &part) {
      const std::size_t first = first_of(part.index, width);
      const difference begin = at(first), middle = at(first + width), end = at(first + 2 * width);
      const auto left = a_.cbegin() + begin, right = a_.cbegin() + middle;
      cuts_[part.index] = left_of(left, middle - begin, right, end - middle, at(part.index) - begin);
    }, options);
    for (std::size_t part = 1; part < runs_; part++) {
      if (part == first_of(part, width)) continue;
      const difference before = cuts_[part - 1], most = before + at(part) - at(part - 1);
      cuts_[part] = (std::min)((std::max)(cuts_[part], before), most);
    }
  }

  void merge(std::size_t part, std::size_t width) {
    const std::size_t first = first_of(part, width);
    const difference begin = at(first), middle = at(first + width);
    const auto left = a_.cbegin() + begin, right = a_.cbegin() + middle;
    const difference from = at(part) - begin, until = at(part + 1) - begin;
    const difference left_from = cuts_[part];
    const difference left_until = part + 1 == first + 2 * width ? middle - begin : cuts_[part + 1];
    std::merge(left + left_from, left + left_until, right + (from - left_from), right + (until - left_until),
               b_.begin() + at(part), less_);
  }

  std::vector<Item> &a_;
  std::vector<Item> b_;
  std::vector<difference> cuts_;
  Less less_;
  const loop_options &options_;
  std::size_t runs_ = 1, rounds_ = 1;
};

template <class T, class Less>
void sort_by_comparison(T *items, std::size_t count, Less &less, const loop_options &options) {
  // What compares may throw, so copies are sorted, or where they are.
  if constexpr (std::is_trivially_copyable_v<T> && std::is_copy_constructible_v<T> && std::is_copy_assignable_v<T> &&
                !std::is_same_v<T, bool> && sizeof(T) <= 64) {
    std::vector<T> copies(items, items + count);
    const auto by = [&less](const T &x, const T &y) -> bool { return std::invoke(less, x, y); };
    merge_sort(copies, by, options).run();
    if (count > 0) copy_back(items, copies.data(), count * sizeof(T), options);
  } else {
    std::vector<std::size_t> places(count);
    for (std::size_t i = 0; i < count; i++) places[i] = i;
    const auto by = [&less, items](std::size_t x, std::size_t y) -> bool {
      return std::invoke(less, static_cast<const T &>(items[x]), static_cast<const T &>(items[y]));
    };
    merge_sort(places, by, options).run();
    put_in_order(items, count, [&places](std::size_t i) { return places[i]; }, options);
  }
}

} // namespace detail

/**
 * Sorts a range in memory, in parallel, by a key of each item or by comparing items. What is equal
 * keeps its order.
 *
 *     fastpar::sort(trades, &trade::time);   // by a member that is a number
 *     fastpar::sort(trades, fastpar::descending(&trade::time));
 *     fastpar::sort(names, [](const std::string &s) { return s.size(); });     // by what a function tells
 *     fastpar::sort(names, [](const std::string &a, const std::string &b) { return a < b; });
 *
 * By keys is faster: numbers are sorted by their bits, in time that grows with their count only.
 * Floating-point keys have IEEE total order: -0.0 before 0.0, NaN at the ends.
 *
 * @param range    what std::data and std::size tell of: a vector, an array, a span
 * @param by       `K (const T &)`, a pointer to a member, or `descending` of one; K is an integer, a
 *                 float, a double, or an enumeration. Or `bool (const T &, const T &)`, a strict weak
 *                 order; if it is none, as `<` where there are NaN, the items are all there in some
 *                 order. Called by several threads at a time, for items in any order.
 * @param options  `max_lanes`, `cancel`, `stop` and `progress`, which counts items
 * @throws error: cancelled, out_of_memory (memory for as many items is taken, or for keys), and as
 *         for_each_chunk; std::bad_alloc; what `by` threw. The range then has all its items, in some
 *         order; what `by` threw finds them where they were.
 *
 * Items that cannot be copied as bytes are moved one by one at the end, which must not throw. Blocks
 * until the range is sorted. May be called from any thread, and from inside bodies.
 */
template <class Range, class By>
void sort(Range &&range, By by, const loop_options &options) {
  auto *const items = std::data(range);
  const auto count = static_cast<std::size_t>(std::size(range));
  using item = std::remove_pointer_t<decltype(std::data(range))>;
  static_assert(!std::is_const_v<item>, "what is sorted must not be const");
  if constexpr (detail::is_descending<By>) {
    detail::sort_by_key(items, count, by.projection, true, options);
  } else if constexpr (std::is_invocable_v<By &, const item &, const item &>) {
    detail::sort_by_comparison(items, count, by, options);
  } else {
    detail::sort_by_key(items, count, by, false, options);
  }
}

/** The same with the default options. */
template <class Range, class By, class = std::enable_if_t<!std::is_convertible_v<By, loop_options>>>
void sort(Range &&range, By by) {
  fastpar::sort(std::forward<Range>(range), std::move(by), loop_options{});
}

/** The same by the items themselves: numbers by their bits, others by `<`. */
template <class Range>
void sort(Range &&range, const loop_options &options = {}) {
  using item = std::remove_pointer_t<decltype(std::data(range))>;
  if constexpr (detail::key_type<item>() != 0) {
    fastpar::sort(std::forward<Range>(range), [](const item &x) { return x; }, options);
  } else {
    fastpar::sort(std::forward<Range>(range), std::less<item>(), options);
  }
}

} // namespace fastpar

#endif
