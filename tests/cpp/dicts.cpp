/* Dictionaries. */
#include "check.hpp"

#include <string>
#include <vector>

namespace {

std::string record(int i) {
  return "{\"symbol\":\"ABC" + std::to_string(i % 37) + "\",\"price\":" + std::to_string(i % 100000 * 7919 % 100000) +
         ",\"size\":" + std::to_string(i * 31 % 500) + ",\"venue\":\"XNAS\",\"conditions\":[\"regular\",\"odd lot\"]}";
}

fastpar::buffer<std::byte> trained() {
  std::string samples;
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 5000; i++) {
    const std::string each = record(i);
    samples += each;
    sizes.push_back(each.size());
  }
  return fastpar::dict_train(fastpar::as_bytes(samples), sizes, 4096);
}

void small_records_become_smaller() {
  const auto data = trained();
  CHECK(data.size() >= 256 && data.size() <= 4096);
  const fastpar::dict dict(data);
  CHECK(dict.id() != 0);
  fastpar::zstd_options options;
  options.dict = &dict;
  const std::string text = record(123456);
  const auto with = fastpar::compress(fastpar::as_bytes(text), options);
  const auto without = fastpar::compress(fastpar::as_bytes(text));
  CHECK(with.size() < without.size());
  const auto restored = fastpar::decompress(with, options);
  CHECK_EQUAL(std::string(reinterpret_cast<const char *>(restored.data()), restored.size()), text);
  CHECK_STATUS(dictionary, static_cast<void>(fastpar::decompress(with)));
}

std::string restored_text(const fastpar::buffer<std::byte> &data) {
  return {reinterpret_cast<const char *>(data.data()), data.size()};
}

void several_at_once() {
  const fastpar::dict first(trained()), second(fastpar::as_bytes(std::string("raw content")));
  fastpar::zstd_options options;
  options.dict = &first;
  const std::string text = record(7);
  const auto packed = fastpar::compress(fastpar::as_bytes(text), options);
  const fastpar::dict *const all[] = {&second, &first, &first};
  fastpar::zstd_options several;
  several.dicts = all;
  CHECK_EQUAL(restored_text(fastpar::decompress(packed, several)), text);
  several.dicts = several.dicts.first(1);
  CHECK_THROWS_WITH(fastpar::error, static_cast<void>(fastpar::decompress(packed, several)),
                    CHECK_EQUAL(static_cast<std::uint32_t>(e.native_code()), first.id()));
  const fastpar::dict *const none[] = {nullptr};
  several.dicts = none;
  CHECK_STATUS(invalid_argument, static_cast<void>(fastpar::decompress(packed, several)));
}

void a_prefix() {
  std::string old;
  for (int i = 0; i < 20000; i++) old += record(i * 977);
  std::string text = old;
  text[1000] ^= 1;
  fastpar::zstd_options options;
  options.single_frame = true;
  options.prefix = fastpar::as_bytes(old);
  const auto packed = fastpar::compress(fastpar::as_bytes(text), options);
  CHECK(packed.size() < 3000);
  CHECK_EQUAL(restored_text(fastpar::decompress(packed, options)), text);
  options.single_frame = false;
  CHECK_STATUS(invalid_argument, static_cast<void>(fastpar::compress(fastpar::as_bytes(text), options)));
  fastpar::zstd_options other;
  other.single_frame = other.long_distance = true;
  for (std::uint32_t strategy = 1; strategy <= 5; strategy++) {
    other.strategy = strategy;
    const auto each = fastpar::compress(fastpar::as_bytes(text), other);
    CHECK_EQUAL(restored_text(fastpar::decompress(each)), text);
  }
  other.rsyncable = true;
  CHECK_STATUS(invalid_argument, static_cast<void>(fastpar::compress(fastpar::as_bytes(text), other)));
  other.single_frame = false;
  other.frame_size = 100000;
  CHECK_EQUAL(restored_text(fastpar::decompress(fastpar::compress(fastpar::as_bytes(text), other))), text);
  other.strategy = 10;
  CHECK_STATUS(invalid_argument, static_cast<void>(fastpar::compress(fastpar::as_bytes(text), other)));
}

void moves() {
  fastpar::dict a(fastpar::as_bytes(std::string("raw content of a dictionary")), 5);
  CHECK_EQUAL(a.id(), 0u);
  fastpar::dict b = std::move(a);
  CHECK(a.raw() == nullptr && b.raw() != nullptr); // NOLINT: looks at what was moved from
  a = std::move(b);
  CHECK_EQUAL(a.id(), 0u);
  a = fastpar::dict();
  CHECK_STATUS(invalid_argument, static_cast<void>(a.id()));
}

void failures() {
  CHECK_STATUS(invalid_argument, static_cast<void>(fastpar::dict(fastpar::bytes())));
  auto damaged = trained();
  damaged.resize(20);
  CHECK_STATUS(dictionary, static_cast<void>(fastpar::dict(damaged)));
  const std::vector<std::size_t> sizes = {3, 4};
  CHECK_STATUS(invalid_argument, static_cast<void>(fastpar::dict_train(fastpar::as_bytes(std::string("abcdef")), sizes)));
  std::vector<std::byte> tiny(10);
  CHECK_THROWS_WITH(fastpar::error, fastpar::dict_train(fastpar::as_bytes(std::string("abcdefg")), sizes, tiny),
                    CHECK_EQUAL(e.needed_size(), std::uint64_t{256}));
}

} // namespace

int main() {
  RUN(small_records_become_smaller);
  RUN(several_at_once);
  RUN(a_prefix);
  RUN(moves);
  RUN(failures);
  return FINISH();
}
