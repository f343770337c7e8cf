/* Loops that run by themselves. Part of fastpar.hpp. */
#ifndef FASTPAR_JOBS_HPP
#define FASTPAR_JOBS_HPP

#include "options.hpp"
#include "time.hpp"

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
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

/**
 * The state of a job until it has ended. Held by the job's owner, by every call on it, as a body may release
 * the job that it belongs to, and by the job itself after `detach`.
 */
class job_state : public std::enable_shared_from_this<job_state> {
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
      default: throw error(failure); // the job may still run, so its exceptions are not touched
    }
  }

  /** Has `done` called with what `wait` would throw, once. */
  void notify(std::function<void(std::exception_ptr)> done) {
    if (!try_notify(std::move(done))) throw error(status::busy, "the job has a notification already");
  }

  /**
   * Lets the job go on without its owner: a notification keeps the state until the job has ended. While
   * another thread asks for a notification, this waits for the outcome: after a failure nothing would keep
   * the state.
   */
  static void detach(const std::shared_ptr<job_state> &state) {
    while (!state->try_notify(nullptr)) {
      if (state->notified_ == notified::yes) return;
      std::this_thread::yield();
    }
  }

  /**
   * Lets go of a job: cancels it, and waits for the chunks in flight; not inside its own body, where its
   * state outlives this.
   */
  static void release(const std::shared_ptr<job_state> &state) noexcept {
    if (!state) return;
    fastpar_job_cancel(state->handle);
    if (fastpar_job_wait(state->handle, UINT64_MAX, nullptr) != FASTPAR_ERR_BUSY) return;
    try {
      detach(state);
    } catch (...) {
      state->kept_for_ever_ = state; // the end of the job cannot be noticed
    }
  }

 protected:
  /** By the most derived class, before it goes: the job has ended, or is waited for. */
  void free_handle() noexcept { fastpar_job_free(std::exchange(handle, nullptr)); }

 private:
  /** Whether the job has a notification. */
  enum class notified { no, asking, yes };

  /**
   * Without `done` the job only keeps its state until it has ended. False: there is a notification, or
   * another thread asks for one.
   */
  bool try_notify(std::function<void(std::exception_ptr)> done) {
    notified none = notified::no;
    if (!notified_.compare_exchange_strong(none, notified::asking)) return false;
    done_ = std::move(done);
    kept_ = shared_from_this();
    fastpar_error failure;
    const fastpar_status result = fastpar_job_notify(handle, &ended, this, &failure);
    if (result == FASTPAR_OK) {
      notified_ = notified::yes;
      return true;
    }
    const std::shared_ptr<job_state> last = std::move(kept_);
    done_ = nullptr;
    notified_ = notified::no;
    throw error(failure);
  }

  static void ended(void *user_data, fastpar_status result, const fastpar_error *failure) noexcept {
    auto *self = static_cast<job_state *>(user_data);
    self->notified_ = notified::yes; // it may be called inside `try_notify`, and `done_` may detach the job
    const std::shared_ptr<job_state> last = std::move(self->kept_); // the objects that `done_` refers to may release the job
    if (!self->done_) return;
    std::exception_ptr exception;
    try {
      self->exceptions.finish(result, failure ? *failure : fastpar_error{});
    } catch (...) {
      exception = std::current_exception();
    }
    self->done_(exception);
  }

  std::atomic<notified> notified_{notified::no};
  std::function<void(std::exception_ptr)> done_;
  std::shared_ptr<job_state> kept_;
  std::shared_ptr<job_state> kept_for_ever_;
};

inline namespace FASTPAR_CPP {

/** The state with the body and the options. */
template <class Body>
class body_state final : public job_state {
 public:
  template <class Argument>
  body_state(Argument &&body, loop_options options)
      : body_(std::forward<Argument>(body)), options_(std::move(options)), control_(options_, exceptions) {}
  ~body_state() override { free_handle(); }

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
 * A loop that runs by itself, made by `for_start`. Movable; releasing it cancels it and waits for the chunks
 * in flight.
 *
 * The members but the destructor, the assignment and `detach` may be called by several threads at a time,
 * and from inside bodies of other jobs; those three while calls that began before are still under way.
 * Released from inside its own body, progress function or notification it does not wait; the body is then
 * destroyed when the job has ended.
 */
class job {
 public:
  /** No job: waiting for it throws error with invalid_argument. */
  job() noexcept = default;
  job(job &&) noexcept = default;
  job &operator=(job &&other) noexcept {
    const std::shared_ptr<detail::job_state> old = std::exchange(state_, std::move(other.state_));
    detail::job_state::release(old);
    return *this;
  }
  ~job() {
    const std::shared_ptr<detail::job_state> old = std::move(state_);
    detail::job_state::release(old);
  }

  /** Whether there is a job. */
  [[nodiscard]] bool valid() const noexcept { return state_ != nullptr; }

  /**
   * Waits until the job is finished, helping with its chunks.
   *
   * @throws what for_each_chunk would have thrown; asking again throws the same. error: busy (from inside its
   *         own body).
   */
  void wait() const { static_cast<void>(get()->wait(UINT64_MAX)); }

  /**
   * Waits until the job is finished or the time is over, helping with its chunks: so it may take a chunk
   * longer.
   *
   * @param time  a std::chrono duration; zero: only ask
   * @return false: not finished yet.
   * @throws as `wait`.
   */
  template <class Rep, class Period>
  [[nodiscard]] bool wait_for(const std::chrono::duration<Rep, Period> &time) const {
    return get()->wait(detail::milliseconds(time));
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
    detail::check(fastpar_job_progress(get()->handle, &now.done, &now.total, &failure), failure);
    return now;
  }

  /** Cancels it: no new chunk starts, and `wait` throws error with cancelled. Never blocks. */
  void cancel() noexcept {
    const std::shared_ptr<detail::job_state> state = state_;
    if (state) fastpar_job_cancel(state->handle);
  }

  /**
   * Has a function called once when the job has ended: on a thread of the pool, or at once, on the calling
   * thread, if it has.
   *
   * @param done  `void (std::exception_ptr)`: empty on success, else what `wait` throws; may wait for the
   *              job, which returns at once, and release it. Must not throw: std::terminate. Moved or copied
   *              into the job.
   * @throws error: busy (there is a notification already), invalid_argument (there is no job), and as
   *         for_start if the job has ended and the pool must be started; std::bad_alloc. `done` is not called
   *         then.
   *
   * Calls that wait for the job, release it on another thread or shut the pool down return after `done` has.
   */
  template <class Function>
  void notify(Function &&done) const {
    static_assert(std::is_invocable_v<std::decay_t<Function> &, std::exception_ptr>, "it is told what `wait` would throw");
    get()->notify(std::forward<Function>(done));
  }

  /**
   * Lets the job go on by itself: it is not cancelled, its body lives until it has ended, and a notification
   * comes. There is no job here afterwards.
   *
   * @throws error: invalid_argument (there is no job); as `notify`, and then the job is still here.
   */
  void detach() {
    detail::job_state::detach(get());
    state_.reset();
  }

 private:
  explicit job(std::shared_ptr<detail::job_state> state) noexcept : state_(std::move(state)) {}
  template <class Body>
  friend job for_start(std::size_t count, Body &&body, loop_options options);

  /** The state, for the time of a call: the job may be released meanwhile, by its own body. */
  [[nodiscard]] std::shared_ptr<detail::job_state> get() const {
    if (!state_) throw error(status::invalid_argument, "there is no job");
    return state_;
  }

  std::shared_ptr<detail::job_state> state_;
};

/**
 * Starts a loop and returns at once; the workers of the pool run it, and threads that wait for it help.
 *
 * Equivalent to for_each_chunk on another thread.
 *
 * @param count    items
 * @param body     as for for_each_chunk; moved or copied into the job, so what it refers to must live until
 *                 the job is finished
 * @param options  kept by the job; what `cancel` points to must live as long
 * @return the job; releasing it cancels it, so keep it until it is finished.
 * @throws error, as for_each_chunk does before its first chunk; std::bad_alloc; what moving the body throws.
 *
 * Does not block, but for the start of the pool. May be called from any thread, and from inside bodies.
 */
template <class Body>
[[nodiscard]] job for_start(std::size_t count, Body &&body, loop_options options) {
  auto state = std::make_shared<detail::body_state<std::decay_t<Body>>>(std::forward<Body>(body), std::move(options));
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
