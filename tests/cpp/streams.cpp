/* Writers and readers, and the stream buffers over them. */
#include "check.hpp"

#include <algorithm>
#include <cstring>
#include <istream>
#include <memory>
#include <optional>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

std::vector<std::uint32_t> numbers(std::size_t count) {
  std::vector<std::uint32_t> values(count);
  for (std::size_t i = 0; i < count; i++) values[i] = static_cast<std::uint32_t>(i * i / 1000);
  return values;
}

/* Appends to a vector. */
auto into(std::vector<std::byte> &all) {
  return [&all](fastpar::bytes data) { all.insert(all.end(), data.begin(), data.end()); };
}

/* Gives out a piece of a view at a time. */
auto from(fastpar::bytes all, std::size_t piece = 1000) {
  return [all, piece, at = std::size_t{0}](fastpar::writable_bytes buffer) mutable {
    const std::size_t size = std::min({piece, all.size() - at, buffer.size()});
    if (size > 0) std::memcpy(buffer.data(), all.data() + at, size);
    at += size;
    return size;
  };
}

std::vector<std::byte> read_all(fastpar::reader &reader, std::size_t piece = 5000) {
  std::vector<std::byte> all, buffer(piece);
  while (const std::size_t size = reader.read(buffer))
    all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
  return all;
}

bool same(fastpar::bytes a, fastpar::bytes b) { return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin()); }

void round_trips() {
  for (std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{3000000}}) {
    const auto values = numbers(count);
    const auto original = fastpar::as_bytes(values);
    std::vector<std::byte> compressed;
    fastpar::writer writer(into(compressed));
    for (std::size_t at = 0; at < original.size(); at += 100000)
      writer.write(original.subspan(at, std::min<std::size_t>(100000, original.size() - at)));
    writer.finish();
    CHECK(same(fastpar::decompress(compressed), original));
    fastpar::reader reader(from(compressed));
    CHECK(same(read_all(reader), original));
    std::byte more[1];
    CHECK_EQUAL(reader.read(more), std::size_t{0});
    CHECK_EQUAL(reader.read(fastpar::writable_bytes()), std::size_t{0});
  }
}

/* Checksums that a seek table tells of frames without their own. */
void checksums_of_a_table() {
  const auto values = numbers(50000);
  const auto original = fastpar::as_bytes(values);
  fastpar::zstd_options options;
  options.single_frame = true;
  const auto summed = fastpar::compress(original, options);
  options.no_checksum = true;
  auto packed = fastpar::compress(original, options);
  const auto add = [&packed](std::uint32_t number, int bytes) {
    for (int i = 0; i < bytes; i++) packed.push_back(static_cast<std::byte>(number >> 8 * i & 0xff));
  };
  const auto size = static_cast<std::uint32_t>(packed.size());
  add(0x184d2a5e, 4);
  add(12 + 9, 4);
  add(size, 4);
  add(static_cast<std::uint32_t>(original.size()), 4);
  packed.insert(packed.end(), summed.end() - 4, summed.end());
  const std::size_t told = packed.size() - 4;
  add(1, 4);
  add(0x80, 1);
  add(0x8f92eab1, 4);
  fastpar::zstd_options checking;
  checking.check_table = true;
  {
    fastpar::reader reader(from(packed), checking);
    CHECK(same(read_all(reader), original));
  }
  packed[told] ^= std::byte{1};
  fastpar::reader unaware(from(packed));
  CHECK(same(read_all(unaware), original));
  fastpar::reader reader(from(packed), checking);
  CHECK_STATUS(checksum, read_all(reader));
}

void flushing() {
  std::vector<std::byte> compressed;
  fastpar::writer writer(into(compressed));
  writer.write(fastpar::as_bytes(std::string("first")));
  writer.flush();
  CHECK_EQUAL(fastpar::decompress(compressed).size(), std::size_t{5});
  writer.write(fastpar::as_bytes(std::string("second")));
  writer.finish();
  CHECK_EQUAL(fastpar::decompress(compressed).size(), std::size_t{11});
  CHECK_STATUS(closed, writer.write(fastpar::as_bytes(std::string("late"))));
  CHECK_STATUS(closed, writer.finish());
}

void moves() {
  std::vector<std::byte> compressed;
  auto captured = std::make_unique<int>(1);
  fastpar::writer a([&compressed, captured = std::move(captured)](fastpar::bytes data) {
    compressed.insert(compressed.end(), data.begin(), data.end());
    CHECK_EQUAL(*captured, 1);
  });
  a.write(fastpar::as_bytes(std::string("text")));
  fastpar::writer b = std::move(a);
  CHECK_STATUS(invalid_argument, a.finish()); // NOLINT: uses what was moved from
  a = std::move(b);
  a.finish();
  fastpar::reader c(from(compressed));
  fastpar::reader d;
  std::byte buffer[10];
  CHECK_STATUS(invalid_argument, static_cast<void>(d.read(buffer)));
  d = std::move(c);
  CHECK_EQUAL(d.read(buffer), std::size_t{4});
  d = fastpar::reader();
  fastpar::writer unfinished(into(compressed)); // released without finish
  unfinished.write(fastpar::as_bytes(std::string("dropped")));
}

void exceptions() {
  const auto values = numbers(1000000);
  fastpar::writer writer([](fastpar::bytes) { throw std::runtime_error("full"); });
  CHECK_THROWS_WITH(std::runtime_error, writer.write(fastpar::as_bytes(values)); writer.flush(),
                    CHECK_EQUAL(e.what(), std::string("full")));
  CHECK_THROWS(std::runtime_error, writer.finish()); // dead, for the same reason

  // What came before the source failed is given out first.
  const auto compressed = fastpar::compress(fastpar::as_bytes(values));
  auto give = from(compressed);
  std::size_t given = 0;
  fastpar::reader reader([&](fastpar::writable_bytes buffer) {
    if (given > compressed.size() / 2) throw std::out_of_range("gone");
    const std::size_t size = give(buffer);
    given += size;
    return size;
  });
  std::size_t total = 0;
  std::vector<std::byte> buffer(10000);
  CHECK_THROWS_WITH(std::out_of_range, while (const std::size_t size = reader.read(buffer)) total += size,
                    CHECK_EQUAL(e.what(), std::string("gone")));
  CHECK(total > 0 && total < values.size() * 4);
  CHECK_THROWS(std::out_of_range, static_cast<void>(reader.read(buffer)));

  auto damaged = compressed;
  damaged[damaged.size() / 2] ^= std::byte{0x10};
  fastpar::reader suspicious(from(damaged));
  CHECK_THROWS_WITH(fastpar::error, read_all(suspicious), CHECK(e.code() == std::errc::bad_message && e.position()));
}

void one_large_frame() {
  const auto values = numbers(3000000);
  const auto original = fastpar::as_bytes(values);
  fastpar::zstd_options options;
  options.level = 1;
  options.single_frame = true;
  const auto compressed = fastpar::compress(original, options);
  const std::uint64_t before = fastpar::pool_stats_read().helpers;
  int turns = 0;
  do {
    CHECK(turns++ < 1000); /* others help, sooner or later */
    fastpar::reader reader(from(compressed, 65536));
    CHECK(same(read_all(reader, 100000), original));
  } while (fastpar::cpus() > 1 && fastpar::pool_stats_read().helpers == before);
  // Cut, it gives out what is whole.
  fastpar::reader cut(from(fastpar::bytes(compressed).subspan(0, compressed.size() / 10 * 9)));
  std::vector<std::byte> all, buffer(100000);
  CHECK_STATUS(truncated, while (const std::size_t size = cut.read(buffer))
                              all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size)));
  CHECK(all.size() > original.size() / 2 && all.size() < original.size());
  CHECK(same(all, original.subspan(0, all.size())));
}

void options() {
  const auto values = numbers(3000000);
  fastpar::zstd_options options;
  options.level = 1;
  options.frame_size = 1 << 20;
  std::uint64_t last = 0;
  options.progress = [&last](std::uint64_t done, std::uint64_t) { last = done; };
  std::vector<std::byte> compressed;
  fastpar::writer writer(into(compressed), options);
  options = {};
  writer.write(fastpar::as_bytes(values));
  writer.finish();
  CHECK_EQUAL(last, std::uint64_t{12000000});
  fastpar::zstd_options same_frames;
  same_frames.level = 1;
  same_frames.frame_size = 1 << 20;
  CHECK(same(compressed, fastpar::compress(fastpar::as_bytes(values), same_frames)));
  fastpar::cancel_flag flag;
  options.cancel = &flag;
  fastpar::reader reader(from(compressed), options);
  std::vector<std::byte> buffer(1000);
  CHECK(reader.read(buffer) > 0);
  flag.cancel();
  CHECK_STATUS(cancelled, read_all(reader));
  options = {};
  options.max_output = 1000;
  fastpar::reader limited(from(compressed), options);
  CHECK_STATUS(limit_exceeded, read_all(limited));
#ifdef __cpp_lib_jthread
  std::stop_source source;
  source.request_stop();
  fastpar::writer stopped(into(compressed), {.stop = source.get_token()});
  CHECK_STATUS(cancelled, stopped.write(fastpar::as_bytes(values)); stopped.finish());
#endif
}

/* A source that has nothing before each of its pieces. */
void later() {
  const auto values = numbers(100000);
  const auto original = fastpar::as_bytes(values);
  const auto compressed = fastpar::compress(original);
  auto gives = from(compressed, 20000);
  int asked = 0, pauses = 0;
  fastpar::reader reader([gives, &asked](fastpar::writable_bytes buffer) mutable -> std::optional<std::size_t> {
    if (asked++ % 2 == 0) return std::nullopt;
    return gives(buffer);
  });
  std::vector<std::byte> all, buffer(50000);
  CHECK_STATUS(again, (void)reader.read(buffer));
  CHECK_EQUAL(asked, 1);
  asked = 0;
  for (;;) {
    const std::optional<std::size_t> size = reader.try_read(buffer);
    if (size == std::size_t{0}) break;
    if (!size) pauses++;
    all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size.value_or(0)));
  }
  CHECK(same(all, original));
  CHECK(pauses > 0 && asked >= pauses);
  const fastpar::error nothing_now(fastpar::status::again, "nothing now");
  CHECK(nothing_now.code() == std::errc::operation_would_block);
}

void stream_buffers() {
  std::string expected;
  std::stringstream file;
  {
    fastpar::writer_streambuf compressed{fastpar::writer(fastpar::ostream_sink(file))};
    std::ostream out(&compressed);
    for (int i = 0; i < 20000; i++) {
      out << "line " << i << '\n';
      expected += "line " + std::to_string(i) + "\n";
      if (i == 10000) out << std::flush;
    }
    const std::string big(200000, 'x');
    out << big << '\n';
    expected += big + "\n";
    CHECK(out.good());
    compressed.finish();
  }
  CHECK(file.str().size() < expected.size() / 2);
  fastpar::reader_streambuf decompressed{fastpar::reader(fastpar::istream_source(file))};
  std::istream in(&decompressed);
  std::string line, all;
  for (int i = 0; i < 5000; i++) {
    std::getline(in, line);
    all += line + "\n";
  }
  std::vector<char> rest(expected.size());
  in.read(rest.data(), static_cast<std::streamsize>(rest.size()));
  all.append(rest.data(), static_cast<std::size_t>(in.gcount()));
  CHECK(all == expected && in.eof());
}

void failing_stream_buffers() {
  std::stringstream file("this is not zstd, but long enough to be looked at");
  fastpar::reader_streambuf decompressed{fastpar::reader(fastpar::istream_source(file))};
  std::istream in(&decompressed);
  in.exceptions(std::ios::badbit);
  std::string line;
  CHECK_STATUS(not_zstd, std::getline(in, line));
  std::stringstream closed;
  closed.setstate(std::ios::badbit);
  fastpar::writer_streambuf compressed{fastpar::writer(fastpar::ostream_sink(closed))};
  std::ostream out(&compressed);
  out << "text" << std::flush;
  CHECK_THROWS(std::ios_base::failure, compressed.finish());
}

} // namespace

int main() {
  RUN(round_trips);
  RUN(checksums_of_a_table);
  RUN(flushing);
  RUN(moves);
  RUN(exceptions);
  RUN(one_large_frame);
  RUN(options);
  RUN(later);
  RUN(stream_buffers);
  RUN(failing_stream_buffers);
  return FINISH();
}
