/* How a loop would be cut. Part of fastpar.hpp. */
#ifndef FASTPAR_PLAN_HPP
#define FASTPAR_PLAN_HPP

#include "options.hpp"

namespace fastpar {

/** How a loop would be cut. */
struct plan {
  std::size_t count = 0;
  /** 0 if there are no items. */
  std::size_t chunks = 0;
  /** Items in the largest chunk. */
  std::size_t largest = 0;
  /** `chunk::lanes` of every chunk. */
  std::uint32_t lanes = 0;
};

/**
 * Tells how a loop would be cut; runs nothing and starts no thread.
 *
 * @param count    items
 * @param options  the same as for the loop; cancel, stop and progress do not matter
 * @throws error: invalid_argument (an option, or the environment).
 *
 * Never blocks. May be called from any thread.
 */
[[nodiscard]] inline plan plan_make(std::size_t count, const loop_options &options = {}) {
  const fastpar_loop_options raw_options = detail::raw_options(options);
  fastpar_plan raw = {};
  raw.struct_size = sizeof raw;
  fastpar_error failure;
  detail::check(fastpar_plan_make(&raw_options, count, &raw, &failure), failure);
  return {raw.count, raw.chunks, raw.largest, raw.lanes};
}

/**
 * Tells one chunk of a loop's plan; its lane is 0.
 *
 * @param index  which chunk, below `plan::chunks`
 * @throws error: invalid_argument (an option, `index`, or the environment).
 *
 * Never blocks. May be called from any thread.
 */
[[nodiscard]] inline chunk plan_chunk(std::size_t count, std::size_t index, const loop_options &options = {}) {
  const fastpar_loop_options raw_options = detail::raw_options(options);
  fastpar_chunk raw = {};
  fastpar_error failure;
  detail::check(fastpar_plan_chunk(&raw_options, count, index, &raw, &failure), failure);
  return chunk(raw);
}

} // namespace fastpar

#endif
