/* Batches. */
#include "check.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace {

void round_trip() {
  std::vector<std::string> texts;
  for (int i = 0; i < 1000; i++)
    texts.push_back("record " + std::to_string(i) + std::string(static_cast<std::size_t>(i % 300), 'x'));
  std::vector<std::vector<std::byte>> rooms;
  std::vector<fastpar::batch_item> items;
  for (const auto &text : texts) rooms.emplace_back(fastpar::compress_bound(text.size()));
  for (std::size_t i = 0; i < texts.size(); i++) items.emplace_back(fastpar::as_bytes(texts[i]), rooms[i]);
  CHECK_EQUAL(fastpar::compress_batch(items), std::size_t{0});
  std::vector<std::string> restored(texts);
  std::vector<fastpar::batch_item> back;
  for (std::size_t i = 0; i < texts.size(); i++) {
    std::fill(restored[i].begin(), restored[i].end(), '?');
    back.emplace_back(items[i].output(), fastpar::as_writable_bytes(restored[i]));
  }
  CHECK_EQUAL(fastpar::decompress_batch(back), std::size_t{0});
  CHECK(restored == texts);
  CHECK_EQUAL(fastpar::compress_batch({}), std::size_t{0});
}

void some_fail() {
  const std::string text(1000, 'x'), noise = "not zstd at all";
  const auto good = fastpar::compress(fastpar::as_bytes(text));
  std::vector<std::byte> a(1000), b(1000), c(10);
  fastpar::batch_item items[] = {{good, a}, {fastpar::as_bytes(noise), b}, {good, c}};
  CHECK_EQUAL(fastpar::decompress_batch(items), std::size_t{2});
  CHECK(items[0].outcome() == fastpar::status::ok && items[0].output().size() == 1000);
  CHECK(items[1].outcome() == fastpar::status::not_zstd && items[1].output().empty());
  CHECK(items[2].outcome() == fastpar::status::buffer_too_small && items[2].written == 1000 && items[2].output().empty());
  fastpar::cancel_flag flag;
  flag.cancel();
  fastpar::zstd_options options;
  options.cancel = &flag;
  CHECK_STATUS(cancelled, static_cast<void>(fastpar::decompress_batch(items, options)));
  CHECK(items[0].outcome() == fastpar::status::cancelled);
  options = {};
  options.level = 77;
  CHECK_STATUS(invalid_argument, static_cast<void>(fastpar::compress_batch(items, options)));
}

} // namespace

int main() {
  RUN(round_trip);
  RUN(some_fail);
  return FINISH();
}
