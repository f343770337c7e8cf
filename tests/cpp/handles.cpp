// Objects that go while a call on them runs: in their own callbacks.
#include "check.hpp"

#include <fastpar.hpp>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace {

const std::vector<std::byte> content(1 << 20);

fastpar::zstd_options small_frames() {
  fastpar::zstd_options options;
  options.frame_size = 1 << 16;
  return options;
}

void a_writer_goes_in_its_sink() {
  for (int how = 0; how < 3; how++) {
    std::optional<fastpar::writer> owner;
    const auto calls = std::make_shared<int>(0);
    owner.emplace([&owner, calls](fastpar::bytes) {
      ++*calls;
      owner.reset();
      CHECK_EQUAL(calls.use_count(), 2L); // the sink itself is still there
    }, small_frames());
    if (how == 0) CHECK_STATUS(closed, while (true) owner->write(content));
    if (how == 1) CHECK_STATUS(closed, owner->write(fastpar::bytes(content).first(100)); owner->flush());
    if (how == 2) CHECK_STATUS(closed, owner->write(fastpar::bytes(content).first(100)); owner->finish());
    CHECK_EQUAL(*calls, 1);
    CHECK_EQUAL(calls.use_count(), 1L); // and gone after the call
  }
}

void a_writer_is_replaced_in_its_progress() {
  fastpar::writer writer;
  int calls = 0;
  fastpar::zstd_options options;
  options.progress = [&](std::uint64_t, std::uint64_t) {
    calls++;
    writer = fastpar::writer();
  };
  writer = fastpar::writer([](fastpar::bytes) {}, options);
  CHECK_STATUS(closed, writer.finish());
  CHECK_EQUAL(calls, 1);
}

void a_writer_goes_and_its_sink_throws() {
  std::optional<fastpar::writer> owner;
  owner.emplace([&owner](fastpar::bytes) {
    owner.reset();
    throw 7;
  });
  CHECK_THROWS_WITH(int, owner->finish(), CHECK_EQUAL(e, 7));
}

void a_reader_goes_in_its_source() {
  std::vector<std::byte> compressed(1 << 20), out(1 << 20);
  const std::size_t size = fastpar::compress(content, compressed, small_frames());
  for (int at = 0; at < 3; at++) {
    std::optional<fastpar::reader> owner;
    const auto calls = std::make_shared<int>(0);
    std::size_t done = 0;
    owner.emplace([&, calls](fastpar::writable_bytes buffer) {
      std::size_t len = 0;
      while (len < 50 && len < buffer.size() && done < size) buffer[len++] = compressed[done++];
      if ((*calls)++ == at) owner.reset();
      return len;
    });
    CHECK_STATUS(closed, while (owner->read(out) > 0) {});
    CHECK_EQUAL(*calls, at + 1);
    CHECK_EQUAL(calls.use_count(), 1L);
  }
}

void a_dictionary_goes_in_a_sink() {
  std::optional<fastpar::dict> dict(std::in_place, fastpar::as_bytes(content));
  fastpar::zstd_options options = small_frames();
  options.dict = &*dict;
  fastpar::writer writer([&](fastpar::bytes) { dict.reset(); }, options);
  writer.write(content);
  writer.finish();
  CHECK(!dict);
}

// What reads the archive goes with it, unless a call still uses both.
void an_archive_goes_in_a_body() {
  std::vector<std::byte> compressed(1 << 20);
  compressed.resize(fastpar::compress(content, compressed, small_frames()));
  for (int how = 0; how < 3; how++) {
    std::optional<fastpar::archive> owner;
    const auto calls = std::make_shared<std::atomic<std::size_t>>(0);
    owner.emplace([&compressed, calls](std::uint64_t offset, fastpar::writable_bytes buffer) {
      calls->fetch_add(1);
      std::memcpy(buffer.data(), compressed.data() + offset, buffer.size());
    }, compressed.size());
    std::mutex mutex;
    const auto release = [&] {
      const std::lock_guard<std::mutex> lock(mutex);
      owner.reset();
    };
    std::atomic<std::size_t> bytes(0);
    const auto body = [&](fastpar::bytes piece) {
      release();
      bytes += piece.size();
    };
    if (how == 0) fastpar::scan(*owner, body);
    if (how == 1) {
      const auto fold = [&](fastpar::bytes piece, std::size_t &sum) {
        release();
        sum += piece.size();
      };
      bytes = fastpar::scan_reduce(*owner, std::size_t(0), fold, std::plus<>());
    }
    if (how == 2) {
      const std::filesystem::path target = std::filesystem::temp_directory_path() / "fastpar-archive-goes.zst";
      fastpar::transform_file(*owner, target, [&](fastpar::bytes piece, fastpar::output &) { body(piece); });
      std::filesystem::remove(target);
    }
    CHECK_EQUAL(bytes.load(), content.size());
    CHECK(calls->load() > 16);
    CHECK_EQUAL(calls.use_count(), 1L); // and gone after the call
  }
}

} // namespace

int main() {
  RUN(a_writer_goes_in_its_sink);
  RUN(a_writer_is_replaced_in_its_progress);
  RUN(a_writer_goes_and_its_sink_throws);
  RUN(a_reader_goes_in_its_source);
  RUN(a_dictionary_goes_in_a_sink);
  RUN(an_archive_goes_in_a_body);
  return FINISH();
}
