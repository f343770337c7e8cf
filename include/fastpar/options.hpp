/* Chunks, and the options of loops. Part of fastpar.hpp. */
#ifndef FASTPAR_OPTIONS_HPP
#define FASTPAR_OPTIONS_HPP

#include "control.hpp"
#include "view.hpp"

namespace fastpar {

/** A chunk of a range, as a body sees it: the items `[begin, end)`.
 *
 * `index` is its number among the chunks. `lane` is a number below `lanes` that no other thread holds while
 * this one works for the call: lanes index per-thread scratch memory without locks. The thread that made the
 * call is lane 0.
 */
struct chunk : fastpar_chunk {
  explicit chunk(const fastpar_chunk &raw) noexcept : fastpar_chunk(raw) {}

  [[nodiscard]] std::size_t size() const noexcept { return end - begin; }

  /** Views the chunk's items in a container, array or span that has an item for each of the loop. */
  template <class Container>
  [[nodiscard]] auto of(Container &&container) const noexcept {
    return span<detail::element_of<Container>>(std::data(container) + begin, size());
  }
};

/** How a range is cut into chunks. */
enum class schedule : std::uint32_t {
  /** `segments` chunks whose sizes differ by at most one item. The default. */
  segments = FASTPAR_SCHEDULE_SEGMENTS,
  /** Chunks so small that a chunk for every lane fits into `cache_bytes` at the same time. */
  cache = FASTPAR_SCHEDULE_CACHE,
  /** Chunks of `grain` items. */
  grain = FASTPAR_SCHEDULE_GRAIN,
  /** Chunks that shrink from half a fair share down to `grain` items. */
  guided = FASTPAR_SCHEDULE_GUIDED
};

inline namespace FASTPAR_CPP {

/**
 * Options of a loop; every member has its default. Without a schedule and `segments`, `grain` means
 * schedule::grain, and what is for the cache schedule::cache. What the schedule does not use must be 0
 * (status::invalid_argument).
 */
struct loop_options {
  /** How the range is cut. */
  fastpar::schedule schedule = fastpar::schedule::segments;
  /** Threads that work at the same time, the caller included. 0: every thread of the pool. */
  std::uint32_t max_lanes = 0;
  /** segments: how many chunks; 0: 24. */
  std::size_t segments = 0;
  /** grain: items per chunk; guided: the smallest chunk; 0: automatic. */
  std::size_t grain = 0;
  /** cache: bytes per item; 0: 1. */
  std::size_t item_size = 0;
  /** cache: all lanes' chunks together stay within it; 0: 64 MiB. */
  std::size_t cache_bytes = 0;
  /** cache: `cache_bytes`, which must be 0, is half of the last-level caches of this machine. */
  bool cache_detect = false;
  /** Cancels the call; may be null. */
  cancel_flag *cancel = nullptr;
#ifdef __cpp_lib_jthread
  /** Cancels the call when a stop is requested. */
  std::stop_token stop = {};
#endif
  /** Told how many items are done. */
  progress_function progress = {};
  /** What traces call the loop, UTF-8; may be null. Read when the call begins. */
  const char *name = nullptr;
};

} // namespace FASTPAR_CPP

namespace detail {

/** The schedule; by what it is set by, where it is the default and `segments` is not set. */
inline schedule schedule_of(const loop_options &options) noexcept {
  if (options.schedule != schedule::segments || options.segments != 0) return options.schedule;
  if (options.grain != 0) return schedule::grain;
  const bool cache = options.item_size != 0 || options.cache_bytes != 0 || options.cache_detect;
  return cache ? schedule::cache : schedule::segments;
}

/** The options in their C form, without those that control::apply adds. */
inline fastpar_loop_options raw_options(const loop_options &options) noexcept {
  fastpar_loop_options raw = {};
  raw.struct_size = sizeof raw;
  raw.schedule = static_cast<std::uint32_t>(schedule_of(options));
  raw.max_lanes = options.max_lanes;
  raw.segments = options.segments;
  raw.grain = options.grain;
  raw.item_size = options.item_size;
  raw.cache_bytes = options.cache_bytes;
  raw.name = options.name;
  raw.flags = options.cache_detect ? FASTPAR_LOOP_CACHE_DETECT : 0;
  return raw;
}

/** A body and the exceptions that it throws, behind one pointer for C. */
template <class Body>
struct chunk_call {
  Body &body;
  carried exceptions{};

  static_assert(std::is_void_v<std::invoke_result_t<Body &, chunk>>, "a body returns nothing; to stop, it throws");

  static std::int32_t run(void *user_data, const fastpar_chunk *raw) noexcept {
    auto *self = static_cast<chunk_call *>(user_data);
    try {
      std::invoke(self->body, chunk(*raw));
      return FASTPAR_OK;
    } catch (...) {
      self->exceptions.keep(raw->index);
      return threw;
    }
  }
};

} // namespace detail
} // namespace fastpar

#endif
