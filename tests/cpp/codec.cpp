/* compress and decompress. */
#include "check.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace {

std::vector<std::uint32_t> numbers(std::size_t count) {
  std::vector<std::uint32_t> values(count);
  for (std::size_t i = 0; i < count; i++) values[i] = static_cast<std::uint32_t>(i * i / 1000);
  return values;
}

bool same(fastpar::bytes a, fastpar::bytes b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

void allocating_forms() {
  for (std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{1000}, std::size_t{3000000}}) {
    const auto values = numbers(count);
    const auto compressed = fastpar::compress(fastpar::as_bytes(values));
    CHECK_EQUAL(fastpar::decompressed_size(compressed), count * 4);
    const auto restored = fastpar::decompress(compressed);
    CHECK(same(restored, fastpar::as_bytes(values)));
  }
  CHECK(fastpar::decompress(fastpar::bytes()).empty());
}

void spans() {
  const std::string text(1 << 20, 'x');
  std::vector<std::byte> compressed(fastpar::compress_bound(text.size()));
  const std::size_t written = fastpar::compress(fastpar::as_bytes(text), compressed);
  CHECK(written > 0 && written < 10000);
  std::string restored(text.size(), '\0');
  const std::size_t size = fastpar::decompress(fastpar::bytes(compressed).first(written), fastpar::as_writable_bytes(restored));
  CHECK(size == text.size() && restored == text);
}

void results_that_compress_well_are_small() {
  const std::string text(16 << 20, 'x');
  const auto compressed = fastpar::compress(fastpar::as_bytes(text));
  CHECK(compressed.capacity() < 1 << 20);
}

void options() {
  const auto values = numbers(1000000);
  fastpar::zstd_options fast, small, plain;
  fast.level = -5;
  small.level = 12;
  small.single_frame = true;
  plain.no_checksum = plain.no_seek_table = true;
  const auto by_default = fastpar::compress(fastpar::as_bytes(values));
  const auto by_fast = fastpar::compress(fastpar::as_bytes(values), fast);
  const auto by_small = fastpar::compress(fastpar::as_bytes(values), small);
  const auto by_plain = fastpar::compress(fastpar::as_bytes(values), plain);
  CHECK(by_small.size() < by_default.size() && by_default.size() < by_fast.size());
  CHECK(by_plain.size() < by_default.size());
  for (const auto *each : {&by_fast, &by_small, &by_plain}) CHECK(same(fastpar::decompress(*each), fastpar::as_bytes(values)));
  fastpar::zstd_options wrong;
  wrong.level = 99;
  CHECK_STATUS(invalid_argument, static_cast<void>(fastpar::compress(fastpar::as_bytes(values), wrong)));
  CHECK_STATUS(invalid_argument, static_cast<void>(fastpar::compress_bound(100, wrong)));
  fastpar::zstd_options limited;
  limited.max_output = 3999999;
  CHECK_STATUS(limit_exceeded, static_cast<void>(fastpar::decompress(by_default, limited)));
  limited.max_output = 4000000;
  CHECK_EQUAL(fastpar::decompress(by_default, limited).size(), std::size_t{4000000});
}

/* A frame of several sections: one frame, the same bytes on one lane. */
void one_frame_in_sections() {
  const auto values = numbers(3000000);
  fastpar::zstd_options options;
  options.level = 1;
  options.single_frame = true;
  const auto compressed = fastpar::compress(fastpar::as_bytes(values), options);
  CHECK_EQUAL(fastpar::archive(compressed).frames(), std::uint64_t{1});
  CHECK(same(fastpar::decompress(compressed), fastpar::as_bytes(values)));
  options.max_lanes = 1;
  CHECK(same(fastpar::compress(fastpar::as_bytes(values), options), compressed));
}

/* Data that has to end with a seek table. */
void complete() {
  const auto values = numbers(10000);
  fastpar::zstd_options options;
  options.complete = true;
  const auto compressed = fastpar::compress(fastpar::as_bytes(values), options);
  CHECK(same(fastpar::decompress(compressed, options), fastpar::as_bytes(values)));
  CHECK_EQUAL(fastpar::archive(compressed, options).frames(), std::uint64_t{1});
  const auto without = fastpar::compress(fastpar::as_bytes(values));
  CHECK(same(fastpar::decompress(without), fastpar::as_bytes(values)));
  CHECK_STATUS(truncated, static_cast<void>(fastpar::decompress(without, options)));
}

void too_small() {
  const auto values = numbers(100000);
  const auto compressed = fastpar::compress(fastpar::as_bytes(values));
  std::vector<std::byte> tiny(100);
  CHECK_THROWS_WITH(fastpar::error, fastpar::decompress(compressed, tiny), {
    CHECK(e.code() == fastpar::status::buffer_too_small && e.code() == std::errc::no_buffer_space);
    CHECK_EQUAL(e.needed_size(), std::uint64_t{400000});
  });
  CHECK_THROWS_WITH(fastpar::error, fastpar::compress(fastpar::as_bytes(values), tiny),
                    CHECK_EQUAL(e.needed_size(), std::uint64_t{fastpar::compress_bound(400000)}));
}

void damaged() {
  const auto values = numbers(1000000);
  auto compressed = fastpar::compress(fastpar::as_bytes(values));
  compressed[compressed.size() / 2] ^= std::byte{0x55};
  CHECK_THROWS_WITH(fastpar::error, static_cast<void>(fastpar::decompress(compressed)), {
    CHECK(e.status() == fastpar::status::corrupt || e.status() == fastpar::status::checksum);
    CHECK(e.code() == std::errc::bad_message);
    CHECK(e.position().has_value());
  });
  CHECK_STATUS(truncated, static_cast<void>(fastpar::decompress(fastpar::bytes(compressed).first(1000))));
  CHECK_STATUS(not_zstd, static_cast<void>(fastpar::decompressed_size(fastpar::as_bytes(std::string("not zstd at all")))));
  CHECK_STATUS(not_zstd, static_cast<void>(fastpar::decompress(fastpar::as_bytes(std::string("not zstd at all")))));
}

/* A frame as a program writes it that did not know the size: one block of raw bytes, and blocks of one
   repeated byte. */
std::vector<std::byte> unsized_frame(std::size_t blocks) {
  std::vector<std::byte> frame;
  const auto add = [&](std::initializer_list<int> values) {
    for (int value : values) frame.push_back(static_cast<std::byte>(value));
  };
  add({0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58}); // magic; no size, no checksum; a window of 2 MiB
  for (std::size_t i = 0; i < blocks; i++) {
    const std::size_t header = (std::size_t{131072} << 3) | (1 << 1) | (i + 1 == blocks ? 1 : 0); // RLE
    add({static_cast<int>(header & 255), static_cast<int>(header >> 8 & 255), static_cast<int>(header >> 16), 'z'});
  }
  return frame;
}

void without_a_size() {
  for (std::size_t blocks : {std::size_t{1}, std::size_t{3}, std::size_t{100}}) {
    const auto frame = unsized_frame(blocks);
    CHECK_STATUS(unsupported, static_cast<void>(fastpar::decompressed_size(frame)));
    const auto restored = fastpar::decompress(frame);
    CHECK_EQUAL(restored.size(), blocks * 131072);
    CHECK(std::all_of(restored.begin(), restored.end(), [](std::byte b) { return b == std::byte{'z'}; }));
    fastpar::zstd_options limited;
    limited.max_output = blocks * 131072 - 1;
    CHECK_STATUS(limit_exceeded, static_cast<void>(fastpar::decompress(frame, limited)));
    limited.max_output++;
    CHECK_EQUAL(fastpar::decompress(frame, limited).size(), blocks * 131072);
  }
}

void what_a_frame_tells() {
  const auto values = numbers(1000);
  const auto compressed = fastpar::compress(fastpar::as_bytes(values));
  const fastpar::zstd_info info = fastpar::frame_read(compressed);
  CHECK(info.size == std::uint64_t{4000});
  CHECK_EQUAL(info.compressed_size, compressed.size());
  CHECK(info.checksum && !info.skippable && info.dict_id == 0 && info.window >= 1000);
  const std::string skippable("\x50\x2a\x4d\x18\x03\0\0\0abc and what follows", 27);
  const fastpar::zstd_info skipped = fastpar::frame_read(fastpar::as_bytes(skippable));
  CHECK(skipped.size == std::uint64_t{0});
  CHECK_EQUAL(skipped.compressed_size, 11u);
  CHECK(skipped.skippable && !skipped.checksum);
  CHECK(!fastpar::frame_read(unsized_frame(3)).size.has_value());
  CHECK_STATUS(truncated, static_cast<void>(fastpar::frame_read(fastpar::bytes(compressed).first(20))));
  CHECK_STATUS(truncated, static_cast<void>(fastpar::frame_read(fastpar::bytes())));
  CHECK_STATUS(not_zstd, static_cast<void>(fastpar::frame_read(fastpar::as_bytes(std::string("not zstd")))));
}

void cancel_and_progress() {
  const auto values = numbers(4000000);
  fastpar::cancel_flag flag;
  flag.cancel();
  fastpar::zstd_options options;
  options.cancel = &flag;
  CHECK_STATUS(cancelled, static_cast<void>(fastpar::compress(fastpar::as_bytes(values), options)));
  options = {};
  std::uint64_t last = 0;
  options.progress = [&](std::uint64_t done, std::uint64_t total) { CHECK(done <= total && total == 16000000), last = done; };
  const auto compressed = fastpar::compress(fastpar::as_bytes(values), options);
  CHECK_EQUAL(last, std::uint64_t{16000000});
  CHECK_EQUAL(fastpar::decompress(compressed, options).size(), std::size_t{16000000});
  options.progress = [](std::uint64_t, std::uint64_t) { throw 8; };
  CHECK_THROWS_WITH(int, static_cast<void>(fastpar::compress(fastpar::as_bytes(values), options)), CHECK_EQUAL(e, 8));
#ifdef __cpp_lib_jthread
  std::stop_source source;
  source.request_stop();
  CHECK_STATUS(cancelled, static_cast<void>(fastpar::decompress(compressed, {.stop = source.get_token()})));
#endif
}

void inside_bodies() {
  const auto values = numbers(50000);
  fastpar::parallel_for(0, 20, [&](int) {
    const auto restored = fastpar::decompress(fastpar::compress(fastpar::as_bytes(values)));
    CHECK(same(restored, fastpar::as_bytes(values)));
  });
}

} // namespace

int main() {
  RUN(allocating_forms);
  RUN(spans);
  RUN(results_that_compress_well_are_small);
  RUN(options);
  RUN(one_frame_in_sections);
  RUN(complete);
  RUN(too_small);
  RUN(damaged);
  RUN(without_a_size);
  RUN(what_a_frame_tells);
  RUN(cancel_and_progress);
  RUN(inside_bodies);
  return FINISH();
}
