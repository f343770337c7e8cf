/* A function of every item. Part of fastpar.hpp. */
#ifndef FASTPAR_MAP_HPP
#define FASTPAR_MAP_HPP

#include "loops.hpp"

namespace fastpar {

/**
 * Writes a function of every item of `[first, last)` to `out`, in parallel.
 *
 * Equivalent to this serial loop, but for the threads and the order:
 *
 *     for (auto i = first; i != last; ++i) *out++ = function(*i);      // integers: function(i)
 *
 * @param first     an integer or a random-access iterator
 * @param last      one past the last item
 * @param out       a random-access iterator with room for as many results; may be `first`, not overlap it
 *                  otherwise
 * @param function  callable with an item, by several threads at the same time
 * @param options   as for for_each_chunk
 * @return one past the last result.
 * @throws as parallel_for; then some results are written, and others not.
 *
 * Blocks, threads and nesting: as for_each_chunk. Nothing is allocated.
 */
template <class First, class Last, class Out, class Function,
          class = std::enable_if_t<detail::is_random_access<Out>>>
Out map(First first, Last last, Out out, Function &&function, const loop_options &options = {}) {
  static_assert(!std::is_same_v<Out, std::vector<bool>::iterator>, "bits that share a byte cannot be written in parallel");
  const detail::sequence<First, Last> items(first, last);
  const detail::sequence<Out, Out> results(out, out);
  for_each_chunk(
      items.count(),
      [&](const chunk &part) {
        auto to = results.at(part.begin);
        const auto end = items.at(part.end);
        for (auto at = items.at(part.begin); at != end; ++at, ++to) *to = std::invoke(function, items.item(at));
      },
      options);
  return results.at(items.count());
}

/**
 * Returns a function of every item of `[first, last)`, in order.
 *
 * The results are default-initialised before they are assigned, numbers not at all.
 *
 * @throws as parallel_for; std::bad_alloc or std::length_error for the results.
 */
template <class First, class Last, class Function>
[[nodiscard]] auto map(First first, Last last, Function &&function, const loop_options &options = {}) {
  const detail::sequence<First, Last> items(first, last);
  using result = std::decay_t<std::invoke_result_t<Function &, decltype(items.item(items.at(0)))>>;
  static_assert(!std::is_same_v<result, bool>, "bits that share a byte cannot be written in parallel: return a char");
  buffer<result> results(items.count());
  map(first, last, results.begin(), function, options);
  return results;
}

} // namespace fastpar

#endif
