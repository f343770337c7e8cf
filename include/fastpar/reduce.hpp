/* Reductions. Part of fastpar.hpp. */
#ifndef FASTPAR_REDUCE_HPP
#define FASTPAR_REDUCE_HPP

#include "options.hpp"

#include <atomic>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

namespace fastpar {
namespace detail {

/** Adds the items of a chunk, or of a piece, to an accumulator. */
template <class Fold, class Part, class Value>
void fold_part(Fold &fold, const Part &part, Value &value) {
  if constexpr (std::is_invocable_v<Fold &, const Part &, Value>) {
    static_assert(!std::is_void_v<std::invoke_result_t<Fold &, const Part &, Value>>,
                  "fold takes the accumulator as T& and returns nothing, or takes it by value and returns the new one");
    value = std::invoke(fold, part, std::move(value));
  } else {
    static_assert(std::is_void_v<std::invoke_result_t<Fold &, const Part &, Value &>>,
                  "fold takes the accumulator as T& and returns nothing, or takes it by value and returns the new one");
    std::invoke(fold, part, value);
  }
}

/** Adds one accumulator to another. */
template <class Combine, class Value>
void combine_values(Combine &combine, Value &into, Value &&from) {
  if constexpr (std::is_invocable_v<Combine &, Value, Value>) {
    static_assert(!std::is_void_v<std::invoke_result_t<Combine &, Value, Value>>,
                  "combine takes `T &into` and returns nothing, or takes both by value and returns the sum");
    into = std::invoke(combine, std::move(into), std::move(from));
  } else {
    static_assert(std::is_void_v<std::invoke_result_t<Combine &, Value &, Value>>,
                  "combine takes `T &into` and returns nothing, or takes both by value and returns the sum");
    std::invoke(combine, into, std::move(from));
  }
}

/** A reduction whose accumulators are bytes to C. */
template <class Value, class Fold, class Combine>
class plain_reduction {
 public:
  plain_reduction(Value &result, Fold &fold, Combine &combine) : result_(result), fold_(fold), combine_(combine) {}

  void *accumulator() noexcept { return std::addressof(result_); }
  static constexpr std::size_t accumulator_size = sizeof(Value);

  template <class Part>
  void fold(const Part &part, void *place) {
    fold_part(fold_, part, *static_cast<Value *>(place));
  }
  void combine(void *into, const void *from) {
    combine_values(combine_, *static_cast<Value *>(into), Value(*static_cast<const Value *>(from)));
  }

 private:
  Value &result_;
  Fold &fold_;
  Combine &combine_;
};

/** A reduction of objects: C sees their addresses, and this owns them, so that a call that fails loses
 * none. */
template <class Value, class Fold, class Combine>
class object_reduction {
 public:
  object_reduction(Value &result, Fold &fold, Combine &combine)
      : result_(result), identity_(result), fold_(fold), combine_(combine) {}
  object_reduction(const object_reduction &) = delete;
  object_reduction &operator=(const object_reduction &) = delete;
  ~object_reduction() {
    for (node *at = all_.load(); at;) delete std::exchange(at, at->next);
  }

  void *accumulator() noexcept { return &unused_; }
  static constexpr std::size_t accumulator_size = sizeof(void *);

  template <class Part>
  void fold(const Part &part, void *place) {
    node *const made = new node{identity_, all_.load()};
    while (!all_.compare_exchange_weak(made->next, made)) {
    }
    fold_part(fold_, part, *made->value);
    std::memcpy(place, &made, sizeof made);
  }
  void combine(void *, const void *from) {
    node *part = nullptr;
    std::memcpy(&part, from, sizeof part);
    combine_values(combine_, result_, std::move(*part->value));
    part->value.reset();
  }

 private:
  struct node {
    std::optional<Value> value;
    node *next;
  };

  Value &result_;
  const Value identity_;
  Fold &fold_;
  Combine &combine_;
  std::atomic<node *> all_{nullptr};
  node *unused_ = nullptr;
};

/** A plain form where values may be copied as bytes, which is cheapest. 128 is what C aligns accumulators
 * to. */
template <template <class, class, class> class Plain, template <class, class, class> class Objects, class Value,
          class Fold, class Combine>
using plain_or_objects = std::conditional_t<std::is_trivially_copyable_v<Value> && alignof(Value) <= 128,
                                            Plain<Value, std::remove_reference_t<Fold>, std::remove_reference_t<Combine>>,
                                            Objects<Value, std::remove_reference_t<Fold>, std::remove_reference_t<Combine>>>;
template <class Value, class Fold, class Combine>
using reduction_of = plain_or_objects<plain_reduction, object_reduction, Value, Fold, Combine>;

/** A chunk of C as a fold wants it. */
struct chunk_as {
  using raw = fastpar_chunk;
  template <class Use>
  static void with(const raw &from, Use &&use) {
    use(chunk(from));
  }
};

/** A reduction over chunks, or other parts, and the exceptions that it throws, behind one pointer for C. */
template <class Reduction, class As = chunk_as>
struct reduce_call {
  Reduction reduction;
  carried exceptions{};

  static std::int32_t fold(void *user_data, const typename As::raw *raw, void *place) noexcept {
    auto *self = static_cast<reduce_call *>(user_data);
    try {
      As::with(*raw, [&](const auto &part) { self->reduction.fold(part, place); });
      return FASTPAR_OK;
    } catch (...) {
      self->exceptions.keep(static_cast<std::size_t>(raw->index));
      return threw;
    }
  }
  static std::int32_t combine(void *user_data, void *into, const void *from) noexcept {
    auto *self = static_cast<reduce_call *>(user_data);
    try {
      self->reduction.combine(into, from);
      return FASTPAR_OK;
    } catch (...) {
      self->exceptions.keep(after_chunks);
      return threw;
    }
  }
};

} // namespace detail

/**
 * Folds the chunks of `[0, count)` into accumulators, in parallel, and combines these in chunk order.
 *
 * Equivalent to this serial loop, but for the threads:
 *
 *     T result = identity;
 *     auto plan = plan_make(count, options);
 *     for (std::size_t i = 0; i < plan.chunks; i++) {
 *       T part = identity;
 *       fold(plan_chunk(count, i, options), part);
 *       combine(result, std::move(part));
 *     }
 *     return result;
 *
 * For one plan the result is the same to the bit however many threads ran it, sums of floats too.
 *
 * @param count     items; 0: the identity is the result
 * @param identity  what each accumulator begins as, such as 0 for a sum; copied for every chunk. Any copyable
 *                  type.
 * @param fold      `void (chunk, T &)`, or `T (chunk, T)` which returns the new one; called by several
 *                  threads at a time
 * @param combine   `void (T &into, const T &from)` (or `T &&from`), or `T (T, T)` such as std::plus<>();
 *                  called by the calling thread only, in rising order of chunks
 * @param options   24 segments on every thread of the pool, unless they say otherwise
 * @throws as for_each_chunk, also what `combine` threw, or the copying of the identity; std::bad_alloc.
 *
 * Types that may be copied as bytes are cheapest; others live on the heap, one for each chunk. Blocks,
 * threads and nesting: as for_each_chunk.
 */
template <class T, class Fold, class Combine>
[[nodiscard]] T reduce(std::size_t count, const T &identity, Fold &&fold, Combine &&combine,
                       const loop_options &options = {}) {
  using reduction = detail::reduction_of<T, Fold, Combine>;
  using call_type = detail::reduce_call<reduction>;
  T value = identity;
  call_type call{reduction(value, fold, combine)};
  detail::control control(options, call.exceptions);
  fastpar_loop_options raw = detail::raw_options(options);
  control.apply(raw);
  fastpar_error failure;
  const fastpar_status result =
      fastpar_reduce(&raw, count, &call_type::fold, &call_type::combine, &call, call.reduction.accumulator(),
                     reduction::accumulator_size, &failure);
  call.exceptions.finish(result, failure);
  return value;
}

} // namespace fastpar

#endif
