/* Parallel zstd, from file to file. Part of fastpar.hpp. */
#ifndef FASTPAR_FILES_HPP
#define FASTPAR_FILES_HPP

#include "paths.hpp"
#include "zstd_options.hpp"

namespace fastpar {

/** Statistics of a call on files. */
struct file_stats {
  /** Bytes read. */
  std::uint64_t bytes_in = 0;
  /** Bytes written, the seek table included. */
  std::uint64_t bytes_out = 0;
  /** zstd frames written, or decoded. */
  std::uint64_t frames = 0;
  /** Wall time. */
  double seconds = 0;
  /** Bytes of working memory at the most. */
  std::uint64_t peak_memory = 0;
};

namespace detail {

/** Runs one of the two functions. */
template <class Function>
file_stats on_files(Function function, const std::filesystem::path &src_path, const std::filesystem::path &dst_path,
                    const zstd_options &options) {
  const std::string from = utf8(src_path), to = utf8(dst_path);
  zstd_call call(options);
  fastpar_file_stats stats = {};
  stats.struct_size = sizeof stats;
  fastpar_error failure;
  const fastpar_status result = function(call.raw(), from.c_str(), to.c_str(), &stats, &failure);
  call.finish(result, failure);
  return {stats.bytes_in, stats.bytes_out, stats.frames, stats.seconds, stats.peak_memory};
}

} // namespace detail

/**
 * Compresses a file into another, in parallel, to ordinary zstd data; reading, compressing and writing
 * overlap.
 *
 * The target appears when it is complete; an existing one is replaced in that step, and stays as it is if the
 * call fails. Memory does not grow with the file.
 *
 * The target itself is replaced: a symbolic link is not followed. FIFOs, character devices and, on Linux,
 * names of open descriptors (/dev/stdout) are written where they stand; so is, with `in_place`, a file that a
 * rename cannot replace.
 *
 * @param src_path  may be a FIFO or a device
 * @param dst_path  a file, a link, a FIFO, a character device, an open descriptor, or nothing yet; not the
 *                  source
 * @return the statistics of the call.
 * @throws error: io (`system_code()` is the system's), invalid_argument, unsupported, limit_exceeded,
 *         cancelled, out_of_memory, threads, busy (from inside a hook); the exception of the progress
 *         function.
 *
 * Blocks until it is done. May be called from any thread, and from inside bodies.
 */
inline file_stats compress_file(const std::filesystem::path &src_path, const std::filesystem::path &dst_path,
                                const zstd_options &options = {}) {
  return detail::on_files(fastpar_compress_file, src_path, dst_path, options);
}

/**
 * Decompresses a file into another, in parallel where the data allows; the source need not be trusted.
 *
 * The target is written as by compress_file.
 *
 * @throws as compress_file; error: not_zstd, truncated, corrupt, checksum, dictionary (`position()` is the
 *         offset in the source).
 */
inline file_stats decompress_file(const std::filesystem::path &src_path, const std::filesystem::path &dst_path,
                                  const zstd_options &options = {}) {
  return detail::on_files(fastpar_decompress_file, src_path, dst_path, options);
}

} // namespace fastpar

#endif
