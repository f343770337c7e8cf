/* Files. */
#include "check.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace {

namespace fs = std::filesystem;

/* A folder that goes away again. */
struct folder {
  fs::path path = fs::temp_directory_path() / ("fastpar-cpp-\u00e4\u65e5-" + std::to_string(std::hash<const void *>()(this)));
  folder() { fs::create_directories(path); }
  folder(const folder &) = delete;
  folder &operator=(const folder &) = delete;
  ~folder() { fs::remove_all(path); }
};

void write(const fs::path &path, const std::string &text) { std::ofstream(path, std::ios::binary) << text; }

std::string read(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string text() {
  std::string text;
  for (int i = 0; i < 300000; i++) text += "line " + std::to_string(i) + "\n";
  return text;
}

void round_trip() {
  const folder here;
  const fs::path plain = here.path / "plain", packed = here.path / "packed.zst", restored = here.path / "restored";
  write(plain, text());
  const fastpar::file_stats there = fastpar::compress_file(plain, packed);
  CHECK(there.bytes_in == text().size() && there.bytes_out == fs::file_size(packed));
  CHECK(there.frames >= 1 && there.seconds > 0 && there.peak_memory > 0);
  const fastpar::file_stats back = fastpar::decompress_file(packed, restored);
  CHECK(back.bytes_in == there.bytes_out && back.bytes_out == there.bytes_in && back.frames == there.frames);
  CHECK(read(restored) == text());
}

void failures() {
  const folder here;
  const fs::path missing = here.path / "missing", target = here.path / "target";
  CHECK_THROWS_WITH(fastpar::error, fastpar::compress_file(missing, target), {
    CHECK(e.code() == fastpar::status::io && e.code() == std::errc::io_error);
    CHECK(e.system_code() == std::errc::no_such_file_or_directory);
  });
  write(target, "kept");
  write(here.path / "plain", "not zstd data, by any means");
  CHECK_STATUS(not_zstd, fastpar::decompress_file(here.path / "plain", target));
  CHECK(read(target) == "kept");
  CHECK_STATUS(invalid_argument, fastpar::compress_file(std::string("a\0b", 3), target));
  fastpar::zstd_options options;
  fastpar::cancel_flag flag;
  flag.cancel();
  options.cancel = &flag;
  CHECK_STATUS(cancelled, fastpar::compress_file(here.path / "plain", target, options));
  options = {};
  options.progress = [](std::uint64_t, std::uint64_t) { throw 3; };
  CHECK_THROWS_WITH(int, fastpar::compress_file(here.path / "plain", target, options), CHECK_EQUAL(e, 3));
}

/* A source that is compressed in two parts, and a target that is kept. */
void parts_and_targets() {
  const folder here;
  const fs::path plain = here.path / "plain", first = here.path / "first", second = here.path / "second";
  write(plain, text());
  fastpar::zstd_options options;
  options.src_size = 1000000;
  CHECK_EQUAL(fastpar::compress_file(plain, first, options).bytes_in, std::uint64_t{1000000});
  options.src_offset = 1000000;
  options.src_size = 0;
  CHECK_EQUAL(fastpar::compress_file(plain, second, options).bytes_in, std::uint64_t{text().size() - 1000000});
  write(here.path / "both", read(first) + read(second));
  fastpar::decompress_file(here.path / "both", here.path / "back");
  CHECK(read(here.path / "back") == text());
  options.src_offset = text().size() + 1;
  CHECK_STATUS(invalid_argument, fastpar::compress_file(plain, second, options));
  options = {};
  options.keep = true;
  CHECK_STATUS(io, fastpar::decompress_file(first, plain, options));
  CHECK(read(plain) == text());
}

} // namespace

int main() {
  RUN(round_trip);
  RUN(parts_and_targets);
  RUN(failures);
  return FINISH();
}
