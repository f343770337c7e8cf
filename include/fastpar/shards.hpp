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

} // namespace fastpar

#endif
