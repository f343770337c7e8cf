/* Archives. */
#include "check.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace {

std::vector<std::uint64_t> numbers(std::size_t count) {
  std::vector<std::uint64_t> values(count);
  for (std::size_t i = 0; i < count; i++) values[i] = i * i;
  return values;
}

fastpar::buffer<std::byte> compressed(const std::vector<std::uint64_t> &values) {
  fastpar::zstd_options options;
  options.frame_size = 100000;
  return fastpar::compress(fastpar::as_bytes(values), options);
}

void check_reads(const fastpar::archive &archive, const std::vector<std::uint64_t> &values) {
  CHECK_EQUAL(archive.size(), values.size() * 8);
  CHECK_EQUAL(archive.frames(), (values.size() * 8 + 99999) / 100000);
  std::uint64_t content = 0;
  for (std::uint64_t i = 0; i < archive.frames(); i++) {
    const fastpar::frame_info info = archive.frame(i);
    CHECK(info.content_offset == content && info.size > 0);
    content += info.content_size;
  }
  CHECK_EQUAL(content, archive.size());
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; t++)
    threads.emplace_back([&, t] {
      for (std::size_t i = t; i < 400; i += 4) {
        const std::size_t first = i * 7919 % values.size();
        std::vector<std::uint64_t> part(std::min<std::size_t>(1 + i * 37, values.size() - first));
        CHECK_EQUAL(archive.read(first * 8, fastpar::as_writable_bytes(part)), part.size() * 8);
        CHECK(std::equal(part.begin(), part.end(), values.begin() + static_cast<std::ptrdiff_t>(first)));
      }
    });
  for (auto &thread : threads) thread.join();
  std::byte end[100];
  CHECK_EQUAL(archive.read(archive.size() - 10, end), std::size_t{10});
  CHECK_EQUAL(archive.read(archive.size(), end), std::size_t{0});
  CHECK_STATUS(invalid_argument, static_cast<void>(archive.frame(archive.frames())));
}

void in_memory() {
  const auto values = numbers(200000);
  const auto data = compressed(values);
  check_reads(fastpar::archive(data), values);
}

void in_a_file() {
  const auto values = numbers(200000);
  const auto data = compressed(values);
  const auto path = std::filesystem::temp_directory_path() /
                    ("fastpar-cpp-" + std::to_string(reinterpret_cast<std::uintptr_t>(&data)) + ".zst");
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char *>(data.data()), static_cast<std::streamsize>(data.size()));
  check_reads(fastpar::archive(path), values);
  std::filesystem::remove(path);
  CHECK_THROWS_WITH(fastpar::error, static_cast<void>(fastpar::archive(path)),
                    CHECK(e.system_code() == std::errc::no_such_file_or_directory));
}

void moves_and_failures() {
  const auto values = numbers(1000);
  auto data = compressed(values);
  fastpar::archive a{data};
  fastpar::archive b = std::move(a);
  CHECK_STATUS(invalid_argument, static_cast<void>(a.size())); // NOLINT: uses what was moved from
  a = std::move(b);
  CHECK_EQUAL(a.size(), std::uint64_t{8000});
  a = fastpar::archive();
  CHECK_STATUS(not_zstd, static_cast<void>(fastpar::archive(fastpar::as_bytes(std::string("not zstd at all")))));
  fastpar::cancel_flag flag;
  fastpar::zstd_options options;
  options.cancel = &flag;
  const fastpar::archive cancelled(data, options);
  std::byte some[100];
  CHECK_EQUAL(cancelled.read(0, some), std::size_t{100});
  flag.cancel();
  CHECK_STATUS(cancelled, static_cast<void>(cancelled.read(4000, some)));
}

void a_flag_of_one_read() {
  const auto values = numbers(1000);
  const auto data = compressed(values);
  const fastpar::archive archive{data};
  fastpar::cancel_flag flag;
  fastpar::loop_options options;
  options.cancel = &flag;
  std::vector<std::byte> some(8000);
  CHECK_EQUAL(archive.read(0, some, options), some.size());
  CHECK(std::memcmp(some.data(), values.data(), some.size()) == 0);
  flag.cancel();
  CHECK_STATUS(cancelled, static_cast<void>(archive.read(0, some, options)));
  CHECK_EQUAL(archive.read(0, some), some.size());
  options.grain = 5;
  CHECK_STATUS(invalid_argument, static_cast<void>(archive.read(0, some, options)));
}

} // namespace

int main() {
  RUN(in_memory);
  RUN(in_a_file);
  RUN(moves_and_failures);
  RUN(a_flag_of_one_read);
  return FINISH();
}
