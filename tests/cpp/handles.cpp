// Objects that go while a call on them runs: in their own callbacks.
#include "check.hpp"

#include <fastpar.hpp>

#include <memory>
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

} // namespace

int main() {
  RUN(a_writer_goes_in_its_sink);
  RUN(a_writer_is_replaced_in_its_progress);
  RUN(a_writer_goes_and_its_sink_throws);
  RUN(a_reader_goes_in_its_source);
  RUN(a_dictionary_goes_in_a_sink);
  return FINISH();
}
