/* Parallel zstd, from memory to memory. Part of fastpar.hpp. */
#ifndef FASTPAR_CODEC_HPP
#define FASTPAR_CODEC_HPP

#include "view.hpp"
#include "zstd_options.hpp"

#include <cstdint>
#include <cstring>
#include <optional>

namespace fastpar {

/**
 * Tells a capacity that is enough for compressing any `src_len` bytes with these options.
 *
 * @throws error: invalid_argument, unsupported.
 *
 * It is about 0.4 % more than `src_len`. Never blocks. May be called from any thread.
 */
[[nodiscard]] inline std::size_t compress_bound(std::size_t src_len, const zstd_options &options = {}) {
  const detail::zstd_call call(options);
  std::size_t bound = 0;
  fastpar_error failure;
  detail::check(fastpar_compress_bound(call.raw(), src_len, &bound, &failure), failure);
  return bound;
}

/**
 * Compresses bytes into others, in parallel, to ordinary zstd data that every zstd reader decodes.
 *
 * The result depends on `src` and on what the options say of it (`level`, `strategy`, `frame_size`,
 * `window_log`, `dict`, `prefix`, the flags) only, never on threads.
 *
 * Some readers stop after the first frame, and tell no error (`zstandard.decompress`, CPython's
 * `ZstdDecompressor`): `single_frame` is for those.
 *
 * @param src  fastpar::as_bytes(container) makes them of any contiguous items
 * @param dst  may be smaller than compress_bound tells if the result fits; must not overlap `src`
 * @return the bytes written. Bytes after them in `dst` may be overwritten too.
 * @throws error: buffer_too_small (`needed_size()` is always enough), limit_exceeded, cancelled,
 *         invalid_argument, unsupported, out_of_memory, threads, busy (from inside a hook); the exception of
 *         the progress function.
 *
 * Blocks until it is done. May be called from any thread, and from inside bodies. Allocates nothing of the
 * size of the data.
 */
inline std::size_t compress(bytes src, writable_bytes dst, const zstd_options &options = {}) {
  detail::zstd_call call(options);
  std::size_t written = 0;
  fastpar_error failure;
  const fastpar_status result =
      fastpar_compress(call.raw(), src.data(), src.size(), dst.data(), dst.size(), &written, &failure);
  call.finish(result, failure, written);
  return written;
}

/**
 * Compresses bytes into a buffer of its own, which is not set to zeros first.
 *
 * @throws as the other form, but never buffer_too_small; std::bad_alloc or std::length_error for the result.
 */
[[nodiscard]] inline buffer<std::byte> compress(bytes src, const zstd_options &options = {}) {
  buffer<std::byte> result(compress_bound(src.size(), options));
  const std::size_t written = compress(src, writable_bytes(result.data(), result.size()), options);
  if (written >= result.size() / 2) {
    result.resize(written);
    return result;
  }
  buffer<std::byte> tight(written); // data that compresses well does not keep the memory of data that does not
  if (written != 0) std::memcpy(tight.data(), result.data(), written);
  return tight;
}

/**
 * Tells how many bytes zstd data decompresses to, by its headers; nothing is decompressed.
 *
 * The data need not be trusted, but a few kilobytes may honestly decompress to gigabytes: compare the size
 * with a limit of yours before you allocate it.
 *
 * @throws error: unsupported (a frame does not tell its size), not_zstd, truncated, corrupt, limit_exceeded;
 *         `position()` is the offset of the frame.
 *
 * Never blocks. May be called from any thread.
 */
[[nodiscard]] inline std::uint64_t decompressed_size(bytes src) {
  std::uint64_t size = 0;
  fastpar_error failure;
  detail::check(fastpar_decompressed_size(src.data(), src.size(), &size, &failure), failure);
  return size;
}

/** What a frame of zstd data tells, in bytes. */
struct zstd_info {
  std::optional<std::uint64_t> size; /**< Of the content; none: not told. 0 for a skippable frame. */
  std::uint64_t compressed_size;     /**< Of the frame: header, blocks, checksum. */
  std::uint64_t window;              /**< Of the latest output, which a decoder has to keep. */
  std::uint32_t dict_id;             /**< The dictionary that decompressing needs; 0: none, or not told. */
  bool checksum;                     /**< Whether the frame ends with a checksum of its content. */
  bool skippable;                    /**< Whether it holds data for other programs, without content. */
};

/**
 * Tells what the first frame of some zstd data says about itself; nothing is decompressed. The next frame, if
 * there is one, begins `compressed_size` bytes further on.
 *
 * @param src  the whole frame must be there; need not be trusted
 * @throws error: not_zstd, truncated, corrupt.
 *
 * Never blocks. May be called from any thread.
 */
[[nodiscard]] inline zstd_info frame_read(bytes src) {
  fastpar_zstd_info info{};
  info.struct_size = sizeof info;
  fastpar_error failure;
  detail::check(fastpar_frame_read(src.data(), src.size(), &info, &failure), failure);
  return {info.size == UINT64_MAX ? std::nullopt : std::optional<std::uint64_t>(info.size),
          info.compressed_size,
          info.window,
          info.dict_id,
          (info.flags & FASTPAR_FRAME_CHECKSUM) != 0,
          (info.flags & FASTPAR_FRAME_SKIPPABLE) != 0};
}

/**
 * Decompresses zstd data into other bytes, in parallel where the data allows.
 *
 * Reads all valid zstd data, which need not be trusted. Checksums that are there are verified.
 *
 * @param dst  must not overlap `src`
 * @return the bytes written. Bytes after them in `dst` may be overwritten too.
 * @throws error: buffer_too_small (`needed_size()` is a size that is enough, or 0), limit_exceeded, not_zstd,
 *         truncated, corrupt, checksum, dictionary (then `position()` is the offset of the frame), cancelled,
 *         invalid_argument, unsupported, out_of_memory, threads, busy (from inside a hook); the exception of
 *         the progress function.
 *
 * Blocks until it is done. May be called from any thread, and from inside bodies. Allocates nothing that the
 * data asks for.
 */
inline std::size_t decompress(bytes src, writable_bytes dst, const zstd_options &options = {}) {
  detail::zstd_call call(options);
  std::size_t written = 0;
  fastpar_error failure;
  const fastpar_status result =
      fastpar_decompress(call.raw(), src.data(), src.size(), dst.data(), dst.size(), &written, &failure);
  call.finish(result, failure, written);
  return written;
}

namespace detail {

/** Decompresses data that does not tell its size: serial anyway, and again with more room until it fits. */
inline buffer<std::byte> decompress_unsized(bytes src, const zstd_options &options) {
  for (std::size_t room = src.size() < 16384 ? 65536 : src.size() * 4;; room *= 4) {
    if (options.max_output != 0 && room > options.max_output) room = static_cast<std::size_t>(options.max_output);
    buffer<std::byte> result(room);
    try {
      result.resize(decompress(src, writable_bytes(result.data(), result.size()), options));
      return result;
    } catch (const error &e) {
      if (e.status() != status::buffer_too_small) throw;
    }
  }
}

} // namespace detail

/**
 * Decompresses zstd data into a buffer of its own, which is not set to zeros first.
 *
 * @param options  set `max_output` for data that is not trusted: it is looked at before memory is taken
 * @throws as the other form, but never buffer_too_small; std::bad_alloc or std::length_error for the result.
 *
 * Data that does not tell its size takes up to a third longer, as more memory is found to be needed on the
 * way.
 */
[[nodiscard]] inline buffer<std::byte> decompress(bytes src, const zstd_options &options = {}) {
  std::uint64_t size = 0;
  fastpar_error failure;
  const fastpar_status result = fastpar_decompressed_size(src.data(), src.size(), &size, &failure);
  if (result == FASTPAR_ERR_UNSUPPORTED) return detail::decompress_unsized(src, options);
  detail::check(result, failure);
  if (options.max_output != 0 && size > options.max_output)
    throw error(status::limit_exceeded, "the data decompresses to more than max_output");
  if (size > SIZE_MAX) throw error(status::limit_exceeded, "the data decompresses to more than fits into memory");
  buffer<std::byte> whole(static_cast<std::size_t>(size));
  whole.resize(decompress(src, writable_bytes(whole.data(), whole.size()), options));
  return whole;
}

} // namespace fastpar

#endif
