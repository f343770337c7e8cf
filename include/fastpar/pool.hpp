/* The threads: their options, hooks and statistics. Part of fastpar.hpp. */
#ifndef FASTPAR_POOL_HPP
#define FASTPAR_POOL_HPP

#include "error.hpp"
#include "time.hpp"

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace fastpar {

/** `pool_options::threads`: as many as the operating system lets this process use. */
inline constexpr std::uint32_t threads_auto = FASTPAR_THREADS_AUTO;

/** Options of the pool; every member has its default. */
struct pool_options {
  /** 1 to 1024, or threads_auto. 0: the environment variable FASTPAR_THREADS ("auto", a number), else 24. */
  std::uint32_t threads = 0;
  /** Each worker stays on one logical CPU. */
  bool pin = false;
  /** Run with the threads that can be started, be it none, rather than fail. */
  bool partial = false;
  /** Bytes of stack of each worker, 64 KiB to 1 GiB. 0: 2 MiB. */
  std::size_t stack_size = 0;
  /** Prefix of the workers' names, UTF-8. Empty: "fastpar". */
  std::string thread_name = {};
};

/** Statistics of the pool since its start; all 0 if it is not running. */
struct pool_stats {
  /** Worker threads. */
  std::uint32_t threads = 0;
  /** Workers that are working for a job at this moment. */
  std::uint32_t busy = 0;
  /** Parallel calls begun. */
  std::uint64_t jobs = 0;
  /** Chunks of those calls. */
  std::uint64_t chunks = 0;
  /** Visits of workers to help with a call. */
  std::uint64_t helpers = 0;
  /** Bytes that the codec has taken. */
  std::uint64_t bytes_in = 0;
  /** Bytes that the codec has given for them. */
  std::uint64_t bytes_out = 0;
  /** Nanoseconds that workers have worked for jobs, all together; those at work count when they leave. */
  std::uint64_t busy_ns = 0;
  /** Nanoseconds that threads have waited inside calls: for other threads, and for files. */
  std::uint64_t waiting_ns = 0;
  /** Nanoseconds in callbacks, on all threads together; those of a thread count when it leaves the call. */
  std::uint64_t callback_ns = 0;
  /** Nanoseconds of compressing and decompressing, on all threads together. */
  std::uint64_t codec_ns = 0;
  /** Working memory of the codec that was made anew. */
  std::uint64_t contexts_made = 0;
  /** Times that such memory was there from earlier frames. */
  std::uint64_t contexts_reused = 0;
  /** Workers that came to help when nothing was left to do. */
  std::uint64_t late_helpers = 0;
};

/**
 * Starts the pool now. There is no need to: the first parallel call starts it with the defaults.
 *
 * @throws error: already_started (it runs with other options), invalid_argument, unsupported (pinning),
 *         threads, out_of_memory, busy (from inside a hook).
 *
 * May be called from any thread. Blocks while the threads are started, a millisecond or so.
 */
inline void pool_start(const pool_options &options = {}) {
  fastpar_pool_options raw = {};
  raw.struct_size = sizeof raw;
  raw.threads = options.threads;
  raw.flags = (options.pin ? FASTPAR_POOL_PIN : 0) | (options.partial ? FASTPAR_POOL_PARTIAL : 0);
  raw.stack_size = options.stack_size;
  raw.thread_name = options.thread_name.empty() ? nullptr : options.thread_name.c_str();
  fastpar_error failure;
  detail::check(fastpar_pool_start(&raw, &failure), failure);
}

/** Returns how many threads the pool has, or would start with; 0: FASTPAR_THREADS is wrong. Starts nothing,
 * never blocks. */
[[nodiscard]] inline std::uint32_t pool_threads() noexcept { return fastpar_pool_threads(); }

/** Returns how many logical CPUs this process may use now: affinity and cgroup quota counted; at least 1.
 * Never blocks. */
[[nodiscard]] inline std::uint32_t cpus() noexcept { return fastpar_cpus(); }

/**
 * Caps the threads that work for a call at the same time, the caller included: for every call of the process
 * from now on, teams excepted. 0: no cap. Plans and lanes stay what they are. Never blocks, never fails.
 */
inline void pool_limit(std::uint32_t lanes) noexcept { static_cast<void>(fastpar_pool_limit(lanes, nullptr)); }

/** Returns what pool_limit has set; 0: no cap. Never blocks. */
[[nodiscard]] inline std::uint32_t pool_limit_get() noexcept { return fastpar_pool_limit_get(); }

/** Returns the calling thread's worker number; -1 on a thread that is not of the pool. Never blocks. */
[[nodiscard]] inline std::int32_t pool_worker() noexcept { return fastpar_pool_worker(); }

/** Reads the pool's statistics since its start. Never blocks. May be called from any thread. */
[[nodiscard]] inline pool_stats pool_stats_read() {
  fastpar_pool_stats raw = {};
  raw.struct_size = sizeof raw;
  fastpar_error failure;
  detail::check(fastpar_pool_stats_read(&raw, &failure), failure);
  return {raw.threads,     raw.busy,          raw.jobs,            raw.chunks,     raw.helpers,
          raw.bytes_in,    raw.bytes_out,     raw.busy_ns,         raw.waiting_ns, raw.callback_ns,
          raw.codec_ns,    raw.contexts_made, raw.contexts_reused, raw.late_helpers};
}

class pool_hooks;
template <class Start, class Exit = std::nullptr_t>
pool_hooks pool_hook(Start &&on_start, Exit &&on_exit = nullptr);

/** Functions that `pool_hook` has added. It may be dropped: they stay. */
class pool_hooks {
 private:
  template <class Start, class Exit>
  friend pool_hooks pool_hook(Start &&on_start, Exit &&on_exit);
  friend void pool_unhook(const pool_hooks &hooks);

  fastpar_thread_fn start_;
  fastpar_thread_fn exit_;
  void *kept_;
  void (*drop_)(void *) noexcept;

  pool_hooks(fastpar_thread_fn start, fastpar_thread_fn exit, void *kept, void (*drop)(void *) noexcept) noexcept
      : start_(start), exit_(exit), kept_(kept), drop_(drop) {}
};

/**
 * Adds functions that run on every worker thread when it starts and when it ends.
 *
 * @param on_start  `void (std::uint32_t worker)`; runs on every live worker before this returns, and on every
 *                  later one
 * @param on_exit   the same, when a worker ends; may be left out, as may `on_start` (nullptr)
 * @return what `pool_unhook` takes
 * @throws error: busy (from inside a body or a hook), invalid_argument (both left out); std::bad_alloc. The
 *         functions themselves must not throw: std::terminate.
 *
 * Both are kept until `pool_unhook`, or for the life of the process. Blocks until the workers have run
 * `on_start`. May be called from any thread that is not inside a body.
 */
template <class Start, class Exit>
pool_hooks pool_hook(Start &&on_start, Exit &&on_exit) {
  constexpr bool starts = !std::is_null_pointer_v<std::decay_t<Start>>;
  constexpr bool exits = !std::is_null_pointer_v<std::decay_t<Exit>>;
  struct hooks {
    std::decay_t<Start> start;
    std::decay_t<Exit> exit;

    static void run_start([[maybe_unused]] void *self, [[maybe_unused]] std::uint32_t worker) noexcept {
      if constexpr (starts) std::invoke(static_cast<hooks *>(self)->start, worker);
    }
    static void run_exit([[maybe_unused]] void *self, [[maybe_unused]] std::uint32_t worker) noexcept {
      if constexpr (exits) std::invoke(static_cast<hooks *>(self)->exit, worker);
    }
    static void drop(void *self) noexcept { delete static_cast<hooks *>(self); }
  };
  std::unique_ptr<hooks> kept(new hooks{std::forward<Start>(on_start), std::forward<Exit>(on_exit)});
  const fastpar_thread_fn start = starts ? &hooks::run_start : nullptr;
  const fastpar_thread_fn exit = exits ? &hooks::run_exit : nullptr;
  fastpar_error failure;
  detail::check(fastpar_pool_hook(start, exit, kept.get(), &failure), failure);
  return pool_hooks(start, exit, kept.release(), &hooks::drop);
}

/**
 * Takes back what `pool_hook` has added: when this returns neither function runs, neither will, and both are
 * destroyed. `on_exit` is not called for workers where `on_start` has run.
 *
 * @throws error: invalid_argument (taken back already), busy (from inside a body or a hook).
 *
 * Blocks while one of them runs. May be called from any thread that is not inside a body.
 */
inline void pool_unhook(const pool_hooks &hooks) {
  fastpar_error failure;
  detail::check(fastpar_pool_unhook(hooks.start_, hooks.exit_, hooks.kept_, &failure), failure);
  hooks.drop_(hooks.kept_);
}

/**
 * Waits for the parallel calls under way, then ends and joins every worker thread. A later call starts a new
 * pool, with the defaults.
 *
 * @throws error: busy (from inside a body or a hook, where it would wait for itself).
 *
 * Blocks until the last body has returned. There is no need to call it before a program ends.
 */
inline void pool_shutdown() {
  fastpar_error failure;
  detail::check(fastpar_pool_shutdown(&failure), failure);
}

/**
 * The same, if the calls under way end in time.
 *
 * @return false: calls or jobs are under way still, and the pool goes on
 * @throws error: as pool_shutdown.
 *
 * While calls of other threads keep coming, each may have to wait for up to a tenth of a second.
 */
template <class Rep, class Period>
[[nodiscard]] bool pool_shutdown_within(const std::chrono::duration<Rep, Period> &time) {
  fastpar_error failure;
  const fastpar_status result = fastpar_pool_shutdown_within(detail::milliseconds(time), &failure);
  if (result == FASTPAR_ERR_TIMEOUT) return false;
  detail::check(result, failure);
  return true;
}

} // namespace fastpar

#endif
