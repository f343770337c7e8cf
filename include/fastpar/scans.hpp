/* Loops over what is compressed. Part of fastpar.hpp. */
#ifndef FASTPAR_SCANS_HPP
#define FASTPAR_SCANS_HPP

#include "archives.hpp"
#include "files.hpp"
#include "reduce.hpp"

#include <string_view>
#include <vector>

namespace fastpar {

/** A piece of an archive's content: whole records, or lines. `index`, `offset`, `lane` and `lanes` are
 * as in C. */
struct piece : fastpar_piece {
  explicit piece(const fastpar_piece &raw) noexcept : fastpar_piece(raw) {}

  /** Its bytes, valid until the body returns. */
  [[nodiscard]] fastpar::bytes bytes() const noexcept { return {static_cast<const std::byte *>(data), size}; }
};

inline namespace FASTPAR_CPP {

/** Options of a scan; every member has its default. */
struct scan_options {
  /** Bytes of a record; 0: those of the type that the body takes, or 1. */
  std::size_t record_size = 0;
  /** The most bytes of a piece; 0: a frame, and 256 KiB of frames over 1 MiB. */
  std::size_t piece_size = 0;
  /** Records are lines; see scan_lines. */
  bool lines = false;
  /** Threads that work at the same time, the caller included. 0: as the archive was opened with. */
  std::uint32_t max_lanes = 0;
  /** Where the part of the content begins that is scanned, in bytes. */
  std::uint64_t offset = 0;
  /** The bytes of the part; 0: up to the end. */
  std::uint64_t size = 0;
  /** Working memory in bytes, and the longest line. 0: as the archive was opened with. */
  std::uint64_t max_memory = 0;
  /** Cancels the call; may be null. */
  cancel_flag *cancel = nullptr;
#ifdef __cpp_lib_jthread
  /** Cancels the call when a stop is requested. */
  std::stop_token stop = {};
#endif
  /** Told how many bytes of the part are done. */
  progress_function progress = {};
  /** What traces call the scan, UTF-8; may be null. Read when the call begins. */
  const char *name = nullptr;
};

} // namespace FASTPAR_CPP

/** What a body of transform_file writes to. Belongs to the body that gets it. */
class output {
 public:
  explicit output(fastpar_output *raw) noexcept : raw_(raw) {}

  /** Adds bytes. Throws error: out_of_memory. */
  void write(bytes data) const {
    fastpar_error failure;
    detail::check(fastpar_output_write(raw_, data.data(), data.size(), &failure), failure);
  }

  /** Adds a record. */
  template <class Record>
  void write_record(const Record &record) const {
    static_assert(std::is_trivially_copyable_v<Record>, "a record is copied as bytes");
    write({reinterpret_cast<const std::byte *>(std::addressof(record)), sizeof record});
  }

 private:
  fastpar_output *raw_;
};

namespace detail {

/** What the first parameter of a body is. */
template <class Body>
struct first_of : first_of<decltype(&Body::operator())> {};
template <class Result, class First, class... Rest>
struct first_of<Result (*)(First, Rest...)> {
  using type = std::remove_cv_t<std::remove_reference_t<First>>;
};
template <class Result, class First, class... Rest>
struct first_of<Result (*)(First, Rest...) noexcept> : first_of<Result (*)(First, Rest...)> {};
template <class Result, class Of, class First, class... Rest>
struct first_of<Result (Of::*)(First, Rest...)> : first_of<Result (*)(First, Rest...)> {};
template <class Result, class Of, class First, class... Rest>
struct first_of<Result (Of::*)(First, Rest...) const> : first_of<Result (*)(First, Rest...)> {};
template <class Result, class Of, class First, class... Rest>
struct first_of<Result (Of::*)(First, Rest...) noexcept> : first_of<Result (*)(First, Rest...)> {};
template <class Result, class Of, class First, class... Rest>
struct first_of<Result (Of::*)(First, Rest...) const noexcept> : first_of<Result (*)(First, Rest...)> {};
template <class Body>
using taken_by = typename first_of<std::decay_t<Body>>::type;

/** A piece of C as a body wants it: as it is, as text, or as records. */
template <class View>
struct piece_as {
  using raw = fastpar_piece;
  using record = std::remove_const_t<typename View::element_type>;
  static_assert(std::is_const_v<typename View::element_type> && std::is_trivially_copyable_v<record>,
                "a body takes a span of const records that may be copied as bytes, a string_view, or a piece");
  static constexpr std::size_t record_size = sizeof(record);

  template <class Use>
  static void with(const raw &from, Use &&use) {
    const std::size_t count = from.size / sizeof(record);
    if (reinterpret_cast<std::uintptr_t>(from.data) % alignof(record) == 0) {
      use(View(static_cast<const record *>(from.data), count));
      return;
    }
    struct place {
      alignas(record) unsigned char bytes[sizeof(record)];
    };
    std::vector<place> copy(count); // a frame begins within a record
    std::memcpy(copy.data(), from.data, count * sizeof(record));
    use(View(reinterpret_cast<const record *>(copy.data()), count));
  }
};
template <>
struct piece_as<piece> {
  using raw = fastpar_piece;
  static constexpr std::size_t record_size = 0;
  template <class Use>
  static void with(const raw &from, Use &&use) {
    use(piece(from));
  }
};
template <>
struct piece_as<std::string_view> {
  using raw = fastpar_piece;
  static constexpr std::size_t record_size = 0;
  template <class Use>
  static void with(const raw &from, Use &&use) {
    use(std::string_view(static_cast<const char *>(from.data), from.size));
  }
};

/** The options in their C form, without those that control::apply adds. */
inline fastpar_scan_options raw_options(const scan_options &options, std::size_t record_size) noexcept {
  fastpar_scan_options raw = {};
  raw.struct_size = sizeof raw;
  raw.record_size = options.record_size != 0 || options.lines ? options.record_size : record_size;
  raw.piece_size = options.piece_size;
  raw.flags = options.lines ? FASTPAR_SCAN_LINES : 0;
  raw.max_lanes = options.max_lanes;
  raw.offset = options.offset;
  raw.size = options.size;
  raw.max_memory = options.max_memory;
  raw.name = options.name;
  return raw;
}

/** A body and the exceptions that it throws, behind one pointer for C. */
template <class Body>
struct piece_call {
  using view = taken_by<Body>;
  Body &body;
  carried exceptions{};

  template <class Use>
  std::int32_t guarded(const fastpar_piece *raw, Use &&use) noexcept {
    try {
      piece_as<view>::with(*raw, use);
      return FASTPAR_OK;
    } catch (...) {
      exceptions.keep(static_cast<std::size_t>(raw->index));
      return threw;
    }
  }
  static std::int32_t run(void *user_data, const fastpar_piece *raw) noexcept {
    auto *self = static_cast<piece_call *>(user_data);
    return self->guarded(raw, [&](const view &part) {
      if constexpr (std::is_invocable_v<Body &, const view &, const piece &>)
        std::invoke(self->body, part, piece(*raw));
      else
        std::invoke(self->body, part);
    });
  }
  static std::int32_t transform(void *user_data, const fastpar_piece *raw, fastpar_output *to) noexcept {
    auto *self = static_cast<piece_call *>(user_data);
    return self->guarded(raw, [&](const view &part) {
      output out(to);
      std::invoke(self->body, part, out);
    });
  }
};

} // namespace detail

/**
 * Decompresses the content of an archive in parallel, and calls a body for each piece of it, on the thread
 * that has just decompressed it.
 *
 *     fastpar::scan(archive, [](fastpar::span<const trade> rows) { ... });
 *
 * Pieces are whole records; one that the end of a frame cuts comes whole, as a piece of its own. Which pieces
 * there are depends on the archive and the options only, never on threads.
 *
 * @param archive  may be used by other threads meanwhile
 * @param body     a callable, not a template, whose first parameter is a span of const records (trivially
 *                 copyable; std::span where there is one), a std::string_view or a `piece`; a second one, if
 *                 it has one, is a `const piece &`. Called by several threads at a time. Records that lie
 *                 unaligned in the content are copied first.
 * @param options  the whole content, unless they say otherwise
 * @throws the exception of the body (of several, that of the lowest piece) or of the progress function;
 *         error: as archive::read; invalid_argument: the content, or the part, is no whole number of
 *         records; limit_exceeded: `max_memory`, or a line is too long.
 *
 * Blocks until every call of the body has returned. May be called from any thread, and from inside bodies.
 */
template <class Body>
void scan(const archive &archive, Body &&body, const scan_options &options = {}) {
  using call_type = detail::piece_call<std::remove_reference_t<Body>>;
  call_type call{body};
  const auto state = detail::archive_state::of(archive); // the body may release the archive
  detail::control control(options, call.exceptions);
  fastpar_scan_options raw = detail::raw_options(options, detail::piece_as<typename call_type::view>::record_size);
  control.apply(raw);
  fastpar_error failure;
  const fastpar_status result = fastpar_archive_for(&raw, archive.raw(), &call_type::run, &call, &failure);
  call.exceptions.finish(result, failure);
}

/**
 * The same for text: `body` gets whole lines as a std::string_view, each with its end, byte 10; the
 * last line may end with the content. The lines that begin in the part that the options ask for come,
 * the last one whole. A line of more than `max_memory`, or 64 MiB, is error with limit_exceeded.
 */
template <class Body>
void scan_lines(const archive &archive, Body &&body, scan_options options = {}) {
  options.lines = true;
  scan(archive, std::forward<Body>(body), options);
}

/**
 * Folds the pieces of an archive's content into accumulators, in parallel, and combines these in the order of
 * the pieces: the result is the same to the bit however many threads ran it, sums of floats too.
 *
 *     const double sum = fastpar::scan_reduce(archive, 0.0,
 *         [](fastpar::span<const trade> rows, double &sum) {
 *           for (const trade &row : rows) sum += row.price;
 *         },
 *         std::plus<>());
 *
 * @param identity  what each accumulator begins as; copied for every piece. Any copyable type.
 * @param fold      `void (View, T &)`, or `T (View, T)` which returns the new one; View as for scan
 * @param combine   `void (T &into, const T &from)`, or `T (T, T)`; called by the calling thread only, in
 *                  rising order of pieces
 * @throws as scan, also what `combine` threw, or the copying of the identity; std::bad_alloc.
 */
template <class T, class Fold, class Combine>
[[nodiscard]] T scan_reduce(const archive &archive, const T &identity, Fold &&fold, Combine &&combine,
                            const scan_options &options = {}) {
  using view = detail::taken_by<Fold>;
  using reduction = detail::reduction_of<T, Fold, Combine>;
  using call_type = detail::reduce_call<reduction, detail::piece_as<view>>;
  T value = identity;
  call_type call{reduction(value, fold, combine)};
  const auto state = detail::archive_state::of(archive);
  detail::control control(options, call.exceptions);
  fastpar_scan_options raw = detail::raw_options(options, detail::piece_as<view>::record_size);
  control.apply(raw);
  fastpar_error failure;
  const fastpar_status result =
      fastpar_archive_reduce(&raw, archive.raw(), &call_type::fold, &call_type::combine, &call,
                             call.reduction.accumulator(), reduction::accumulator_size, &failure);
  call.exceptions.finish(result, failure);
  return value;
}

/**
 * Makes a compressed file of what a body writes for the pieces of an archive's content: to filter or to
 * convert more than fits into memory. What is written is in the target in the order of the pieces, whatever
 * the order of the calls.
 *
 *     fastpar::transform_file(archive, "large.zst",
 *         [](fastpar::span<const trade> rows, fastpar::output &out) {
 *           for (const trade &row : rows)
 *             if (row.volume > 1000) out.write_record(row);
 *         });
 *
 * @param dst_path  as for compress_file: complete, or as it was
 * @param body      as for scan, and an `output &`
 * @param options   of the scan; lanes, memory, cancelling and progress are for the whole call
 * @param target    of the target; its `max_lanes`, `max_memory`, `cancel`, `stop` and `progress` must not be
 *                  set
 * @return the statistics of the call.
 * @throws as scan and compress_file.
 */
template <class Body>
file_stats transform_file(const archive &archive, const std::filesystem::path &dst_path, Body &&body,
                          const scan_options &options = {}, const zstd_options &target = {}) {
  using call_type = detail::piece_call<std::remove_reference_t<Body>>;
  const std::string to = detail::utf8(dst_path);
  call_type call{body};
  const auto state = detail::archive_state::of(archive);
  detail::control control(options, call.exceptions);
  detail::zstd_arguments made(target, call.exceptions);
  fastpar_scan_options raw = detail::raw_options(options, detail::piece_as<typename call_type::view>::record_size);
  control.apply(raw);
  fastpar_file_stats stats = {};
  stats.struct_size = sizeof stats;
  fastpar_error failure;
  const fastpar_status result = fastpar_transform_file(&raw, archive.raw(), made.raw(), to.c_str(),
                                                       &call_type::transform, &call, &stats, &failure);
  call.exceptions.finish(result, failure);
  return {stats.bytes_in, stats.bytes_out, stats.frames, stats.seconds, stats.peak_memory};
}

} // namespace fastpar

#endif
