/* Parallel loops. Part of fastpar.hpp. */
#ifndef FASTPAR_LOOPS_HPP
#define FASTPAR_LOOPS_HPP

#include "options.hpp"
#include "sequence.hpp"

namespace fastpar {

/**
 * Calls a body for every chunk of `[0, count)`, in parallel, and returns when all calls have returned.
 *
 * Equivalent to this serial loop, but for the threads and the order:
 *
 *     auto plan = plan_make(count, options);
 *     for (std::size_t i = 0; i < plan.chunks; i++) body(plan_chunk(count, i, options));
 *
 * The writes of the body are visible when the call returns. Nothing is allocated.
 *
 * @param count    items; 0: no call of the body
 * @param body     callable with a `chunk`, returns nothing; called by several threads at the same time
 * @param options  24 segments on every thread of the pool, unless they say otherwise
 * @throws the exception of the body (of several, that of the lowest chunk) or of the progress function;
 *         error: cancelled, invalid_argument (an option), threads or out_of_memory (the pool cannot be
 *         started), busy (from inside a hook).
 *
 * Blocks until every call of the body has returned. May be called from any thread, and from inside bodies
 * (nested).
 */
template <class Body>
void for_each_chunk(std::size_t count, Body &&body, const loop_options &options) {
  detail::chunk_call<std::remove_reference_t<Body>> call{body};
  detail::control control(options, call.exceptions);
  fastpar_loop_options raw = detail::raw_options(options);
  control.apply(raw);
  fastpar_error failure;
  const fastpar_status result = fastpar_for(&raw, count, &call.run, &call, &failure);
  call.exceptions.finish(result, failure);
}

/** The same with the default options. */
template <class Body>
void for_each_chunk(std::size_t count, Body &&body) {
  detail::chunk_call<std::remove_reference_t<Body>> call{body};
  fastpar_error failure;
  const fastpar_status result = fastpar_for(nullptr, count, &call.run, &call, &failure);
  call.exceptions.finish(result, failure);
}

namespace detail {

/** A body for chunks that calls a body for items. Refers to both. */
template <class First, class Last, class Body>
auto item_body(const sequence<First, Last> &items, Body &body) {
  static_assert(std::is_void_v<std::invoke_result_t<Body &, decltype(items.item(items.at(0)))>>,
                "a body returns nothing; to stop, it throws");
  return [&items, &body](const chunk &part) {
    const auto end = items.at(part.end);
    for (auto at = items.at(part.begin); at != end; ++at) std::invoke(body, items.item(at));
  };
}

} // namespace detail

/**
 * Calls a body for every item of `[first, last)`, in parallel.
 *
 * Equivalent to this serial loop, but for the threads and the order:
 *
 *     for (auto i = first; i < last; ++i) body(i);           // integers
 *     for (auto i = first; i != last; ++i) body(*i);         // iterators
 *
 * Within a chunk the items come in rising order.
 *
 * @param first    an integer or a random-access iterator
 * @param last     one past the last item. Integers of two types become their common type, as in `0` and
 *                 `v.size()`.
 * @param body     callable with the integer, or with what the iterator points to; what it returns must be
 *                 nothing
 * @param options  24 segments on every thread of the pool, unless they say otherwise
 * @throws as for_each_chunk; error with invalid_argument: a negative bound whose common type has no sign, or
 *         a range of more than SIZE_MAX items.
 *
 * Blocks, threads and nesting: as for_each_chunk.
 */
template <class First, class Last, class Body>
void parallel_for(First first, Last last, Body &&body, const loop_options &options) {
  const detail::sequence<First, Last> items(first, last);
  for_each_chunk(items.count(), detail::item_body(items, body), options);
}

/** The same with the default options. */
template <class First, class Last, class Body>
void parallel_for(First first, Last last, Body &&body) {
  const detail::sequence<First, Last> items(first, last);
  for_each_chunk(items.count(), detail::item_body(items, body));
}

} // namespace fastpar

#endif
