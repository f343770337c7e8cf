/* Parallel zstd, over any sink and source. Part of fastpar.hpp. */
#ifndef FASTPAR_STREAMS_HPP
#define FASTPAR_STREAMS_HPP

#include "view.hpp"
#include "zstd_options.hpp"

#include <memory>
#include <optional>
#include <utility>

namespace fastpar {
namespace detail {

/** The state that the callbacks of a stream need while the stream lives. */
class stream_state {
 public:
  stream_state() = default;
  stream_state(const stream_state &) = delete;
  stream_state &operator=(const stream_state &) = delete;
  virtual ~stream_state() = default;

  carried exceptions{};
};

inline namespace FASTPAR_CPP {

/** The state with the sink or the source, and the options. */
template <class Function>
class function_state final : public stream_state {
 public:
  template <class Argument>
  function_state(Argument &&function, zstd_options options)
      : function_(std::forward<Argument>(function)), options_(std::move(options)), arguments_(options_, exceptions) {}

  [[nodiscard]] const fastpar_zstd_options *raw() const noexcept { return arguments_.raw(); }

  static std::int32_t sink(void *user_data, const void *data, std::size_t len) noexcept {
    auto *self = static_cast<function_state *>(user_data);
    try {
      std::invoke(self->function_, bytes(static_cast<const std::byte *>(data), len));
      return FASTPAR_OK;
    } catch (...) {
      self->exceptions.keep(0);
      return threw;
    }
  }

  static std::int32_t source(void *user_data, void *buffer, std::size_t capacity, std::size_t *len) noexcept {
    auto *self = static_cast<function_state *>(user_data);
    try {
      // A number of bytes, or an optional one.
      const std::optional<std::size_t> given =
          std::invoke(self->function_, writable_bytes(static_cast<std::byte *>(buffer), capacity));
      *len = given.value_or(0);
      return given ? FASTPAR_OK : FASTPAR_SOURCE_LATER;
    } catch (...) {
      self->exceptions.keep(0);
      return threw;
    }
  }

 private:
  Function function_;
  const zstd_options options_;
  zstd_arguments arguments_;
};

} // namespace FASTPAR_CPP
} // namespace detail

/**
 * A stream that is compressed, in parallel, to ordinary zstd data.
 *
 *     std::ofstream file("data.zst", std::ios::binary);
 *     fastpar::writer writer([&](fastpar::bytes data) {
 *       file.write(reinterpret_cast<const char *>(data.data()), static_cast<std::streamsize>(data.size()));
 *     });
 *     writer.write(fastpar::as_bytes(values));
 *     writer.finish();
 *
 * The result depends on the bytes, on where they are flushed and on the options only, not on how they are cut
 * into calls, nor on threads. Memory does not grow with the stream. Movable; used by one thread at a time.
 * Released without `finish` it drops what has not reached the sink; released inside its own sink or progress
 * function too, and the call around it throws error with closed. A writer that has failed fails in the same
 * way from then on.
 */
class writer {
 public:
  /** No stream: its functions throw error with invalid_argument. */
  writer() noexcept = default;

  /**
   * Opens a stream.
   *
   * @param sink     callable with `bytes`, takes all of them, in order; called by the thread that calls the
   *                 writer, while it does. Moved or copied into the writer.
   * @param options  kept by the writer; what `cancel` points to must live as long. `progress` is told
   *                 uncompressed bytes.
   * @throws error: invalid_argument, unsupported, limit_exceeded (max_memory), out_of_memory; std::bad_alloc.
   *
   * Does not block, and starts no thread. May be called from any thread.
   */
  template <class Sink, class = std::enable_if_t<std::is_invocable_v<std::decay_t<Sink> &, bytes>>>
  explicit writer(Sink &&sink, zstd_options options = {}) {
    using state = detail::function_state<std::decay_t<Sink>>;
    auto made = std::make_shared<state>(std::forward<Sink>(sink), std::move(options));
    fastpar_error failure;
    detail::check(fastpar_writer_open(made->raw(), &state::sink, made.get(), &raw_, &failure), failure);
    state_ = std::move(made);
  }
  writer(writer &&other) noexcept : state_(std::move(other.state_)), raw_(std::exchange(other.raw_, nullptr)) {}
  writer &operator=(writer &&other) noexcept {
    fastpar_writer_free(std::exchange(raw_, std::exchange(other.raw_, nullptr)));
    state_ = std::move(other.state_);
    return *this;
  }
  ~writer() { fastpar_writer_free(raw_); }

  /**
   * Compresses bytes; their compressed form reaches the sink in this call or in a later one.
   *
   * @throws the exception of the sink or of the progress function; error: closed (it is finished), cancelled,
   *         limit_exceeded, busy (another thread uses it, or its own sink), out_of_memory, threads.
   *
   * Blocks while the sink does, and while as much is under way as fits into its memory.
   */
  void write(bytes data) {
    call([data](fastpar_writer *raw, fastpar_error *failure) {
      return fastpar_writer_write(raw, data.data(), data.size(), failure);
    });
  }

  /**
   * Ends the current frame, and gives everything written so far to the sink. Every frame costs compression.
   * Throws as `write`.
   */
  void flush() { call(fastpar_writer_flush); }

  /** Ends the stream: the last frame and the seek table are given to the sink. Throws as `write`. */
  void finish() { call(fastpar_writer_finish); }

 private:
  template <class Function>
  void call(Function function) const {
    const std::shared_ptr<detail::stream_state> state = state_; // the sink may release this writer
    fastpar_error failure;
    const fastpar_status result = function(raw_, &failure);
    if (!state || result == FASTPAR_ERR_BUSY) return detail::check(result, failure);
    state->exceptions.finish(result, failure);
  }

  std::shared_ptr<detail::stream_state> state_;
  fastpar_writer *raw_ = nullptr;
};

/**
 * A stream that is decompressed, in parallel where the data allows. The data need not be trusted.
 *
 *     std::ifstream file("data.zst", std::ios::binary);
 *     fastpar::reader reader([&](fastpar::writable_bytes buffer) {
 *       file.read(reinterpret_cast<char *>(buffer.data()), static_cast<std::streamsize>(buffer.size()));
 *       return static_cast<std::size_t>(file.gcount());
 *     });
 *     while (const std::size_t size = reader.read(buffer)) use(buffer, size);
 *
 * The source is read ahead of the output. Memory does not grow with the stream. Movable; used by one thread
 * at a time. Released inside its own source or progress function, the call around it throws error with
 * closed. A reader that has failed fails in the same way from then on.
 */
class reader {
 public:
  /** No stream: its functions throw error with invalid_argument. */
  reader() noexcept = default;

  /**
   * Opens a stream.
   *
   * @param source   callable with `writable_bytes`, fills them from their start on and returns how many it
   *                 filled, 0 at the end; called by the thread that calls the reader, while it does. Moved or
   *                 copied into the reader. A source that must not wait returns std::optional<std::size_t>,
   *                 and std::nullopt where it has nothing now: see `try_read`.
   * @param options  kept by the reader; what `cancel` points to must live as long. `progress` is told bytes
   *                 of the source.
   * @throws error: invalid_argument, unsupported, limit_exceeded (max_memory), out_of_memory; std::bad_alloc.
   *
   * Does not block, and starts no thread. May be called from any thread.
   */
  template <class Source,
            class = std::enable_if_t<
                std::is_invocable_r_v<std::optional<std::size_t>, std::decay_t<Source> &, writable_bytes>>>
  explicit reader(Source &&source, zstd_options options = {}) {
    using state = detail::function_state<std::decay_t<Source>>;
    auto made = std::make_shared<state>(std::forward<Source>(source), std::move(options));
    fastpar_error failure;
    detail::check(fastpar_reader_open(made->raw(), &state::source, made.get(), &raw_, &failure), failure);
    state_ = std::move(made);
  }
  reader(reader &&other) noexcept : state_(std::move(other.state_)), raw_(std::exchange(other.raw_, nullptr)) {}
  reader &operator=(reader &&other) noexcept {
    fastpar_reader_free(std::exchange(raw_, std::exchange(other.raw_, nullptr)));
    state_ = std::move(other.state_);
    return *this;
  }
  ~reader() { fastpar_reader_free(raw_); }

  /**
   * Gives out the next decompressed bytes.
   *
   * @param dst  filled from its start on; may be empty
   * @return at least 1 and maybe fewer than `dst` holds; 0: the end of the data, or `dst` is empty.
   * @throws the exception of the source or of the progress function, after all output before it was given
   *         out; error: not_zstd, truncated, corrupt, checksum, dictionary (`position()` is the frame's
   *         offset), limit_exceeded, cancelled, busy (another thread uses it, or its own source),
   *         out_of_memory, threads.
   *
   * Blocks while the source does, and until there is something to give.
   */
  [[nodiscard]] std::size_t read(writable_bytes dst) {
    std::size_t len = 0;
    fastpar_error failure;
    detail::check(call(dst, &len, &failure), failure);
    return len;
  }

  /**
   * The same for a source that must not wait: std::nullopt where nothing can be given out before the source
   * is asked again, which the next call does. Nothing is lost. (`read` throws error with again there.)
   */
  [[nodiscard]] std::optional<std::size_t> try_read(writable_bytes dst) {
    std::size_t len = 0;
    fastpar_error failure;
    const fastpar_status result = call(dst, &len, &failure);
    if (result == FASTPAR_ERR_AGAIN) return std::nullopt;
    detail::check(result, failure);
    return len;
  }

 private:
  fastpar_status call(writable_bytes dst, std::size_t *len, fastpar_error *failure) {
    const std::shared_ptr<detail::stream_state> state = state_; // the source may release this reader
    const fastpar_status result = fastpar_reader_read(raw_, dst.data(), dst.size(), len, failure);
    // An exception is thrown when its status arrives; that of the last progress report at the end of the
    // data.
    const bool its_turn = result == FASTPAR_ERR_CALLBACK || result == FASTPAR_ERR_CANCELLED ||
                          (result == FASTPAR_OK && *len == 0 && !dst.empty());
    if (state && its_turn) state->exceptions.finish(result, *failure);
    return result;
  }

  std::shared_ptr<detail::stream_state> state_;
  fastpar_reader *raw_ = nullptr;
};

} // namespace fastpar

#endif
