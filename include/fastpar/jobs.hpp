/* Loops that run by themselves. Part of fastpar.hpp. */
#ifndef FASTPAR_JOBS_HPP
#define FASTPAR_JOBS_HPP

#include "options.hpp"
#include "time.hpp"

#include <chrono>
#include <memory>
#include <thread>
#include <utility>

namespace fastpar {

/** How far a job is. */
struct job_progress {
  std::uint64_t done = 0;
  std::uint64_t total = 0;
};

namespace detail {

/** What a job needs until it is finished. */
class job_state {
 public:
  job_state() = default;
  job_state(const job_state &) = delete;
  job_state &operator=(const job_state &) = delete;
  virtual ~job_state() = default;

  fastpar_job *handle = nullptr;
  carried exceptions{};

  /** Waits; false: it is not finished. */
  bool wait(std::uint64_t timeout_ms) const {
    fastpar_error failure;
    const fastpar_status result = fastpar_job_wait(handle, timeout_ms, &failure);
    switch (result) {
      case FASTPAR_ERR_TIMEOUT: return false;
      case FASTPAR_OK:
      case FASTPAR_ERR_CALLBACK:
      case FASTPAR_ERR_CANCELLED: exceptions.finish(result, failure); return true;
      default: throw error(failure); // it may still run: its exceptions are not to be touched
    }
  }

  /** Lets go of a job: cancels it, waits for the chunks in flight, and takes the state apart. */
  static void release(std::unique_ptr<job_state> state) noexcept {
    if (!state) return;
    fastpar_job_cancel(state->handle);
    if (fastpar_job_wait(state->handle, 0, nullptr) != FASTPAR_ERR_BUSY) return fastpar_job_free(state->handle);
    // From inside its own body, which still needs the state: somebody else waits for its end.
    job_state *const rest = state.release();
    try {
      std::thread([rest] {
        fastpar_job_wait(rest->handle, UINT64_MAX, nullptr);
        fastpar_job_free(rest->handle);
        delete rest;
      }).detach();
    } catch (const std::system_error &) {
      // No thread to be had: the state stays for good.
    }
  }
};

inline namespace FASTPAR_CPP {

/** The state with the body and the options. */
template <class Body>
class body_state final : public job_state {
 public:
  template <class Argument>
  body_state(Argument &&body, loop_options options)
      : body_(std::forward<Argument>(body)), options_(std::move(options)), control_(options_, exceptions) {}

  void start(std::size_t count) {
    fastpar_loop_options raw = raw_options(options_);
    control_.apply(raw);
    fastpar_error failure;
    check(fastpar_for_start(&raw, count, &run, this, &handle, &failure), failure);
  }

 private:
  static_assert(std::is_void_v<std::invoke_result_t<Body &, chunk>>, "a body returns nothing; to stop, it throws");

  static std::int32_t run(void *user_data, const fastpar_chunk *raw) noexcept {
    auto *self = static_cast<body_state *>(user_data);
    try {
      std::invoke(self->body_, chunk(*raw));
      return FASTPAR_OK;
    } catch (...) {
      self->exceptions.keep(raw->index);
      return threw;
    }
  }

  Body body_;
  const loop_options options_;
  control control_;
};

} // namespace FASTPAR_CPP
} // namespace detail

/**
 * A loop that runs by itself, made by `for_start`. Movable; releasing it cancels it and waits for the chunks in flight.
 *
 * The members but the destructor and the assignment may be called by several threads at a time, and from inside bodies of other
 * jobs. Released from inside its own body it does not wait; the body is then destroyed when its last chunk is done.
 */
class job {
 public:
  /** No job: waiting for it throws error with invalid_argument. */
  job() noexcept = default;
  job(job &&) noexcept = default;
  job &operator=(job &&other) noexcept {
    detail::job_state::release(std::exchange(state_, std::move(other.state_)));
    return *this;
  }
  ~job() { detail::job_state::release(std::move(state_)); }

  /** Whether there is a job. */
  [[nodiscard]] bool valid() const noexcept { return state_ != nullptr; }

  /**
   * Waits until the job is finished, helping with its chunks.
   *
   * @throws what for_each_chunk would have thrown; asking again throws the same. error: busy (from inside its own body).
   */
  void wait() const { static_cast<void>(get().wait(UINT64_MAX)); }

  /**
   * Waits until the job is finished or the time is over, helping with its chunks: so it may take a chunk longer.
   *
   * @param time  a std::chrono duration; zero: only ask
   * @return false: not finished yet.
   * @throws as `wait`.
   */
  template <class Rep, class Period>
  [[nodiscard]] bool wait_for(const std::chrono::duration<Rep, Period> &time) const {
    return get().wait(detail::milliseconds(time));
  }

  /** The same until a point in time. */
  template <class Clock, class Duration>
  [[nodiscard]] bool wait_until(const std::chrono::time_point<Clock, Duration> &time) const {
    return wait_for(time - Clock::now());
  }

  /** Tells how many items are done. Never blocks. */
  [[nodiscard]] job_progress progress() const {
    job_progress now;
    fastpar_error failure;
    detail::check(fastpar_job_progress(get().handle, &now.done, &now.total, &failure), failure);
    return now;
  }

  /** Cancels it: no new chunk starts, and `wait` throws error with cancelled. Never blocks. */
  void cancel() noexcept {
    if (state_) fastpar_job_cancel(state_->handle);
  }

 private:
  explicit job(std::unique_ptr<detail::job_state> state) noexcept : state_(std::move(state)) {}
  template <class Body>
  friend job for_start(std::size_t count, Body &&body, loop_options options);

  [[nodiscard]] const detail::job_state &get() const {
    if (!state_) throw error(status::invalid_argument, "there is no job");
    return *state_;
  }

  std::unique_ptr<detail::job_state> state_;
};

/**
 * Starts a loop and returns at once; the workers of the pool run it, and whoever waits for it helps.
 *
 * Equivalent to for_each_chunk on another thread.
 *
 * @param count    items
 * @param body     as for for_each_chunk; moved or copied into the job, so what it refers to must live until the job is finished
 * @param options  kept by the job; what `cancel` points to must live as long
 * @return the job; releasing it cancels it, so keep it until it is finished.
 * @throws error, as for_each_chunk does before its first chunk; std::bad_alloc; what moving the body throws.
 *
 * Does not block, but for the start of the pool. May be called from any thread, and from inside bodies.
 */
template <class Body>
[[nodiscard]] job for_start(std::size_t count, Body &&body, loop_options options) {
  auto state = std::make_unique<detail::body_state<std::decay_t<Body>>>(std::forward<Body>(body), std::move(options));
  state->start(count);
  return job(std::move(state));
}

/** The same with the default options. */
template <class Body>
[[nodiscard]] job for_start(std::size_t count, Body &&body) {
  return for_start(count, std::forward<Body>(body), loop_options());
}

} // namespace fastpar

#endif
