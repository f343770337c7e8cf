/* Tables of what an archive holds. Part of fastpar.hpp. */
#ifndef FASTPAR_ARCHIVE_TABLES_HPP
#define FASTPAR_ARCHIVE_TABLES_HPP

#include "scans.hpp"
#include "table_parts.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <type_traits>
#include <utility>
#include <vector>

namespace fastpar {

/** Which records of an archive pass. Made by `where`; `a & b`, `a | b`, `a ^ b`, `a - b` (not of b), `~a`. */
class condition {
 public:
  [[nodiscard]] friend condition operator&(condition a, const condition &b) { return std::move(a.with(FASTPAR_MASK_AND, &b)); }
  [[nodiscard]] friend condition operator|(condition a, const condition &b) { return std::move(a.with(FASTPAR_MASK_OR, &b)); }
  [[nodiscard]] friend condition operator^(condition a, const condition &b) { return std::move(a.with(FASTPAR_MASK_XOR, &b)); }
  [[nodiscard]] friend condition operator-(condition a, const condition &b) { return std::move(a.with(FASTPAR_MASK_AND_NOT, &b)); }
  [[nodiscard]] condition operator~() const {
    condition made = *this;
    return std::move(made.with(FASTPAR_MASK_NOT, nullptr));
  }

  /** All records. */
  condition() noexcept = default;
  /** A comparison; `high` is NULL where it takes one value. */
  template <class V>
  condition(const detail::member &what, std::uint32_t comparison, const V &low, const V *high) {
    static_assert(std::is_trivially_copyable_v<V>, "what is compared with is bytes");
    steps_.push_back({comparison, 0, what, bytes_of(low), high ? bytes_of(*high) : std::vector<unsigned char>()});
  }

  /** The steps for C, whose fields are added to the members of a call. They refer to this. */
  [[nodiscard]] std::vector<fastpar_condition> raw(detail::members &members) const {
    std::vector<fastpar_condition> raw;
    for (const step &one : steps_) {
      if (one.combine != 0) {
        raw.push_back({0, one.combine, 0, nullptr, nullptr});
      } else {
        raw.push_back({one.comparison, 0, members.add(one.what), one.low.data(), one.high.empty() ? nullptr : one.high.data()});
      }
    }
    return raw;
  }

 private:
  struct step {
    std::uint32_t comparison, combine;
    detail::member what;
    std::vector<unsigned char> low, high;
  };

  template <class V>
  static std::vector<unsigned char> bytes_of(const V &value) {
    std::vector<unsigned char> copied(sizeof(V));
    std::memcpy(copied.data(), &value, sizeof(V));
    return copied;
  }

  condition &with(std::uint32_t combine, const condition *other) {
    if (other && (steps_.empty() || other->steps_.empty())) throw std::invalid_argument("fastpar: a condition of no comparison");
    if (other) steps_.insert(steps_.end(), other->steps_.begin(), other->steps_.end());
    steps_.push_back({0, combine, {}, {}, {}});
    return *this;
  }

  std::vector<step> steps_;
};

/** Conditions for `archive_table::filter`. Values are of the type of the member. */
namespace where {
/** In [low, high). */
template <class R, class V>
[[nodiscard]] condition between(V R::*what, const V &low, const V &high) {
  return {detail::member_of(what), FASTPAR_COMPARE_BETWEEN, low, &high};
}
template <class R, class V> [[nodiscard]] condition equal(V R::*what, const V &than) {
  return {detail::member_of(what), FASTPAR_COMPARE_EQUAL, than, static_cast<const V *>(nullptr)};
}
template <class R, class V> [[nodiscard]] condition less(V R::*what, const V &than) {
  return {detail::member_of(what), FASTPAR_COMPARE_LESS, than, static_cast<const V *>(nullptr)};
}
template <class R, class V> [[nodiscard]] condition at_least(V R::*what, const V &than) {
  return {detail::member_of(what), FASTPAR_COMPARE_GREATER_EQUAL, than, static_cast<const V *>(nullptr)};
}
}  // namespace where

/**
 * The records of an archive, of which members are columns: `table` for more than fits into memory, frame by
 * frame, each while it is in the caches of the CPU that has decompressed it.
 *
 *     const fastpar::archive_table<trade> t(archive);
 *     const auto large = where::between(&trade::price, 10.0, 20.0) & where::at_least(&trade::quantity, 100u);
 *     const auto found = t.filter(large).aggregate({of::count(), of::sum(&trade::quantity)});
 *     const auto bars = t.group_by({&trade::symbol, {&trade::time, std::int64_t{60000}}},
 *                                  {of::first(&trade::price), of::max(&trade::price)});
 *
 * The archive must live as long. All calls block, take `scan_options` without `record_size` and `lines`, and
 * throw as `scan`. Results are the same to the bit on any number of threads.
 */
template <class Record>
class archive_table {
  static_assert(std::is_trivially_copyable_v<Record>, "the records of a table are bytes");

 public:
  explicit archive_table(const archive &from) noexcept : archive_(&from) {}

  /** The records that pass, of those that this table has. Nothing is read. */
  [[nodiscard]] archive_table filter(const condition &passes) const {
    archive_table made = *this;
    made.condition_ = filtered_ ? condition_ & passes : passes;
    made.filtered_ = true;
    return made;
  }

  /** Several aggregates in one pass. */
  [[nodiscard]] std::vector<value> aggregate(std::initializer_list<asked> what, const scan_options &options = {}) const {
    detail::members members(what);
    std::vector<fastpar_value> found(what.size());
    call(members, options, [&](const auto &raw, const fastpar_table &table, fastpar_error *failure) {
      return fastpar_archive_aggregate(&raw, archive_->raw(), &table, members.aggregates().data(), what.size(), found.data(), failure);
    });
    return {found.begin(), found.end()};
  }

  /** Aggregates of each group of records whose keys are equal. */
  [[nodiscard]] groups group_by(std::initializer_list<group_key> keys, std::initializer_list<asked> what,
                                const scan_options &options = {}, std::uint64_t max_memory = 0) const {
    detail::members members(what, keys);
    return detail::new_groups([&](fastpar_groups **found) {
      call(members, options, [&](const auto &raw, const fastpar_table &table, fastpar_error *failure) {
        return fastpar_archive_group(&raw, archive_->raw(), &table, members.keys().data(), members.keys().size(),
                                     members.aggregates().data(), members.aggregates().size(), max_memory, found, failure);
      });
    });
  }

  /** Copies of the records, in their order. */
  [[nodiscard]] std::vector<Record> take(const scan_options &options = {}) const {
    std::vector<Record> taken;
    take([&taken](span<const Record> rows) { taken.insert(taken.end(), rows.begin(), rows.end()); }, options);
    return taken;
  }

  /** Gives the records to `sink`, a `void (span<const Record>)`, in their order, some at a time, on the
   * calling thread. What it throws ends the call. */
  template <class Sink, class = std::enable_if_t<std::is_invocable_v<Sink &, span<const Record>>>>
  void take(Sink &&sink, const scan_options &options = {}) const {
    struct taking {
      Sink &sink;
      detail::carried exceptions{};
      static std::int32_t run(void *user_data, const void *data, std::size_t len) noexcept {
        auto *self = static_cast<taking *>(user_data);
        try {
          detail::piece_as<span<const Record>>::with({0, 0, data, len, 0, 1}, self->sink);
          return FASTPAR_OK;
        } catch (...) {
          self->exceptions.keep(0);
          return detail::threw;
        }
      }
    };
    taking state{sink};
    detail::members members({});
    call(members, options, state.exceptions, [&](const auto &raw, const fastpar_table &table, fastpar_error *failure) {
      return fastpar_archive_take(&raw, archive_->raw(), &table, &taking::run, &state, failure);
    });
  }

 private:
  template <class Function>
  void call(detail::members &members, const scan_options &options, const Function &function) const {
    detail::carried exceptions;
    call(members, options, exceptions, function);
  }

  template <class Function>
  void call(detail::members &members, const scan_options &options, detail::carried &exceptions, const Function &function) const {
    const std::vector<fastpar_condition> conditions = condition_.raw(members);
    std::vector<fastpar_field> fields;
    for (const detail::member &one : members.all()) fields.push_back({one.offset, one.type, one.flags});
    const fastpar_table table = {sizeof table, fields.data(), fields.size(), conditions.data(), conditions.size()};
    detail::control control(options, exceptions);
    fastpar_scan_options raw = detail::raw_options(options, sizeof(Record));
    control.apply(raw);
    fastpar_error failure;
    const fastpar_status result = function(raw, table, &failure);
    exceptions.finish(result, failure);
  }

  const archive *archive_;
  condition condition_;
  bool filtered_ = false;
};

}  // namespace fastpar

#endif
