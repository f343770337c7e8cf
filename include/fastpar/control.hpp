/* What runs beside a call: cancelling it, watching it, and the exceptions that it carries. Part of
 * fastpar.hpp. */
#ifndef FASTPAR_CONTROL_HPP
#define FASTPAR_CONTROL_HPP

#include "error.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <type_traits>
#include <utility>

#if __has_include(<version>)
#include <version>
#endif
#ifdef __cpp_lib_jthread
#include <optional>
#include <stop_token>
#endif

namespace fastpar {

/**
 * A flag that cancels the calls that were given it: they start nothing new and throw error with
 * status::cancelled.
 *
 * It must outlive these calls, and jobs. All members may be called from any thread, and from bodies.
 */
class cancel_flag {
 public:
  cancel_flag() noexcept = default;
  cancel_flag(const cancel_flag &) = delete;
  cancel_flag &operator=(const cancel_flag &) = delete;

  /** Cancels. May be called from signal handlers too. */
  void cancel() noexcept { fastpar_cancel(raw()); }

  [[nodiscard]] bool is_cancelled() const noexcept { return value_.load(std::memory_order_relaxed) != 0; }

  /** Makes the flag usable again, when no call uses it. */
  void reset() noexcept { value_.store(0, std::memory_order_relaxed); }

  /** The flag as C knows it. */
  [[nodiscard]] std::int32_t *raw() noexcept { return reinterpret_cast<std::int32_t *>(&value_); }

 private:
  static_assert(sizeof(std::atomic<std::int32_t>) == sizeof(std::int32_t) &&
                    std::atomic<std::int32_t>::is_always_lock_free,
                "an atomic number is a number in memory");
  std::atomic<std::int32_t> value_{0};
};

/**
 * Told how far a call is: any callable with `(std::uint64_t done, std::uint64_t total)`.
 *
 * It returns nothing, or a bool: false cancels the call. It may throw, which ends the call with that
 * exception. Called at most about 20 times a second and once at the end, from the threads that work, never
 * from two at the same time.
 */
class progress_function {
 public:
  progress_function() noexcept = default;
  progress_function(std::nullptr_t) noexcept {}

  template <class Function, class = std::enable_if_t<
                                !std::is_same_v<std::decay_t<Function>, progress_function> &&
                                std::is_invocable_v<std::decay_t<Function> &, std::uint64_t, std::uint64_t>>>
  progress_function(Function &&function) : function_(adapt(std::forward<Function>(function))) {}

  explicit operator bool() const noexcept { return static_cast<bool>(function_); }

  /** Tells it; false: cancel. */
  bool operator()(std::uint64_t done, std::uint64_t total) const { return function_(done, total); }

 private:
  using signature = std::function<bool(std::uint64_t, std::uint64_t)>;

  template <class Function>
  static signature adapt(Function &&function) {
    using result = std::invoke_result_t<std::decay_t<Function> &, std::uint64_t, std::uint64_t>;
    static_assert(std::is_void_v<result> || std::is_same_v<result, bool>,
                  "a progress function returns nothing, or a bool: false cancels the call");
    if constexpr (std::is_void_v<result>) {
      return [function = std::decay_t<Function>(std::forward<Function>(function))](
                 std::uint64_t done, std::uint64_t total) mutable {
        function(done, total);
        return true;
      };
    } else {
      return signature(std::forward<Function>(function));
    }
  }

  signature function_;
};

namespace detail {

/** The code by which a callback tells C that it kept an exception. */
inline constexpr std::int32_t threw = 1;

/** The exception that a call carries to its caller: of several, that of the lowest chunk; of equals, the
 * first. */
class carried {
 public:
  carried() noexcept = default;
  carried(const carried &) = delete;
  carried &operator=(const carried &) = delete;

  /** Keeps the exception that is being handled. Called by any thread, while the call runs. */
  void keep(std::size_t place) noexcept {
    std::exception_ptr exception = std::current_exception();
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!exception_ || place < place_) {
      exception_.swap(exception); // what was kept before is released after the lock
      place_ = place;
    }
  }

  /** Throws the kept exception, else the call's error. Called when the call is over. */
  void rethrow(fastpar_status result, const fastpar_error &failure) const {
    if (exception_) std::rethrow_exception(exception_);
    check(result, failure);
  }

  /** The same for a call that has many successes, at the cost of two comparisons. */
  void finish(fastpar_status result, const fastpar_error &failure) const {
    if (result != FASTPAR_OK || exception_) rethrow(result, failure);
  }

 private:
  std::exception_ptr exception_;
  std::size_t place_ = 0;
  std::mutex mutex_;
};

/** Behind all chunks: the position of a progress function's exception. */
inline constexpr std::size_t after_chunks = SIZE_MAX;

#ifdef __cpp_lib_jthread
#define FASTPAR_CPP with_stop_token
#else
#define FASTPAR_CPP without_stop_token
#endif

// What depends on the standard: see "Standards" in fastpar.hpp.
inline namespace FASTPAR_CPP {

/** Cancel and progress of one call, as C wants them. Refers to the options, and lives as long as the call. */
class control {
 public:
  template <class Options>
  control(const Options &options, carried &exceptions) noexcept
      : cancel_(options.cancel), progress_{&options.progress, &exceptions} {
#ifdef __cpp_lib_jthread
    if (options.stop.stop_possible()) {
      if (!cancel_) cancel_ = &own_.emplace();
      callback_.emplace(options.stop, request{cancel_});
    }
#endif
  }
  control(const control &) = delete;
  control &operator=(const control &) = delete;

  /** Fills the three fields that all options have. */
  template <class Raw>
  void apply(Raw &raw) noexcept {
    raw.cancel = cancel_ ? cancel_->raw() : nullptr;
    if (*progress_.function) {
      raw.progress = &report;
      raw.progress_data = &progress_;
    }
  }

 private:
  struct progress {
    const progress_function *function;
    carried *exceptions;
  };

  static std::int32_t report(void *user_data, std::uint64_t done, std::uint64_t total) noexcept {
    const auto *self = static_cast<const progress *>(user_data);
    try {
      return (*self->function)(done, total) ? 0 : 1;
    } catch (...) {
      self->exceptions->keep(after_chunks);
      return threw;
    }
  }

  cancel_flag *cancel_;
  progress progress_;
#ifdef __cpp_lib_jthread
  struct request {
    cancel_flag *flag;
    void operator()() const noexcept { flag->cancel(); }
  };
  std::optional<cancel_flag> own_;
  std::optional<std::stop_callback<request>> callback_; // after the flag that it sets
#endif
};

} // namespace FASTPAR_CPP
} // namespace detail
} // namespace fastpar

#endif
