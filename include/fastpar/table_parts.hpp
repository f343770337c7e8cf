/* What tables of records in memory and in archives share: values, masks, members, groups. Part of
 * fastpar.hpp. */
#ifndef FASTPAR_TABLE_PARTS_HPP
#define FASTPAR_TABLE_PARTS_HPP

#include "control.hpp"
#include "error.hpp"
#include "sorting.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace fastpar {

/** What an aggregate gives: see `fastpar_value`. */
class value {
 public:
  value() noexcept = default;
  explicit value(const fastpar_value &raw) noexcept : raw_(raw) {}

  /** The number, or the double that is nearest to it. */
  [[nodiscard]] double number() const noexcept { return raw_.number; }
  /** The rows that it is of. */
  [[nodiscard]] std::uint64_t rows() const noexcept { return raw_.rows; }
  /** A whole number of up to 128 bits: counts, and sums, extremes and ends of columns of whole numbers. */
  [[nodiscard]] const fastpar_int128 &integer() const noexcept { return raw_.integer; }
  /** The same, of 64 bits. Throws std::overflow_error: it has more. */
  template <class T = std::int64_t>
  [[nodiscard]] T whole() const {
    static_assert(std::is_same_v<T, std::int64_t> || std::is_same_v<T, std::uint64_t>, "std::int64_t or std::uint64_t");
    const bool negative = raw_.integer.high < 0, high_bit = raw_.integer.low >> 63 != 0;
    const bool fits = std::is_signed_v<T> ? raw_.integer.high == (high_bit ? -1 : 0) : raw_.integer.high == 0;
    if (!fits) throw std::overflow_error(negative ? "fastpar: a number is too low" : "fastpar: a number is too large");
    return static_cast<T>(raw_.integer.low);
  }

 private:
  fastpar_value raw_{};
};

/** A bit for each row, the lowest of a byte first. `a & b`, `a | b`, `a ^ b`, `a - b` (not of b), `~a`. */
class mask {
 public:
  mask() noexcept = default;
  /** No row of so many. */
  explicit mask(std::size_t rows) : rows_(rows), bits_(rows / 8 + (rows % 8 != 0)) {}

  [[nodiscard]] std::size_t size() const noexcept { return rows_; }
  [[nodiscard]] bool operator[](std::size_t row) const { return bits_[row / 8] >> row % 8 & 1; }
  [[nodiscard]] std::uint8_t *data() noexcept { return bits_.data(); }
  [[nodiscard]] const std::uint8_t *data() const noexcept { return bits_.data(); }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return bits_.size(); }

  /** How many rows it has. */
  [[nodiscard]] std::size_t count() const {
    std::size_t found = 0;
    fastpar_error failure;
    detail::check(fastpar_mask_count(rows_, data(), size_bytes(), &found, &failure), failure);
    return found;
  }

  [[nodiscard]] friend mask operator&(const mask &a, const mask &b) { return of(FASTPAR_MASK_AND, a, &b); }
  [[nodiscard]] friend mask operator|(const mask &a, const mask &b) { return of(FASTPAR_MASK_OR, a, &b); }
  [[nodiscard]] friend mask operator^(const mask &a, const mask &b) { return of(FASTPAR_MASK_XOR, a, &b); }
  [[nodiscard]] friend mask operator-(const mask &a, const mask &b) { return of(FASTPAR_MASK_AND_NOT, a, &b); }
  [[nodiscard]] mask operator~() const { return of(FASTPAR_MASK_NOT, *this, nullptr); }

 private:
  static mask of(std::uint32_t operation, const mask &a, const mask *b) {
    if (b && b->rows_ != a.rows_) throw std::invalid_argument("fastpar: masks of different numbers of rows");
    mask made(a.rows_);
    fastpar_error failure;
    const std::uint8_t *second = b ? b->data() : nullptr;
    detail::check(fastpar_mask_combine(operation, a.rows_, a.data(), second, a.size_bytes(), made.data(), &failure), failure);
    return made;
  }

  std::size_t rows_ = 0;
  std::vector<std::uint8_t> bits_;
};

namespace detail {

/** A column of records without their address, and where its values are in a record. */
struct member {
  std::size_t offset;
  std::uint32_t type, flags;
};

template <class V>
constexpr std::uint32_t column_type() noexcept {
  return key_type<V>() ? key_type<V>() : FASTPAR_BYTES;
}

/** Numbers and enumerators; arrays of characters or bytes, and whatever else has no padding, are bytes. */
template <class Record, class V>
member member_of(V Record::*what) {
  static_assert(std::is_trivially_copyable_v<Record>, "the records of a table are bytes");
  static_assert(sizeof(V) < 1 << 24, "values of 16 MiB and more are no column");
  alignas(Record) static constexpr unsigned char room[sizeof(Record)] = {};
  const auto *record = reinterpret_cast<const Record *>(room);
  const void *place = std::addressof(record->*what);
  const auto offset = static_cast<std::size_t>(static_cast<const unsigned char *>(place) - room);
  constexpr std::uint32_t type = column_type<std::remove_cv_t<V>>();
  return {offset, type, type == FASTPAR_BYTES ? static_cast<std::uint32_t>(sizeof(V)) << 8 : 0u};
}

}  // namespace detail

/** What is asked of one member of records, or of two. */
struct asked {
  std::uint32_t operation = FASTPAR_AGGREGATE_COUNT;
  detail::member column{}, weights{};
};

/** Aggregates for `aggregate` and `group_by`. */
namespace of {
[[nodiscard]] inline asked count() { return {}; }
template <class R, class V> [[nodiscard]] asked sum(V R::*what) { return {FASTPAR_AGGREGATE_SUM, detail::member_of(what), {}}; }
template <class R, class V> [[nodiscard]] asked mean(V R::*what) { return {FASTPAR_AGGREGATE_MEAN, detail::member_of(what), {}}; }
template <class R, class V> [[nodiscard]] asked min(V R::*what) { return {FASTPAR_AGGREGATE_MIN, detail::member_of(what), {}}; }
template <class R, class V> [[nodiscard]] asked max(V R::*what) { return {FASTPAR_AGGREGATE_MAX, detail::member_of(what), {}}; }
template <class R, class V> [[nodiscard]] asked first(V R::*what) { return {FASTPAR_AGGREGATE_FIRST, detail::member_of(what), {}}; }
template <class R, class V> [[nodiscard]] asked last(V R::*what) { return {FASTPAR_AGGREGATE_LAST, detail::member_of(what), {}}; }
template <class R, class V> [[nodiscard]] asked variance(V R::*what) { return {FASTPAR_AGGREGATE_VARIANCE, detail::member_of(what), {}}; }
/** The sum of the products of two members. */
template <class R, class V, class W>
[[nodiscard]] asked dot(V R::*what, W R::*by) {
  return {FASTPAR_AGGREGATE_DOT, detail::member_of(what), detail::member_of(by)};
}
/** The mean of the first member, weighted by the second. */
template <class R, class V, class W>
[[nodiscard]] asked weighted_mean(V R::*what, W R::*by) {
  return {FASTPAR_AGGREGATE_WEIGHTED_MEAN, detail::member_of(what), detail::member_of(by)};
}
}  // namespace of

/** What rows are grouped by: a member, or buckets `[origin + n * width, origin + (n + 1) * width)` of it. */
struct group_key {
  template <class R, class V>
  group_key(V R::*what) : column(detail::member_of(what)) {}  // NOLINT(google-explicit-constructor)
  template <class R, class V>
  group_key(V R::*what, V width, V origin = V()) : column(detail::member_of(what)) {
    static_assert(std::is_arithmetic_v<V>, "buckets are of numbers");
    if (!(width > V())) throw std::invalid_argument("fastpar: a bucket's width is more than 0");
    if constexpr (std::is_floating_point_v<V>) {
      raw.float_width = width;
      raw.float_origin = origin;
    } else {
      raw.width = static_cast<std::uint64_t>(width);
      // Any other begin of a bucket tells the same buckets: one below 0, where that of unsigned numbers
      // does not fit.
      const V begin = static_cast<V>(origin % width);
      constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
      const bool fits = std::is_signed_v<V> || static_cast<std::uint64_t>(begin) <= most;
      raw.origin = fits ? static_cast<std::int64_t>(begin) : static_cast<std::int64_t>(begin - width);
    }
  }

  detail::member column;
  fastpar_group_key raw{};
};

/** What rows are sorted by: a member, or `descending` of one. */
struct order_key {
  template <class R, class V>
  order_key(V R::*what) : raw(key_of(detail::member_of(what), 0)) {}  // NOLINT(google-explicit-constructor)
  template <class R, class V>
  order_key(const descending<V R::*> &by)  // NOLINT(google-explicit-constructor)
      : raw(key_of(detail::member_of(by.projection), FASTPAR_SORT_DESCENDING)) {}

  fastpar_sort_key raw;

 private:
  static fastpar_sort_key key_of(const detail::member &what, std::uint32_t flags) noexcept {
    return {what.offset, what.type, what.flags | flags};
  }
};

namespace detail {

/** The members that a call is about, each once, and what it asks of them. */
class members {
 public:
  explicit members(std::initializer_list<asked> what, std::initializer_list<group_key> keys = {}) {
    for (const group_key &key : keys) {
      keys_.push_back(key.raw);
      keys_.back().column = add(key.column);
    }
    for (const asked &one : what) {
      fastpar_aggregate aggregate = {one.operation, 0, 0, 0};
      if (one.column.type != 0) aggregate.column = add(one.column);
      if (one.weights.type != 0) aggregate.weights = add(one.weights);
      aggregates_.push_back(aggregate);
    }
  }

  /** Its index, also of a member that is there. */
  std::size_t add(const member &one) {
    for (std::size_t i = 0; i < all_.size(); i++) {
      const member &other = all_[i];
      if (other.offset == one.offset && other.type == one.type && other.flags == one.flags) return i;
    }
    all_.push_back(one);
    return all_.size() - 1;
  }

  [[nodiscard]] const std::vector<member> &all() const noexcept { return all_; }
  [[nodiscard]] const std::vector<fastpar_group_key> &keys() const noexcept { return keys_; }
  [[nodiscard]] const std::vector<fastpar_aggregate> &aggregates() const noexcept { return aggregates_; }

 private:
  std::vector<member> all_;
  std::vector<fastpar_group_key> keys_;
  std::vector<fastpar_aggregate> aggregates_;
};

}  // namespace detail

/** Groups of rows, sorted by their keys. Movable. */
class groups {
 public:
  explicit groups(fastpar_groups *raw) noexcept : raw_(raw) {}

  [[nodiscard]] std::size_t size() const noexcept { return fastpar_groups_count(raw_.get()); }
  /** A key of each group, of a bucket where it begins. Not of bytes. */
  [[nodiscard]] std::vector<value> keys(std::size_t index) const { return read(fastpar_groups_keys, index); }
  /** A key of bytes of each group, as the member that it was: `keys_as<std::array<char, 4>>(0)`. Throws
   * std::invalid_argument: V has another size. */
  template <class V>
  [[nodiscard]] std::vector<V> keys_as(std::size_t index) const {
    static_assert(std::is_trivially_copyable_v<V>, "keys are bytes");
    std::vector<V> found(size());
    std::size_t written = 0;
    fastpar_error failure;
    const fastpar_status result =
        fastpar_groups_key_bytes(raw_.get(), index, found.data(), found.size() * sizeof(V), &written, &failure);
    if (result != FASTPAR_ERR_BUFFER_TOO_SMALL) detail::check(result, failure);
    if (written != found.size() * sizeof(V)) throw std::invalid_argument("fastpar: keys of another size");
    return found;
  }
  /** An aggregate of each group. */
  [[nodiscard]] std::vector<value> values(std::size_t index) const { return read(fastpar_groups_values, index); }
  /** The number of the first row of each group. */
  [[nodiscard]] std::vector<std::uint64_t> first_rows() const {
    std::vector<std::uint64_t> rows(size());
    fastpar_error failure;
    detail::check(fastpar_groups_rows(raw_.get(), rows.data(), rows.size(), &failure), failure);
    return rows;
  }

 private:
  struct release {
    void operator()(fastpar_groups *raw) const noexcept { fastpar_groups_free(raw); }
  };

  template <class Function>
  std::vector<value> read(Function *function, std::size_t index) const {
    std::vector<fastpar_value> raw(size());
    fastpar_error failure;
    detail::check(function(raw_.get(), index, raw.data(), raw.size(), &failure), failure);
    std::vector<value> found;
    found.reserve(raw.size());
    for (const fastpar_value &one : raw) found.emplace_back(one);
    return found;
  }

  std::unique_ptr<fastpar_groups, release> raw_;
};

namespace detail {

/** Groups that `find` finds. */
template <class Find>
groups new_groups(const Find &find) {
  fastpar_groups *found = nullptr;
  try {
    find(&found);
  } catch (...) {  // by the progress callback, maybe when all was done
    fastpar_groups_free(found);
    throw;
  }
  return groups(found);
}

}  // namespace detail
}  // namespace fastpar

#endif
