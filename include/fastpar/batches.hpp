/* Many small buffers in one call. Part of fastpar.hpp. */
#ifndef FASTPAR_BATCHES_HPP
#define FASTPAR_BATCHES_HPP

#include "view.hpp"
#include "zstd_options.hpp"

namespace fastpar {

/** One buffer of a batch: its input, its output, and its result. */
struct batch_item : fastpar_batch_item {
  batch_item() noexcept : fastpar_batch_item{} {}
  batch_item(bytes input, writable_bytes room) noexcept : fastpar_batch_item{} {
    src = input.data();
    src_len = input.size();
    dst = room.data();
    dst_capacity = room.size();
  }

  /** The item's status: status::ok, or why it failed. With buffer_too_small `written` is a capacity that is
   * enough, or 0. */
  [[nodiscard]] fastpar::status outcome() const noexcept { return static_cast<fastpar::status>(status); }

  /** The bytes written, on status::ok. */
  [[nodiscard]] writable_bytes output() const noexcept {
    return {static_cast<std::byte *>(dst), outcome() == fastpar::status::ok ? written : 0};
  }
};

namespace detail {

/** Runs one of the two functions. */
template <class Function>
std::size_t on_batch(Function function, span<batch_item> items, const zstd_options &options) {
  static_assert(sizeof(batch_item) == sizeof(fastpar_batch_item), "an item is what C knows, and nothing more");
  zstd_call call(options);
  std::size_t failed = 0;
  fastpar_error failure;
  const fastpar_status result =
      function(call.raw(), items.data(), sizeof(batch_item), items.size(), &failed, &failure);
  call.finish(result, failure);
  return failed;
}

} // namespace detail

/**
 * Compresses many buffers, each to one zstd frame, in parallel.
 *
 * Equivalent to this serial loop, but for its cost for each call:
 *
 *     options.single_frame = true;
 *     for (auto &item : items) item.written = compress(input of item, room of item, options);
 *
 * @param items  in and out; no buffer that is written may overlap another
 * @return how many items failed: `outcome()` of each tells why.
 * @throws error, for the call itself: invalid_argument, unsupported, limit_exceeded (max_memory), cancelled
 *         (then an item that was not done has status::cancelled), out_of_memory, threads, busy (from inside a
 *         hook); the exception of the progress function.
 *
 * Blocks until it is done. May be called from any thread, and from inside bodies.
 */
[[nodiscard]] inline std::size_t compress_batch(span<batch_item> items, const zstd_options &options = {}) {
  return detail::on_batch(fastpar_compress_batch, items, options);
}

/** Decompresses many buffers, each with all the zstd frames in it, in parallel; the same as compress_batch
 * otherwise. */
[[nodiscard]] inline std::size_t decompress_batch(span<batch_item> items, const zstd_options &options = {}) {
  return detail::on_batch(fastpar_decompress_batch, items, options);
}

} // namespace fastpar

#endif
