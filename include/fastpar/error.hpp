/* Results of calls: statuses, their category, and the exception. Part of fastpar.hpp. */
#ifndef FASTPAR_ERROR_HPP
#define FASTPAR_ERROR_HPP

#include "../fastpar.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>

namespace fastpar {

/** The result of a call, with the numbers of fastpar.h. A condition: `e.code() ==
 * fastpar::status::cancelled`. */
enum class status : std::int32_t {
  ok = FASTPAR_OK,
  invalid_argument = FASTPAR_ERR_INVALID_ARGUMENT,
  unsupported = FASTPAR_ERR_UNSUPPORTED,
  buffer_too_small = FASTPAR_ERR_BUFFER_TOO_SMALL,
  out_of_memory = FASTPAR_ERR_OUT_OF_MEMORY,
  limit_exceeded = FASTPAR_ERR_LIMIT_EXCEEDED,
  threads = FASTPAR_ERR_THREADS,
  corrupt = FASTPAR_ERR_CORRUPT,
  checksum = FASTPAR_ERR_CHECKSUM,
  truncated = FASTPAR_ERR_TRUNCATED,
  dictionary = FASTPAR_ERR_DICTIONARY,
  not_zstd = FASTPAR_ERR_NOT_ZSTD,
  callback = FASTPAR_ERR_CALLBACK,
  cancelled = FASTPAR_ERR_CANCELLED,
  timeout = FASTPAR_ERR_TIMEOUT,
  closed = FASTPAR_ERR_CLOSED,
  already_started = FASTPAR_ERR_ALREADY_STARTED,
  busy = FASTPAR_ERR_BUSY,
  again = FASTPAR_ERR_AGAIN,
  io = FASTPAR_ERR_IO,
  panic = FASTPAR_ERR_PANIC,
  internal = FASTPAR_ERR_INTERNAL
};

/** Returns the name of a status in C, such as "FASTPAR_ERR_CANCELLED". The string is static. */
[[nodiscard]] inline const char *status_name(status value) noexcept {
  return fastpar_status_name(static_cast<fastpar_status>(value));
}

/** Returns a short English sentence about a status. The string is static. */
[[nodiscard]] inline const char *status_message(status value) noexcept {
  return fastpar_status_message(static_cast<fastpar_status>(value));
}

} // namespace fastpar

template <>
struct std::is_error_condition_enum<fastpar::status> : std::true_type {};

namespace fastpar {

namespace detail {

/** The category of fastpar's codes; its values are those of `status`. */
class status_category final : public std::error_category {
 public:
  [[nodiscard]] const char *name() const noexcept override { return "fastpar"; }

  [[nodiscard]] std::string message(int value) const override { return fastpar_status_message(value); }

  /** The portable condition that says the same, where there is one. */
  [[nodiscard]] std::error_condition default_error_condition(int value) const noexcept override {
    switch (value) {
      case FASTPAR_ERR_INVALID_ARGUMENT: return std::errc::invalid_argument;
      case FASTPAR_ERR_UNSUPPORTED: return std::errc::not_supported;
      case FASTPAR_ERR_BUFFER_TOO_SMALL: return std::errc::no_buffer_space;
      case FASTPAR_ERR_OUT_OF_MEMORY: return std::errc::not_enough_memory;
      case FASTPAR_ERR_LIMIT_EXCEEDED: return std::errc::value_too_large;
      case FASTPAR_ERR_THREADS: return std::errc::resource_unavailable_try_again;
      case FASTPAR_ERR_CORRUPT:
      case FASTPAR_ERR_CHECKSUM:
      case FASTPAR_ERR_TRUNCATED:
      case FASTPAR_ERR_NOT_ZSTD: return std::errc::bad_message;
      case FASTPAR_ERR_CANCELLED: return std::errc::operation_canceled;
      case FASTPAR_ERR_TIMEOUT: return std::errc::timed_out;
      case FASTPAR_ERR_CLOSED: return std::errc::broken_pipe;
      case FASTPAR_ERR_BUSY: return std::errc::device_or_resource_busy;
      case FASTPAR_ERR_AGAIN: return std::errc::operation_would_block;
      case FASTPAR_ERR_IO: return std::errc::io_error;
      default: return {value, *this};
    }
  }

  // By name: every shared library of a program may have a category object of its own.
  [[nodiscard]] bool equivalent(int value, const std::error_condition &condition) const noexcept override {
    return is_ours(condition.category()) ? condition.value() == value : default_error_condition(value) == condition;
  }

  [[nodiscard]] bool equivalent(const std::error_code &code, int value) const noexcept override {
    return is_ours(code.category()) && code.value() == value;
  }

 private:
  static bool is_ours(const std::error_category &category) noexcept {
    return std::strcmp(category.name(), "fastpar") == 0;
  }
};

} // namespace detail

/** Returns the category of the codes of fastpar::error. */
[[nodiscard]] inline const std::error_category &category() noexcept {
  // Never destroyed: a program may exit while other threads still throw.
  union forever {
    forever() noexcept : value() {}
    ~forever() {}
    detail::status_category value;
  };
  static const forever instance;
  return instance.value;
}

/** Makes the condition that a status is; found by the comparison operators of the standard. */
[[nodiscard]] inline std::error_condition make_error_condition(status value) noexcept {
  return {static_cast<int>(value), category()};
}

/** Makes the code that a failure with this status carries. */
[[nodiscard]] inline std::error_code make_error_code(status value) noexcept {
  return {static_cast<int>(value), category()};
}

/**
 * Thrown by everything that fails.
 *
 * `what()` tells in English what failed, and where; `code()` compares with fastpar::status and with
 * std::errc:
 *
 *     catch (const fastpar::error &e) {
 *       if (e.code() == fastpar::status::cancelled) return;          // or e.status() == ...
 *       if (e.code() == std::errc::not_enough_memory) shrink();
 *     }
 */
class error : public std::system_error {
 public:
  explicit error(const fastpar_error &failure, std::uint64_t needed_size = 0)
      : std::system_error(make_error_code(static_cast<fastpar::status>(failure.status))),
        failure_(failure),
        needed_size_(needed_size) {}

  /** Says the same for a failure that was found on this side. */
  error(fastpar::status status, const char *message) : error(describe(status, message)) {}

  [[nodiscard]] const char *what() const noexcept override { return failure_.message; }

  [[nodiscard]] fastpar::status status() const noexcept { return static_cast<fastpar::status>(failure_.status); }

  /** zstd's error code, the system's (status::io), else 0. */
  [[nodiscard]] std::int32_t native_code() const noexcept { return failure_.code; }

  /** The system's code of a failed file operation, which std::errc compares with; else no error. */
  [[nodiscard]] std::error_code system_code() const noexcept {
    return status() == fastpar::status::io ? std::error_code(failure_.code, std::system_category())
                                           : std::error_code();
  }

  /** Chunk, item or frame index, or byte offset, as fastpar.h says for each function; empty: none. */
  [[nodiscard]] std::optional<std::uint64_t> position() const noexcept {
    return failure_.position == UINT64_MAX ? std::nullopt : std::optional<std::uint64_t>(failure_.position);
  }

  /** With status::buffer_too_small: bytes that are enough; 0: not known. */
  [[nodiscard]] std::uint64_t needed_size() const noexcept { return needed_size_; }

  /** The failure as C knows it. */
  [[nodiscard]] const fastpar_error &raw() const noexcept { return failure_; }

 private:
  static fastpar_error describe(fastpar::status status, const char *message) noexcept {
    fastpar_error failure{static_cast<std::int32_t>(status), 0, UINT64_MAX, {}};
    std::strncpy(failure.message, message, sizeof failure.message - 1);
    return failure;
  }

  fastpar_error failure_;
  std::uint64_t needed_size_;
};

namespace detail {

/** Throws unless a call succeeded. `failure` is the struct that the call filled. */
inline void check(fastpar_status result, const fastpar_error &failure) {
  if (result != FASTPAR_OK) throw error(failure);
}

} // namespace detail
} // namespace fastpar

#endif
