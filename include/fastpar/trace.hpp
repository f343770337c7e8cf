/* A timeline of the process, and the program's own spans in it. Part of fastpar.hpp. */
#ifndef FASTPAR_TRACE_HPP
#define FASTPAR_TRACE_HPP

#include "paths.hpp"

#include <string>

namespace fastpar {

/**
 * What `trace_options::categories` is a sum of: loops, reductions and prefix sums with their passes, jobs and
 * teams, the lanes that work for them, and waiting.
 */
inline constexpr std::uint32_t trace_loops = FASTPAR_TRACE_LOOPS;
/** Chunks, as they are claimed, and pieces of scans. */
inline constexpr std::uint32_t trace_chunks = FASTPAR_TRACE_CHUNKS;
/**
 * Groups and their tasks, pipelines and what is done with their items, sorts and their passes, and the tasks
 * that calls of the codec and streams are made of.
 */
inline constexpr std::uint32_t trace_tasks = FASTPAR_TRACE_TASKS;
/** Calls of the codec, scans among them; frames, their sections and blocks; and bytes so far. */
inline constexpr std::uint32_t trace_codec = FASTPAR_TRACE_CODEC;
/** Reads and writes of files. */
inline constexpr std::uint32_t trace_files = FASTPAR_TRACE_FILES;
/** The program's own spans. */
inline constexpr std::uint32_t trace_user = FASTPAR_TRACE_USER;

/** Options of a trace; every member has its default. */
struct trace_options {
  /** The most bytes of events that wait to be written, at least 1 MiB. 0: 64 MiB. */
  std::uint64_t max_memory = 0;
  /** A sum of trace_loops, trace_chunks, ...; 0: all. */
  std::uint32_t categories = 0;
};

/**
 * Starts a timeline of the process: what threads do in calls, written to a new file that Perfetto and
 * chrome://tracing open. It is whole whenever the process ends.
 *
 * @param path  "%p" becomes the number of the process; the file must not exist, a link is not followed
 * @throws error: already_started (a trace runs), io (the file), invalid_argument, threads, out_of_memory.
 *
 * May be called from any thread.
 */
inline void trace_start(const std::filesystem::path &path, const trace_options &options = {}) {
  fastpar_trace_options raw = {};
  raw.struct_size = sizeof raw;
  raw.max_memory = options.max_memory;
  raw.categories = options.categories;
  const std::string name = detail::utf8(path);
  fastpar_error failure;
  detail::check(fastpar_trace_start(&raw, name.c_str(), &failure), failure);
}

/**
 * Ends the trace that runs, if one does, and writes what is left of it.
 *
 * @throws error: io (the file could not be written). May be called from any thread.
 */
inline void trace_stop() {
  fastpar_error failure;
  detail::check(fastpar_trace_stop(&failure), failure);
}

/** Begins a span of the program's own on the calling thread. Nothing where no trace runs. */
inline void trace_begin(const char *name) noexcept { fastpar_trace_begin(name); }

/** Ends the span of the calling thread that began last. */
inline void trace_end() noexcept { fastpar_trace_end(); }

/** A span of the program's own, to the end of the scope: `const fastpar::trace_span span("load");`. */
class trace_span {
 public:
  /** @param name  UTF-8, copied */
  explicit trace_span(const char *name) noexcept { fastpar_trace_begin(name); }
  /** The same. */
  explicit trace_span(const std::string &name) noexcept : trace_span(name.c_str()) {}
  trace_span(const trace_span &) = delete;
  trace_span &operator=(const trace_span &) = delete;
  /** Ends it. On the thread where it began. */
  ~trace_span() { fastpar_trace_end(); }
};

} // namespace fastpar

#endif
