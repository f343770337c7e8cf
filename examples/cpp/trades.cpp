/* One-minute bars of the trades in several compressed files, and the large trades of a few minutes: by loops
 * of the library, by its tables, and by a pipe from the `zstd` command and a thread for each file. Prints the
 * three times; the results must be the same.
 *
 *     trades FOLDER [FILES [ROWS]]
 *
 * The files are made first if they are not there: `trades-0.zst` and so on in FOLDER, each of ROWS rows of 48
 * bytes, compressed with a seek table, which is their index.
 *
 * Build it, after `cargo xtask build`, in the repository's root:
 *
 *     c++ -std=c++20 -O2 examples/cpp/trades.cpp -Itarget/fastpar/include -Ltarget/fastpar/lib -lfastpar \
 *         -Wl,-rpath,$PWD/target/fastpar/lib -o trades
 */
#include <fastpar.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

/* The shape of the rows: those of examples/c/trades.c. */
struct trade {
  std::uint64_t id, price, quantity;
  std::uint32_t count;
  std::uint16_t flags, padding;
  std::int64_t microseconds;
  std::uint64_t reserved;
};

constexpr std::int64_t minute = 60'000'000;
constexpr std::int64_t from = 2 * minute, to = 5 * minute;

constexpr std::uint64_t least_quantity = 50, least_price = 10501;

bool is_large(const trade &row) { return row.quantity >= least_quantity && row.price >= least_price; }

struct bar {
  std::uint64_t open = 0, high = 0, low = 0, close = 0, volume = 0;

  /* Adds what came later. */
  void add(const bar &later) {
    if (volume == 0) {
      *this = later;
    } else if (later.volume > 0) {
      *this = {open, std::max(high, later.high), std::min(low, later.low), later.close, volume + later.volume};
    }
  }

  bool operator==(const bar &) const = default;
};

struct day {
  std::array<bar, 24 * 60> bars{};
  std::uint64_t large = 0;

  void add(const trade &row) {
    bars[static_cast<std::size_t>(row.microseconds / minute) % bars.size()].add(
        {row.price, row.price, row.price, row.price, row.quantity});
  }
  void add(const day &later) {
    for (std::size_t i = 0; i < bars.size(); i++) bars[i].add(later.bars[i]);
    large += later.large;
  }

  bool operator==(const day &) const = default;
};

/* ---- by the library ---- */

/* The first row that is not before that time: a search by reads of single rows. */
std::uint64_t row_at(const fastpar::archive &archive, std::int64_t time) {
  const auto rows = std::views::iota(std::uint64_t{0}, archive.size() / sizeof(trade));
  return *std::ranges::partition_point(rows, [&](std::uint64_t row) {
    trade found;
    archive.read(row * sizeof found, fastpar::as_writable_bytes(std::span(&found, 1)));
    return found.microseconds < time;
  });
}

void by_library(const std::vector<fs::path> &files, day &all) {
  for (const fs::path &file : files) {
    const fastpar::archive archive(file);
    all.add(fastpar::scan_reduce(
        archive, day{},
        [](std::span<const trade> rows, day &into) {
          for (const trade &row : rows) into.add(row);
        },
        [](day &into, const day &later) { into.add(later); }));
    fastpar::scan_options part;
    part.offset = row_at(archive, from) * sizeof(trade);
    part.size = row_at(archive, to) * sizeof(trade) - part.offset;
    if (part.size == 0) continue; // as an option it would mean the rest
    all.large += fastpar::scan_reduce(
        archive, std::uint64_t{0},
        [](std::span<const trade> rows, std::uint64_t &sum) {
          sum += static_cast<std::uint64_t>(std::ranges::count_if(rows, is_large));
        },
        std::plus<>(), part);
  }
}

/* ---- by the library's tables ---- */

void by_tables(const std::vector<fs::path> &files, day &all) {
  namespace of = fastpar::of;
  namespace where = fastpar::where;
  for (const fs::path &file : files) {
    const fastpar::archive archive(file);
    const fastpar::archive_table<trade> trades(archive);
    const auto bars = trades.group_by({{&trade::microseconds, minute}},
                                      {of::first(&trade::price), of::max(&trade::price), of::min(&trade::price),
                                       of::last(&trade::price), of::sum(&trade::quantity)});
    const auto minutes = bars.keys(0);
    std::array<std::vector<fastpar::value>, 5> found;
    for (std::size_t k = 0; k < found.size(); k++) found[k] = bars.values(k);
    for (std::size_t i = 0; i < minutes.size(); i++) {
      const auto number = [&](std::size_t k) { return found[k][i].whole<std::uint64_t>(); };
      all.bars[static_cast<std::size_t>(minutes[i].whole() / minute) % all.bars.size()].add(
          {number(0), number(1), number(2), number(3), number(4)});
    }
    const auto passes = where::between(&trade::microseconds, from, to) & where::at_least(&trade::quantity, least_quantity) &
                        where::at_least(&trade::price, least_price);
    all.large += trades.filter(passes).aggregate({of::count()})[0].whole<std::uint64_t>();
  }
}

/* ---- by pipes ---- */

void by_pipe(const fs::path &file, day &all) {
  const std::string command = "zstd -dqc '" + file.string() + "'";
  std::unique_ptr<std::FILE, int (*)(std::FILE *)> pipe(popen(command.c_str(), "r"), pclose);
  std::vector<trade> rows(4096);
  while (const std::size_t count = pipe ? std::fread(rows.data(), sizeof(trade), rows.size(), pipe.get()) : 0) {
    for (const trade &row : std::span(rows).first(count)) {
      all.add(row);
      all.large += row.microseconds >= from && row.microseconds < to && is_large(row);
    }
  }
  if (!pipe || pclose(pipe.release()) != 0) throw std::runtime_error("zstd has failed");
}

void by_pipes(const std::vector<fs::path> &files, day &all) {
  std::vector<std::future<std::unique_ptr<day>>> days;
  for (const fs::path &file : files)
    days.push_back(std::async(std::launch::async, [&file] {
      auto one = std::make_unique<day>();
      by_pipe(file, *one);
      return one;
    }));
  for (auto &one : days) all.add(*one.get());
}

/* ---- the files ---- */

/* Always the same rows, one a millisecond. */
void make_file(const fs::path &file, std::uint64_t first, std::uint64_t count) {
  std::vector<trade> rows(count);
  fastpar::parallel_for(0, rows.size(), [&](std::size_t i) {
    const std::uint64_t id = first + i, noise = (id * 6364136223846793005u) >> 33 & 0xffff;
    rows[i] = {.id = id, .price = 10000 + noise % 997, .quantity = 1 + noise % 50,
               .count = 1 + static_cast<std::uint32_t>(noise % 7), .flags = static_cast<std::uint16_t>(noise & 1),
               .padding = 0, .microseconds = static_cast<std::int64_t>(id) * 1000, .reserved = 0};
  });
  const auto packed = fastpar::compress(fastpar::as_bytes(rows));
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char *>(packed.data()), static_cast<std::streamsize>(packed.size()));
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

double seconds(const std::function<void()> &work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void run(const fs::path &folder, std::uint64_t count, std::uint64_t rows) {
  std::vector<fs::path> files;
  for (std::uint64_t i = 0; i < count; i++) {
    files.push_back(folder / ("trades-" + std::to_string(i) + ".zst"));
    if (!fs::exists(files.back())) make_file(files.back(), i * rows, rows);
  }
  const auto library = std::make_unique<day>(), tables = std::make_unique<day>(), piped = std::make_unique<day>();
  const double library_time = seconds([&] { by_library(files, *library); });
  const double table_time = seconds([&] { by_tables(files, *tables); });
  const double pipe_time = seconds([&] { by_pipes(files, *piped); });
  if (*library != *piped || *library != *tables) throw std::runtime_error("the results differ");
  for (std::size_t i = 0; i < 3; i++) {
    const auto [open, high, low, close, volume] = library->bars[i];
    std::printf("minute %zu: open %ju, high %ju, low %ju, close %ju, volume %ju\n", i, std::uintmax_t{open},
                std::uintmax_t{high}, std::uintmax_t{low}, std::uintmax_t{close}, std::uintmax_t{volume});
  }
  std::printf("%ju large trades; by the library: %.3f s; by its tables: %.3f s; by pipes from zstd: %.3f s\n",
              std::uintmax_t{library->large}, library_time, table_time, pipe_time);
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 2 || argc > 4) {
    std::fprintf(stderr, "usage: trades FOLDER [FILES [ROWS]]\n");
    return 2;
  }
  try {
    run(argv[1], argc > 2 ? std::stoull(argv[2]) : 4, argc > 3 ? std::stoull(argv[3]) : 1'000'000);
    return 0;
  } catch (const fastpar::error &e) {
    std::fprintf(stderr, "%s: %s\n", fastpar::status_name(e.status()), e.what());
  } catch (const std::exception &e) {
    std::fprintf(stderr, "%s\n", e.what());
  }
  return 1;
}
