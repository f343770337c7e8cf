/* The options of the codec. Part of fastpar.hpp. */
#ifndef FASTPAR_ZSTD_OPTIONS_HPP
#define FASTPAR_ZSTD_OPTIONS_HPP

#include "control.hpp"
#include "dicts.hpp"

#include <vector>

namespace fastpar {
inline namespace FASTPAR_CPP {

/** Options of the codec, for both directions; every member has its default. */
struct zstd_options {
  /** Compress: -131072 (fastest) to 22 (smallest). 0: the level of `dict`, or 3 without one. */
  std::int32_t level = 0;
  /** Compress: frames carry no checksum. */
  bool no_checksum = false;
  /** Compress: no seek table follows the frames. */
  bool no_seek_table = false;
  /** Compress: one frame, whose sections are compressed in parallel. */
  bool single_frame = false;
  /** Compress: long-distance matching, with a window of 128 MiB unless `window_log` says otherwise. */
  bool long_distance = false;
  /** Compress: frames end where a rolling hash of the content says so; not with `single_frame`. */
  bool rsyncable = false;
  /** Compress: a seek table is written for a single frame, too. Decompress: the data must end with a
   * seek table that covers all of it, else error with truncated. */
  bool complete = false;
  /** Readers: a seek table is expected, and the checksums that it tells of frames are compared with them when
   * it comes: error with checksum. */
  bool check_table = false;
  /** Files are on the disk when the call returns. */
  bool sync = false;
  /** New target files have holes where the data is zero. */
  bool sparse = false;
  /** An existing target file is never replaced: error with io. */
  bool keep = false;
  /** An ordinary target file that a rename cannot replace is overwritten in place. */
  bool in_place = false;
  /**
   * Compress: uncompressed bytes per frame. 0: from memory to memory 24 equal frames, fewer for small data,
   * more for large; to files and streams 4 MiB, and more at high levels.
   */
  std::size_t frame_size = 0;
  /** Threads that work at the same time. 0: as many as the CPUs this process may use. */
  std::uint32_t max_lanes = 0;
  /** Compress: the window is 2 to the power of this; 0: by level. Decompress: larger windows are refused; 0:
   * 27. */
  std::uint32_t window_log = 0;
  /** Compress: how libzstd searches, 1 to 9; 0: by level. */
  std::uint32_t strategy = 0;
  /** compress_file: where the part of the source begins that is compressed, in bytes. */
  std::uint64_t src_offset = 0;
  /** The bytes of that part. 0: up to the end of the source. */
  std::uint64_t src_size = 0;
  /** The most bytes that may come out: error with limit_exceeded past it. 0: no limit. */
  std::uint64_t max_output = 0;
  /** Working memory of one call in bytes: fewer lanes are used to keep to it. 0: no limit. */
  std::uint64_t max_memory = 0;
  /** Its dictionary; may be null. */
  const fastpar::dict *dict = nullptr;
  /** Decompress: more dictionaries, of which a frame gets the one that it names; none may be null. */
  span<const fastpar::dict *const> dicts = {};
  /** What the single frame may repeat, such as an older version of the content; the same to decompress it.
   * Not together with `dict`. Must live, and not change, as long as the call, or what was opened with it. */
  bytes prefix = {};
  /** Cancels the call; may be null. */
  cancel_flag *cancel = nullptr;
#ifdef __cpp_lib_jthread
  /** Cancels the call when a stop is requested. */
  std::stop_token stop = {};
#endif
  /** Told how many uncompressed bytes are done; `total` is UINT64_MAX while the data does not tell. */
  progress_function progress = {};
};

} // namespace FASTPAR_CPP

namespace detail {
inline namespace FASTPAR_CPP {

/** The options as C knows them, for as long as they are used. Refers to them. */
class zstd_arguments {
 public:
  zstd_arguments(const zstd_options &options, carried &exceptions) : control_(options, exceptions) {
    raw_.struct_size = sizeof raw_;
    raw_.level = options.level;
    raw_.flags = (options.no_checksum ? FASTPAR_ZSTD_NO_CHECKSUM : 0u) |
                 (options.no_seek_table ? FASTPAR_ZSTD_NO_SEEK_TABLE : 0u) |
                 (options.single_frame ? FASTPAR_ZSTD_SINGLE_FRAME : 0u) |
                 (options.long_distance ? FASTPAR_ZSTD_LONG : 0u) |
                 (options.rsyncable ? FASTPAR_ZSTD_RSYNCABLE : 0u) |
                 (options.complete ? FASTPAR_ZSTD_COMPLETE : 0u) | (options.sync ? FASTPAR_ZSTD_SYNC : 0u) |
                 (options.sparse ? FASTPAR_ZSTD_SPARSE : 0u) | (options.keep ? FASTPAR_ZSTD_KEEP : 0u) |
                 (options.in_place ? FASTPAR_ZSTD_IN_PLACE : 0u) |
                 (options.check_table ? FASTPAR_ZSTD_CHECK_TABLE : 0u);
    raw_.frame_size = options.frame_size;
    raw_.max_lanes = options.max_lanes;
    raw_.window_log = options.window_log;
    raw_.max_output = options.max_output;
    raw_.max_memory = options.max_memory;
    raw_.strategy = options.strategy;
    raw_.src_offset = options.src_offset;
    raw_.src_size = options.src_size;
    raw_.dict = options.dict ? options.dict->raw() : nullptr;
    dicts_.reserve(options.dicts.size());
    for (const dict *each : options.dicts) dicts_.push_back(each ? each->raw() : nullptr);
    raw_.dicts = dicts_.data();
    raw_.dicts_count = dicts_.size();
    raw_.prefix = options.prefix.data();
    raw_.prefix_len = options.prefix.size();
    control_.apply(raw_);
  }

  [[nodiscard]] const fastpar_zstd_options *raw() const noexcept { return &raw_; }

 private:
  control control_;
  std::vector<const fastpar_dict *> dicts_;
  fastpar_zstd_options raw_ = {};
};

/** The same for one blocking call, and the exceptions that it carries. */
class zstd_call {
 public:
  explicit zstd_call(const zstd_options &options) : arguments_(options, exceptions_) {}

  [[nodiscard]] const fastpar_zstd_options *raw() const noexcept { return arguments_.raw(); }

  /** Throws the call's error. `written`: where the call has left the size that would have been enough. */
  void finish(fastpar_status result, const fastpar_error &failure, std::size_t written = 0) const {
    if (result == FASTPAR_ERR_BUFFER_TOO_SMALL) throw error(failure, written);
    exceptions_.finish(result, failure);
  }

 private:
  carried exceptions_{};
  zstd_arguments arguments_;
};

} // namespace FASTPAR_CPP
} // namespace detail
} // namespace fastpar

#endif
