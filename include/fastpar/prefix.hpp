/* Prefix sums. Part of fastpar.hpp. */
#ifndef FASTPAR_PREFIX_HPP
#define FASTPAR_PREFIX_HPP

#include "reduce.hpp"

namespace fastpar {
namespace detail {

/** Prefix sums whose accumulators are bytes to C. */
template <class Value, class Fold, class Combine>
class plain_prefix : public plain_reduction<Value, Fold, Combine> {
 public:
  using plain_reduction<Value, Fold, Combine>::plain_reduction;

  static const Value &before(const void *place) noexcept { return *static_cast<const Value *>(place); }
};

/** Prefix sums of objects: C sees their addresses, and this owns them. What the total was stays as it is,
 * as it is what a chunk is told: each combination makes an object. */
template <class Value, class Fold, class Combine>
class object_prefix {
 public:
  object_prefix(Value &total, Fold &fold, Combine &combine)
      : total_(total), fold_(fold), combine_(combine), at_(new node{total, nullptr}), identity_(at_), all_(at_) {}
  object_prefix(const object_prefix &) = delete;
  object_prefix &operator=(const object_prefix &) = delete;
  ~object_prefix() {
    for (node *at = all_.load(); at;) delete std::exchange(at, at->next);
  }

  void *accumulator() noexcept { return &at_; }
  static constexpr std::size_t accumulator_size = sizeof(void *);

  template <class Part>
  void fold(const Part &part, void *place) {
    node *const made = make(identity_->value);
    fold_part(fold_, part, made->value);
    std::memcpy(place, &made, sizeof made);
  }
  void combine(void *into, const void *from) {
    node *total = nullptr, *part = nullptr;
    std::memcpy(&total, into, sizeof total);
    std::memcpy(&part, from, sizeof part);
    node *const made = make(total->value);
    combine_values(combine_, made->value, std::move(part->value));
    std::memcpy(into, &made, sizeof made);
    total_ = made->value;
  }
  static const Value &before(const void *place) noexcept {
    const node *at = nullptr;
    std::memcpy(&at, place, sizeof at);
    return at->value;
  }

 private:
  struct node {
    Value value;
    node *next;
  };

  node *make(const Value &value) {
    node *const made = new node{value, all_.load()};
    while (!all_.compare_exchange_weak(made->next, made)) {
    }
    return made;
  }

  Value &total_;
  Fold &fold_;
  Combine &combine_;
  node *at_;
  node *const identity_;
  std::atomic<node *> all_;
};

/** Prefix sums and the exceptions that they throw, behind one pointer for C. */
template <class Prefix, class Apply>
struct prefix_call : reduce_call<Prefix> {
  Apply &apply_to;

  template <class Value, class Fold, class Combine>
  prefix_call(Value &total, Fold &fold, Combine &combine, Apply &apply)
      : reduce_call<Prefix>{{total, fold, combine}}, apply_to(apply) {}

  // C hands back the pointer to the base, which is what `fold` and `combine` of it expect.
  static std::int32_t apply(void *user_data, const fastpar_chunk *raw, const void *before) noexcept {
    auto *self = static_cast<prefix_call *>(static_cast<reduce_call<Prefix> *>(user_data));
    try {
      std::invoke(self->apply_to, chunk(*raw), Prefix::before(before));
      return FASTPAR_OK;
    } catch (...) {
      self->exceptions.keep(raw->index);
      return threw;
    }
  }
};

} // namespace detail

/**
 * Folds the chunks of `[0, count)`, combines what came of them in chunk order, and gives each chunk the
 * combination of all chunks before it.
 *
 * Equivalent to this serial code, but for the threads:
 *
 *     T total = identity;
 *     auto plan = plan_make(count, options);
 *     for (std::size_t i = 0; i < plan.chunks; i++) {
 *       T part = identity;
 *       const T before = total;
 *       fold(plan_chunk(count, i, options), part);
 *       combine(total, std::move(part));
 *       apply(plan_chunk(count, i, options), before);
 *     }
 *     return total;
 *
 * For one plan the results are the same to the bit however many threads ran it, sums of floats too.
 *
 * @param count     items; 0: the identity is the total
 * @param identity  what each accumulator begins as; copied for every chunk. Any copyable type.
 * @param fold      as for reduce
 * @param combine   as for reduce
 * @param apply     `void (chunk, const T &before)`; called by several threads at a time, for each chunk
 *                  once
 * @param options   24 segments on every thread of the pool, unless they say otherwise
 * @return the total
 * @throws as reduce, also what `apply` threw
 *
 * Blocks, threads and nesting: as for_each_chunk.
 */
template <class T, class Fold, class Combine, class Apply>
T prefix(std::size_t count, const T &identity, Fold &&fold, Combine &&combine, Apply &&apply,
         const loop_options &options = {}) {
  using sums = detail::plain_or_objects<detail::plain_prefix, detail::object_prefix, T, Fold, Combine>;
  using call_type = detail::prefix_call<sums, std::remove_reference_t<Apply>>;
  T total = identity;
  call_type call(total, fold, combine, apply);
  detail::control control(options, call.exceptions);
  fastpar_loop_options raw = detail::raw_options(options);
  control.apply(raw);
  fastpar_error failure;
  const fastpar_status result =
      fastpar_prefix(&raw, count, &call_type::fold, &call_type::combine, &call_type::apply,
                     static_cast<detail::reduce_call<sums> *>(&call), call.reduction.accumulator(),
                     sums::accumulator_size, &failure);
  call.exceptions.finish(result, failure);
  return total;
}

} // namespace fastpar

#endif
