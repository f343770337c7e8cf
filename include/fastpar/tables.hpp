/* Tables: members of records as columns. Part of fastpar.hpp. */
#ifndef FASTPAR_TABLES_HPP
#define FASTPAR_TABLES_HPP

#include "loops.hpp"
#include "table_parts.hpp"
#include "view.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <vector>

namespace fastpar {
namespace detail {

/** Calls a function with options, and throws what it reports. */
template <class Function>
void table_call(const loop_options &options, const Function &function) {
  carried exceptions;
  control control(options, exceptions);
  fastpar_loop_options raw = raw_options(options);
  control.apply(raw);
  fastpar_error failure;
  const fastpar_status result = function(&raw, &failure);
  exceptions.finish(result, failure);
}

}  // namespace detail

/**
 * Records where they are, of which members are columns.
 *
 *     const fastpar::table<trade> t(trades);
 *     const auto large = t.between(&trade::price, 10.0, 20.0) & (t.at_least(&trade::quantity, 100u));
 *     const std::vector<trade> rows = t.take(large);
 *     const auto found = t.aggregate({of::sum(&trade::quantity),
 *                                     of::weighted_mean(&trade::price, &trade::quantity)});
 *     const auto bars = t.group_by({&trade::symbol, {&trade::time, std::int64_t{60000}}},
 *                                  {of::first(&trade::price)});
 *
 * All calls block, take `loop_options` of which only lanes, cancel and progress are set, and throw
 * `error`. Results are the same to the bit on any number of threads.
 */
template <class Record>
class table {
 public:
  explicit table(span<const Record> records) noexcept : records_(records) {}
  [[nodiscard]] std::size_t size() const noexcept { return records_.size(); }

  /** Several aggregates in one pass, of all rows. */
  [[nodiscard]] std::vector<value> aggregate(std::initializer_list<asked> what, const loop_options &options = {}) const {
    return aggregate_of(what, nullptr, options);
  }
  /** The same, of the rows of a mask. */
  [[nodiscard]] std::vector<value> aggregate(std::initializer_list<asked> what, const mask &where,
                                             const loop_options &options = {}) const {
    return aggregate_of(what, &where, options);
  }

  /** Rows whose member is in [low, high). */
  template <class V>
  [[nodiscard]] mask between(V Record::*what, const V &low, const V &high, const loop_options &options = {}) const {
    return compare(what, FASTPAR_COMPARE_BETWEEN, low, &high, options);
  }
  template <class V>
  [[nodiscard]] mask equal(V Record::*what, const V &than, const loop_options &options = {}) const {
    return compare(what, FASTPAR_COMPARE_EQUAL, than, static_cast<const V *>(nullptr), options);
  }
  template <class V>
  [[nodiscard]] mask less(V Record::*what, const V &than, const loop_options &options = {}) const {
    return compare(what, FASTPAR_COMPARE_LESS, than, static_cast<const V *>(nullptr), options);
  }
  template <class V>
  [[nodiscard]] mask at_least(V Record::*what, const V &than, const loop_options &options = {}) const {
    return compare(what, FASTPAR_COMPARE_GREATER_EQUAL, than, static_cast<const V *>(nullptr), options);
  }

  /** Copies of the rows of a mask. */
  [[nodiscard]] std::vector<Record> take(const mask &rows, const loop_options &options = {}) const {
    expect_as_many(rows);
    const fastpar_column all = whole();
    std::vector<Record> taken(rows.count());
    std::size_t written = 0;
    detail::table_call(options, [&](const fastpar_loop_options *raw, fastpar_error *failure) {
      return fastpar_column_take(raw, &all, rows.data(), rows.size_bytes(), taken.data(), taken.size() * sizeof(Record),
                                 &written, failure);
    });
    return taken;
  }

  /** Copies of the rows of these numbers, in their order. Throws error: a number is of no row. */
  [[nodiscard]] std::vector<Record> take_rows(span<const std::uint64_t> rows, const loop_options &options = {}) const {
    const fastpar_column all = whole();
    std::vector<Record> taken(rows.size());
    std::size_t written = 0;
    detail::table_call(options, [&](const fastpar_loop_options *raw, fastpar_error *failure) {
      return fastpar_column_take_rows(raw, &all, rows.data(), rows.size(), taken.data(), taken.size() * sizeof(Record),
                                      &written, failure);
    });
    return taken;
  }

  /** How many values are in each of `bins` ranges of equal width of [low, high). */
  template <class V>
  [[nodiscard]] std::vector<std::uint64_t> histogram(V Record::*what, double low, double high, std::size_t bins,
                                                     const loop_options &options = {}) const {
    return histogram_of(detail::member_of(what), low, high, bins, nullptr, options);
  }
  /** The same, of the rows of a mask. */
  template <class V>
  [[nodiscard]] std::vector<std::uint64_t> histogram(V Record::*what, double low, double high, std::size_t bins,
                                                     const mask &where, const loop_options &options = {}) const {
    return histogram_of(detail::member_of(what), low, high, bins, &where, options);
  }

  /** The numbers of the rows in the order of these members, the most important first: what `take_rows`
   * takes. What is equal keeps its order. */
  [[nodiscard]] std::vector<std::uint64_t> argsort(std::initializer_list<order_key> by, const loop_options &options = {}) const {
    const std::vector<fastpar_sort_key> keys = raw_keys(by);
    std::vector<std::uint64_t> rows(size());
    detail::table_call(options, [&](const fastpar_loop_options *raw, fastpar_error *failure) {
      return fastpar_table_argsort(raw, records_.data(), size(), sizeof(Record), keys.data(), keys.size(), rows.data(), failure);
    });
    return rows;
  }

  /** The rows of this table and of another one, both sorted by these members, as one that is sorted. Of
   * equal rows those of this table are first. */
  [[nodiscard]] std::vector<Record> merge(const table &other, std::initializer_list<order_key> by,
                                          const loop_options &options = {}) const {
    const std::vector<fastpar_sort_key> keys = raw_keys(by);
    std::vector<Record> merged(size() + other.size());
    std::size_t written = 0;
    detail::table_call(options, [&](const fastpar_loop_options *raw, fastpar_error *failure) {
      return fastpar_table_merge(raw, records_.data(), size(), other.records_.data(), other.size(), sizeof(Record),
                                 keys.data(), keys.size(), merged.data(), merged.size() * sizeof(Record), &written, failure);
    });
    return merged;
  }

  /** For each value how many rows come before it in a member that the rows are sorted by: those that are
   * less, and if `after` those that are equal. */
  template <class V>
  [[nodiscard]] std::vector<std::uint64_t> search(V Record::*what, span<const V> values, bool after = false,
                                                  const loop_options &options = {}) const {
    const fastpar_column sorted = column(detail::member_of(what));
    const fastpar_column wanted = {values.data(), values.size(), sizeof(V), sorted.type, sorted.flags};
    const std::uint32_t side = after ? FASTPAR_SEARCH_RIGHT : FASTPAR_SEARCH_LEFT;
    std::vector<std::uint64_t> rows(values.size());
    detail::table_call(options, [&](const fastpar_loop_options *raw, fastpar_error *failure) {
      return fastpar_column_search(raw, &sorted, &wanted, side, rows.data(), failure);
    });
    return rows;
  }

  /** Aggregates of each group of rows whose keys are equal. */
  [[nodiscard]] groups group_by(std::initializer_list<group_key> keys, std::initializer_list<asked> what,
                                const loop_options &options = {}, std::uint64_t max_memory = 0) const {
    return groups_of(keys, what, nullptr, options, max_memory);
  }
  /** The same, of the rows of a mask. */
  [[nodiscard]] groups group_by(std::initializer_list<group_key> keys, std::initializer_list<asked> what, const mask &where,
                                const loop_options &options = {}, std::uint64_t max_memory = 0) const {
    return groups_of(keys, what, &where, options, max_memory);
  }

 private:
  void expect_as_many(const mask &rows) const {
    if (rows.size() != size()) throw std::invalid_argument("fastpar: a mask of another number of rows than the table");
  }

  [[nodiscard]] fastpar_column column(const detail::member &member) const {
    const void *base = nullptr;
    if (size() > 0) base = reinterpret_cast<const unsigned char *>(records_.data()) + member.offset;
    return {base, size(), sizeof(Record), member.type, member.flags};
  }

  [[nodiscard]] fastpar_column whole() const {
    static_assert(sizeof(Record) < 1 << 24, "records of 16 MiB and more cannot be taken");
    return column({0, FASTPAR_BYTES, static_cast<std::uint32_t>(sizeof(Record)) << 8});
  }

  [[nodiscard]] std::vector<fastpar_column> columns_of(const detail::members &members) const {
    std::vector<fastpar_column> columns;
    for (const detail::member &one : members.all()) columns.push_back(column(one));
    return columns;
  }

  [[nodiscard]] static std::vector<fastpar_sort_key> raw_keys(std::initializer_list<order_key> by) {
    std::vector<fastpar_sort_key> keys;
    for (const order_key &key : by) keys.push_back(key.raw);
    return keys;
  }

  std::vector<value> aggregate_of(std::initializer_list<asked> what, const mask *where, const loop_options &options) const {
    if (where) expect_as_many(*where);
    detail::members members(what);
    // Rows can only be counted by a column.
    if (members.all().empty()) members.add({0, FASTPAR_U8, 0});
    const std::vector<fastpar_column> columns = columns_of(members);
    std::vector<fastpar_value> found(what.size());
    detail::table_call(options, [&](const fastpar_loop_options *raw, fastpar_error *failure) {
      return fastpar_table_aggregate(raw, columns.data(), columns.size(), where ? where->data() : nullptr,
                                     where ? where->size_bytes() : 0, members.aggregates().data(), what.size(),
                                     found.data(), failure);
    });
    return {found.begin(), found.end()};
  }

  [[nodiscard]] groups groups_of(std::initializer_list<group_key> keys, std::initializer_list<asked> what, const mask *where,
                                 const loop_options &options, std::uint64_t max_memory) const {
    if (where) expect_as_many(*where);
    const detail::members members(what, keys);
    const std::vector<fastpar_column> columns = columns_of(members);
    return detail::new_groups([&](fastpar_groups **found) {
      detail::table_call(options, [&](const fastpar_loop_options *raw, fastpar_error *failure) {
        return fastpar_table_group(raw, columns.data(), columns.size(), where ? where->data() : nullptr,
                                   where ? where->size_bytes() : 0, members.keys().data(), members.keys().size(),
                                   members.aggregates().data(), members.aggregates().size(), max_memory, found, failure);
      });
    });
  }

  [[nodiscard]] std::vector<std::uint64_t> histogram_of(const detail::member &what, double low, double high, std::size_t bins,
                                                        const mask *where, const loop_options &options) const {
    if (where) expect_as_many(*where);
    const fastpar_column values = column(what);
    std::vector<std::uint64_t> counts(bins);
    detail::table_call(options, [&](const fastpar_loop_options *raw, fastpar_error *failure) {
      return fastpar_column_histogram(raw, &values, where ? where->data() : nullptr, where ? where->size_bytes() : 0, low,
                                      high, counts.data(), bins, failure);
    });
    return counts;
  }

  template <class V>
  mask compare(V Record::*what, std::uint32_t comparison, const V &low, const V *high, const loop_options &options) const {
    const fastpar_column raw_column = column(detail::member_of(what));
    mask made(size());
    detail::table_call(options, [&](const fastpar_loop_options *raw, fastpar_error *failure) {
      return fastpar_column_compare(raw, &raw_column, comparison, &low, high, made.data(), made.size_bytes(), failure);
    });
    return made;
  }

  span<const Record> records_;
};

}  // namespace fastpar

#endif
