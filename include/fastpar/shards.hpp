/* The work of many machines. Part of fastpar.hpp. */
#ifndef FASTPAR_SHARDS_HPP
#define FASTPAR_SHARDS_HPP

#include "scans.hpp"

namespace fastpar {

/** A part of an archive: `offset` and `size` are those of scan_options. Of an empty shard `offset` is
 * the size of the content. */
struct shard {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  /** The frames that are to be read for it. */
  std::uint64_t first_frame = 0;
  std::uint64_t frames = 0;
};

/**
 * Tells which part of an archive one of `shards` machines is to scan. Cut at frames, at whole records;
 * arithmetic only, and the same on every machine.
 *
 * @param options  `record_size`, `lines`, `offset` and `size` as for the scan
 * @throws error: invalid_argument.
 */
[[nodiscard]] inline shard archive_shard(const archive &archive, std::uint64_t shards, std::uint64_t index,
                                         const scan_options &options = {}) {
  const fastpar_scan_options raw = detail::raw_options(options, 0);
  fastpar_shard made = {};
  made.struct_size = sizeof made;
  fastpar_error failure;
  detail::check(fastpar_archive_shard(&raw, archive.raw(), shards, index, &made, &failure), failure);
  return {made.offset, made.size, made.first_frame, made.frames};
}

/**
 * Joins compressed files to one, without decompressing them; one seek table is written.
 *
 * @param paths     at least one
 * @param dst_path  as for compress_file; it may be the first of `paths`, to which the others are then
 *                  appended
 * @throws as compress_file, and as opening the sources as archives.
 */
inline file_stats concat_files(const std::vector<std::filesystem::path> &paths, const std::filesystem::path &dst_path,
                               const zstd_options &options = {}) {
  std::vector<std::string> names;
  for (const auto &path : paths) names.push_back(detail::utf8(path));
  std::vector<const char *> sources;
  for (const auto &name : names) sources.push_back(name.c_str());
  const std::string to = detail::utf8(dst_path);
  detail::zstd_call call(options);
  fastpar_file_stats stats = {};
  stats.struct_size = sizeof stats;
  fastpar_error failure;
  const fastpar_status result =
      fastpar_concat_files(call.raw(), sources.data(), sources.size(), to.c_str(), &stats, &failure);
  call.finish(result, failure);
  return {stats.bytes_in, stats.bytes_out, stats.frames, stats.seconds, stats.peak_memory};
}

/**
 * Writes the seek table of frames that a program has put one after the other itself: several machines into
 * one file, or a store that joins what it is sent. Compressed with `no_seek_table`; frame_read tells sizes.
 *
 * @param sizes          bytes of each frame, in their order
 * @param content_sizes  bytes of the content of each
 * @param checksums      of all frames, the lower half of the XXH64 of each content; or none
 * @return what comes behind the last frame, at the very end of the data
 * @throws error: invalid_argument (there are not as many of each), limit_exceeded (a frame or a content of
 *         4 GiB or more, whose index is `position()`; or too many frames); std::bad_alloc.
 *
 * Never blocks. May be called from any thread.
 */
[[nodiscard]] inline buffer<std::byte> seek_table_write(span<const std::uint64_t> sizes,
                                                        span<const std::uint64_t> content_sizes,
                                                        span<const std::uint32_t> checksums = {}) {
  if (sizes.size() != content_sizes.size() || (!checksums.empty() && checksums.size() != sizes.size()))
    throw error(status::invalid_argument, "there are not as many of each");
  const std::uint32_t *sums = checksums.empty() ? nullptr : checksums.data();
  std::size_t written = 0;
  const auto write = [&](void *dst, std::size_t capacity, fastpar_error *failure) {
    return fastpar_seek_table_write(sizes.data(), content_sizes.data(), sums, sizes.size(), dst, capacity, &written,
                                    failure);
  };
  fastpar_error failure;
  const fastpar_status sized = write(nullptr, 0, &failure);
  if (sized != FASTPAR_ERR_BUFFER_TOO_SMALL) detail::check(sized, failure);
  buffer<std::byte> table(written);
  detail::check(write(table.data(), table.size(), &failure), failure);
  return table;
}

} // namespace fastpar

#endif
