/* Loops over what is compressed; shards, and files that are joined. */
#include "check.hpp"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct trade {
  double price;
  std::int64_t time;
  std::int32_t volume, reserved;
};

std::vector<trade> rows() {
  std::vector<trade> made(100000);
  for (std::size_t i = 0; i < made.size(); i++)
    made[i] = {1.0 / (static_cast<double>(i) + 1.0), static_cast<std::int64_t>(i), static_cast<std::int32_t>(i % 100), 0};
  return made;
}

fastpar::buffer<std::byte> compressed(const std::vector<trade> &made) {
  fastpar::zstd_options options;
  options.frame_size = 100001; // cuts records
  return fastpar::compress(fastpar::as_bytes(made), options);
}

void scans() {
  const auto made = rows();
  const auto data = compressed(made);
  const fastpar::archive archive(data);
  std::atomic<std::size_t> count{0};
  fastpar::scan(archive, [&](fastpar::span<const trade> records, const fastpar::piece &piece) {
    CHECK_EQUAL(piece.offset, static_cast<std::uint64_t>(records[0].time) * sizeof(trade));
    count += records.size();
  });
  CHECK_EQUAL(count.load(), made.size());
  std::atomic<std::size_t> bytes{0};
  fastpar::scan(archive, [&](const fastpar::piece &piece) { bytes += piece.bytes().size(); });
  CHECK_EQUAL(bytes.load(), made.size() * sizeof(trade));
  fastpar::scan_options part;
  part.offset = 1;
  CHECK_STATUS(invalid_argument, fastpar::scan(archive, [](fastpar::span<const trade>) {}, part));
  bool caught = false;
  try {
    fastpar::scan(archive, [](fastpar::span<const trade>, const fastpar::piece &piece) {
      if (piece.index == 5) throw std::logic_error("expected by the test");
    });
  } catch (const std::logic_error &) {
    caught = true;
  }
  CHECK(caught);
}

void reductions() {
  const auto data = compressed(rows());
  const fastpar::archive archive(data);
  const auto sum = [&](std::uint32_t lanes) {
    fastpar::scan_options options;
    options.max_lanes = lanes;
    return fastpar::scan_reduce(
        archive, 0.0,
        [](fastpar::span<const trade> records, double &total) {
          for (const trade &row : records) total += row.price;
        },
        std::plus<>(), options);
  };
  CHECK(sum(1) == sum(2) && sum(1) == sum(24));
  const std::vector<std::int64_t> times = fastpar::scan_reduce(
      archive, std::vector<std::int64_t>(),
      [](fastpar::span<const trade> records, std::vector<std::int64_t> &found) { found.push_back(records[0].time); },
      [](std::vector<std::int64_t> &into, const std::vector<std::int64_t> &from) {
        into.insert(into.end(), from.begin(), from.end());
      });
  CHECK(times.size() > 20);
  for (std::size_t i = 1; i < times.size(); i++) CHECK(times[i - 1] < times[i]);
}

void lines() {
  std::string text;
  for (int i = 0; i < 20000; i++) text += "line " + std::to_string(i) + "\n";
  fastpar::zstd_options options;
  options.frame_size = 10007;
  const auto data = fastpar::compress({reinterpret_cast<const std::byte *>(text.data()), text.size()}, options);
  std::atomic<std::size_t> bytes{0};
  fastpar::scan_lines(fastpar::archive(data), [&](std::string_view piece) {
    CHECK(piece.substr(0, 5) == "line " && piece.back() == '\n');
    bytes += piece.size();
  });
  CHECK_EQUAL(bytes.load(), text.size());
}

void sources() {
  const auto made = rows();
  const auto data = compressed(made);
  const fastpar::archive archive(
      [&](std::uint64_t offset, fastpar::writable_bytes buffer) {
        std::memcpy(buffer.data(), data.data() + offset, buffer.size());
      },
      data.size());
  std::atomic<std::size_t> count{0};
  fastpar::scan(archive, [&](fastpar::span<const trade> records) { count += records.size(); });
  CHECK_EQUAL(count.load(), made.size());
  CHECK_STATUS(callback, fastpar::archive([](std::uint64_t, fastpar::writable_bytes) { throw std::runtime_error("no network"); },
                                          data.size()));
}

/* The table of frames that were put together elsewhere. */
void tables() {
  const auto made = rows();
  const auto whole = compressed(made);
  std::vector<std::uint64_t> sizes, content_sizes;
  const fastpar::archive archive(whole);
  for (std::uint64_t i = 0; i < archive.frames(); i++) {
    sizes.push_back(archive.frame(i).size);
    content_sizes.push_back(archive.frame(i).content_size);
  }
  const auto table = fastpar::seek_table_write(sizes, content_sizes);
  CHECK(table.size() < whole.size() && std::memcmp(whole.data() + whole.size() - table.size(), table.data(), table.size()) == 0);
  const std::vector<std::uint32_t> sums(sizes.size(), 7);
  CHECK_EQUAL(fastpar::seek_table_write(sizes, content_sizes, sums).size(), table.size() + 4 * sizes.size());
  CHECK_EQUAL(fastpar::seek_table_write({}, {}).size(), 17u);
  CHECK_STATUS(invalid_argument, static_cast<void>(fastpar::seek_table_write(sizes, {})));
  CHECK_STATUS(invalid_argument, static_cast<void>(fastpar::seek_table_write({}, {}, sums)));
  sizes[2] = UINT64_MAX;
  CHECK_STATUS(limit_exceeded, static_cast<void>(fastpar::seek_table_write(sizes, content_sizes)));
}

void files() {
  const auto made = rows();
  const auto data = compressed(made);
  const fastpar::archive archive(data);
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "fastpar-scans-of-cpp";
  std::filesystem::create_directories(folder);
  const auto some = folder / "some.zst", joined = folder / "joined.zst";
  fastpar::transform_file(archive, some, [](fastpar::span<const trade> records, fastpar::output &out) {
    for (const trade &row : records)
      if (row.volume == 7) out.write_record(row);
  });
  CHECK_EQUAL(fastpar::archive(some).size(), made.size() / 100 * sizeof(trade));
  fastpar::concat_files({some, some}, joined);
  fastpar::concat_files({joined, some}, joined);
  fastpar::scan_options one;
  one.max_lanes = 1;
  std::int64_t count = 0;
  fastpar::scan(
      fastpar::archive(joined), [&](fastpar::span<const trade> records) {
        for (const trade &row : records) {
          CHECK_EQUAL(row.time, count % 1000 * 100 + 7);
          count++;
        }
      },
      one);
  CHECK_EQUAL(count, 3000);
  CHECK_STATUS(invalid_argument, fastpar::concat_files({some, joined}, joined));
  std::uint64_t at = 0;
  fastpar::scan_options records;
  records.record_size = sizeof(trade);
  for (std::uint64_t i = 0; i < 5; i++) {
    const fastpar::shard shard = fastpar::archive_shard(archive, 5, i, records);
    CHECK_EQUAL(shard.offset, at);
    at += shard.size;
  }
  CHECK_EQUAL(at, archive.size());
  std::filesystem::remove_all(folder);
}

} // namespace

int main() {
  RUN(scans);
  RUN(reductions);
  RUN(lines);
  RUN(sources);
  RUN(tables);
  RUN(files);
  return FINISH();
}
