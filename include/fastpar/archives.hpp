/* Random access to compressed data. Part of fastpar.hpp. */
#ifndef FASTPAR_ARCHIVES_HPP
#define FASTPAR_ARCHIVES_HPP

#include "options.hpp"
#include "paths.hpp"
#include "streams.hpp"

#include <cstring>

namespace fastpar {

/** Where a frame is, and what part of the content it holds. */
struct frame_info {
  /** Where the frame begins in the compressed data. */
  std::uint64_t offset = 0;
  /** Its bytes there. */
  std::uint64_t size = 0;
  /** Where its content begins in the whole. */
  std::uint64_t content_offset = 0;
  /** Bytes of its content. */
  std::uint64_t content_size = 0;
};

namespace detail {
inline namespace FASTPAR_CPP {

/** The options of a handle, for as long as it lives. */
class options_state final : public stream_state {
 public:
  explicit options_state(zstd_options options) : options_(std::move(options)), arguments_(options_, exceptions) {}

  [[nodiscard]] const fastpar_zstd_options *raw() const noexcept { return arguments_.raw(); }

 private:
  const zstd_options options_;
  zstd_arguments arguments_;
};

/** The same for an archive that reads by a function. */
template <class Read>
class source_state final : public stream_state {
 public:
  source_state(Read read, zstd_options options)
      : options_(std::move(options)), arguments_(options_, exceptions), read_(std::move(read)) {}

  [[nodiscard]] const fastpar_zstd_options *raw() const noexcept { return arguments_.raw(); }

  static std::int32_t run(void *user_data, std::uint64_t offset, void *buffer, std::size_t len) noexcept {
    auto *self = static_cast<source_state *>(user_data);
    try {
      std::invoke(self->read_, offset, writable_bytes(static_cast<std::byte *>(buffer), len));
      return FASTPAR_OK;
    } catch (const error &failure) {
      fastpar_fail(&failure.raw());
    } catch (const std::exception &exception) {
      fastpar_error failure{FASTPAR_ERR_CALLBACK, threw, UINT64_MAX, {}};
      std::strncpy(failure.message, exception.what(), sizeof failure.message - 1);
      fastpar_fail(&failure);
    } catch (...) {
    }
    return threw;
  }

 private:
  const zstd_options options_;
  zstd_arguments arguments_;
  Read read_;
};

/** Holds what an archive's options and source refer to, for a call that the archive may not outlive. */
struct archive_state;

} // namespace FASTPAR_CPP
} // namespace detail

/**
 * Compressed data that can be read at any offset. Any zstd data will do; the smaller its frames, the faster
 * an offset is reached.
 *
 *     const fastpar::archive archive(std::filesystem::path("trades.zst"));
 *     std::vector<trade> day(count);
 *     archive.read(first * sizeof(trade), fastpar::as_writable_bytes(day));
 *
 * Movable. Its const members may be called by any number of threads at a time.
 */
class archive {
 public:
  /** No archive: its functions throw error with invalid_argument. */
  archive() noexcept = default;

  /**
   * Opens data in memory.
   *
   * @param src      must stay as it is as long as the archive lives; need not be trusted
   * @param options  kept by the archive: `dict`, `window_log`, `max_lanes`, `cancel` and `stop` hold for all
   *                 reads too, and what they point to must live as long. `max_output` limits the whole
   *                 content, `max_memory` also what is kept for later reads (0: 64 MiB). `progress` is not
   *                 called.
   * @throws error: not_zstd, truncated, corrupt, checksum, dictionary (`position()` is the frame's offset),
   *         limit_exceeded, cancelled, invalid_argument, unsupported, out_of_memory, threads, busy (from
   *         inside a hook); std::bad_alloc.
   *
   * Nothing is decompressed, but frames that do not tell their size: those once. May be called from any
   * thread.
   */
  explicit archive(bytes src, zstd_options options = {}) {
    open(std::move(options), [&](const fastpar_zstd_options *raw, fastpar_error *failure) {
      return fastpar_archive_open(raw, src.data(), src.size(), &raw_, failure);
    });
  }

  /** Opens a file, which is read where it is needed. Throws as the other form; error: io (`system_code()`
   * is the system's). */
  explicit archive(const std::filesystem::path &path, zstd_options options = {}) {
    const std::string name = detail::utf8(path);
    open(std::move(options), [&](const fastpar_zstd_options *raw, fastpar_error *failure) {
      return fastpar_archive_open_file(raw, name.c_str(), &raw_, failure);
    });
  }
  /**
   * Opens compressed data wherever it is, such as an object in a store.
   *
   * @param read  `void (std::uint64_t offset, writable_bytes buffer)`: fills all of the buffer, or
   *              throws: the call that wanted the bytes then throws what it threw, if that is a
   *              fastpar::error, else an error with status::callback and its text. Kept by the archive;
   *              called by several threads at a time.
   * @param size  bytes of the compressed data
   */
  template <class Read, class = std::enable_if_t<std::is_invocable_v<Read &, std::uint64_t, writable_bytes>>>
  archive(Read read, std::uint64_t size, zstd_options options = {}) {
    auto made = std::make_shared<detail::source_state<Read>>(std::move(read), std::move(options));
    fastpar_error failure;
    detail::check(fastpar_archive_open_source(made->raw(), &made->run, size, made.get(), &raw_, &failure), failure);
    state_ = std::move(made);
  }
  archive(archive &&other) noexcept : state_(std::move(other.state_)), raw_(std::exchange(other.raw_, nullptr)) {}
  archive &operator=(archive &&other) noexcept {
    fastpar_archive_free(std::exchange(raw_, std::exchange(other.raw_, nullptr)));
    state_ = std::move(other.state_);
    return *this;
  }
  ~archive() { fastpar_archive_free(raw_); }

  /** The archive as C knows it; null: none. */
  [[nodiscard]] fastpar_archive *raw() const noexcept { return raw_; }

  /** Tells the bytes of the whole content; data that is not trusted may claim more than can be read. */
  [[nodiscard]] std::uint64_t size() const { return ask(fastpar_archive_size); }

  /** Tells how many frames there are; skippable frames are not counted. */
  [[nodiscard]] std::uint64_t frames() const { return ask(fastpar_archive_frames); }

  /** Tells about a frame. Throws error: invalid_argument (`index` is not below `frames()`). */
  [[nodiscard]] frame_info frame(std::uint64_t index) const {
    fastpar_frame_info info = {};
    info.struct_size = sizeof info;
    fastpar_error failure;
    detail::check(fastpar_archive_frame(raw_, index, &info, &failure), failure);
    return {info.offset, info.size, info.content_offset, info.content_size};
  }

  /**
   * Reads a part of the content, decompressing the frames that it touches, in parallel.
   *
   * @param offset  where it begins in the content
   * @param dst     filled from its start on
   * @return the bytes read: fewer than `dst` holds only at the end of the content.
   * @throws error: truncated, corrupt, checksum, dictionary, not_zstd (`position()` is the frame's offset),
   *         io, limit_exceeded, cancelled, invalid_argument, out_of_memory, threads, busy (from inside a
   *         hook).
   *
   * Blocks until it is done. May be called from any thread, and from inside bodies.
   */
  std::size_t read(std::uint64_t offset, writable_bytes dst) const {
    const std::shared_ptr<detail::stream_state> state = state_; // the archive may be released meanwhile
    std::size_t written = 0;
    fastpar_error failure;
    detail::check(fastpar_archive_read(raw_, offset, dst.data(), dst.size(), &written, &failure), failure);
    return written;
  }

  /**
   * The same with a flag of its own, which stops this read alone; what the archive was opened with stops it
   * too.
   *
   * @param options  only `max_lanes`, `cancel` and `stop`
   */
  std::size_t read(std::uint64_t offset, writable_bytes dst, const loop_options &options) const {
    const std::shared_ptr<detail::stream_state> state = state_; // the archive may be released meanwhile
    detail::carried exceptions;
    detail::control control(options, exceptions);
    fastpar_loop_options raw = detail::raw_options(options);
    control.apply(raw);
    std::size_t written = 0;
    fastpar_error failure;
    detail::check(fastpar_archive_read_with(&raw, raw_, offset, dst.data(), dst.size(), &written, &failure), failure);
    return written;
  }

 private:
  friend detail::archive_state;

  template <class Open>
  void open(zstd_options options, Open function) {
    auto made = std::make_shared<detail::options_state>(std::move(options));
    fastpar_error failure;
    detail::check(function(made->raw(), &failure), failure);
    state_ = std::move(made);
  }

  template <class Function>
  std::uint64_t ask(Function function) const {
    std::uint64_t answer = 0;
    fastpar_error failure;
    detail::check(function(raw_, &answer, &failure), failure);
    return answer;
  }

  std::shared_ptr<detail::stream_state> state_;
  fastpar_archive *raw_ = nullptr;
};

namespace detail {
inline namespace FASTPAR_CPP {

struct archive_state {
  static std::shared_ptr<stream_state> of(const archive &archive) { return archive.state_; }
};

} // namespace FASTPAR_CPP
} // namespace detail

} // namespace fastpar

#endif
