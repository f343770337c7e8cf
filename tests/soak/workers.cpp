/* What the thread of C++ in workers.h calls. */
#include <fastpar.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

fastpar::cancel_flag flag;

/* What a wrong result throws. */
struct wrong : std::logic_error {
  using std::logic_error::logic_error;
};

void must(bool condition, const char *what) {
  if (!condition) throw wrong(what);
}

const std::vector<std::uint32_t> &numbers() {
  static const std::vector<std::uint32_t> values = [] {
    std::vector<std::uint32_t> all(100000);
    for (std::size_t i = 0; i < all.size(); i++) all[i] = static_cast<std::uint32_t>(i * i / 1000);
    return all;
  }();
  return values;
}

fastpar::bytes content() { return fastpar::as_bytes(numbers()); }

bool same(fastpar::bytes a, fastpar::bytes b) { return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin()); }

fastpar::loop_options loop_options(fastpar::cancel_flag *cancel) {
  fastpar::loop_options options;
  options.segments = 100;
  options.cancel = cancel;
  return options;
}

fastpar::zstd_options zstd_options(fastpar::cancel_flag *cancel) {
  fastpar::zstd_options options;
  options.level = -5;
  options.frame_size = 20000;
  options.cancel = cancel;
  return options;
}

void loops(fastpar::cancel_flag *cancel) {
  std::vector<std::uint32_t> copy(numbers().size());
  fastpar::for_each_chunk(copy.size(), [&](fastpar::chunk c) {
    const auto from = c.of(numbers());
    std::copy(from.begin(), from.end(), c.of(copy).begin());
  }, loop_options(cancel));
  must(copy == numbers(), "for_each_chunk");
}

void reductions(fastpar::cancel_flag *cancel) {
  const auto fold = [](fastpar::chunk c, std::uint64_t &sum) { sum += c.end - c.begin; };
  must(fastpar::reduce(12345, std::uint64_t{0}, fold, std::plus<>(), loop_options(cancel)) == 12345, "reduce");
  const auto append = [](fastpar::chunk c, std::string &text) { text += std::to_string(c.begin) + ' '; };
  const std::string all = fastpar::reduce(3, std::string(), append, std::plus<>());
  must(all == "0 1 2 ", "reduce of texts");
}

/* The exception of a body comes out, nested loops and all. */
void exceptions(fastpar::cancel_flag *cancel) {
  try {
    fastpar::for_each_chunk(24, [&](fastpar::chunk outer) {
      fastpar::for_each_chunk(10, [&](fastpar::chunk inner) {
        if (outer.index == 3 && inner.index == 4) throw std::runtime_error("3, 4" + std::string(100, '.'));
      });
    }, loop_options(cancel));
  } catch (const std::runtime_error &e) {
    if (dynamic_cast<const fastpar::error *>(&e)) throw;
    must(std::strncmp(e.what(), "3, 4", 4) == 0, "what was thrown");
    return;
  }
  throw wrong("nothing was thrown");
}

void jobs(fastpar::cancel_flag *cancel) {
  const auto done = std::make_shared<std::atomic<std::size_t>>(0);
  const auto kept = std::make_shared<std::string>(1000, 'x');
  {
    const auto body = [done, kept](fastpar::chunk c) { *done += c.end - c.begin; };
    const fastpar::job job = fastpar::for_start(1000, body, loop_options(cancel));
    const fastpar::job dropped = fastpar::for_start(100000, [kept](fastpar::chunk) {});
    job.wait();
  }
  must(*done == 1000, "a job");
  must(kept.use_count() == 1, "a body that is gone");
}

void teams(fastpar::cancel_flag *) {
  std::atomic<int> arrived{0};
  fastpar::team_run(2, [&](fastpar::team &team) {
    arrived++;
    team.barrier();
    must(arrived == 2, "a barrier");
  });
  fastpar::queue<std::uint64_t> queue(10);
  must(queue.push(7), "a queue");
  queue.close();
  must(queue.pop() == std::optional<std::uint64_t>(7) && !queue.pop(), "what is in a queue");
}

void codec(fastpar::cancel_flag *cancel) {
  const auto compressed = fastpar::compress(content(), zstd_options(cancel));
  must(same(fastpar::decompress(compressed, zstd_options(cancel)), content()), "decompress");
  const fastpar::archive archive(compressed, zstd_options(cancel));
  std::vector<std::byte> part(1000);
  must(archive.read(54321, part) == part.size() && same(part, content().subspan(54321, part.size())), "an archive");
}

void streams(fastpar::cancel_flag *cancel) {
  std::vector<std::byte> compressed, all, buffer(30000);
  const auto keep = [&](fastpar::bytes data) { compressed.insert(compressed.end(), data.begin(), data.end()); };
  fastpar::writer writer(keep, zstd_options(cancel));
  for (std::size_t at = 0; at < content().size(); at += 50000) writer.write(content().subspan(at, 50000));
  writer.finish();
  std::size_t at = 0;
  fastpar::reader reader([&](fastpar::writable_bytes place) {
    const std::size_t size = std::min({std::size_t{7000}, compressed.size() - at, place.size()});
    if (size > 0) std::memcpy(place.data(), compressed.data() + at, size);
    at += size;
    return size;
  }, zstd_options(cancel));
  while (const std::size_t size = reader.read(buffer))
    all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
  must(same(all, content()), "a reader");
}

void batches(fastpar::cancel_flag *cancel) {
  const fastpar::dict dict(content().subspan(0, 4000), 1);
  fastpar::zstd_options options = zstd_options(cancel);
  options.frame_size = 0;
  options.dict = &dict;
  std::vector<std::vector<std::byte>> rooms(50, std::vector<std::byte>(fastpar::compress_bound(2000)));
  std::vector<fastpar::batch_item> items;
  for (std::size_t i = 0; i < rooms.size(); i++) items.emplace_back(content().subspan(i * 2000, 2000), rooms[i]);
  must(fastpar::compress_batch(items, options) == 0, "a batch");
  must(same(fastpar::decompress(items[49].output(), options), content().subspan(49 * 2000, 2000)), "an item");
}

using call = void (*)(fastpar::cancel_flag *);
constexpr call CALLS[] = {loops, reductions, exceptions, jobs, teams, codec, streams, batches};

} // namespace

extern "C" std::int32_t *soak_cpp_flag() { return flag.raw(); }

extern "C" std::int32_t soak_cpp_call(std::uint64_t choice) {
  flag.reset();
  try {
    CALLS[choice % std::size(CALLS)](choice >> 32 & 3 ? nullptr : &flag);
    return FASTPAR_OK;
  } catch (const fastpar::error &e) {
    if (e.status() != fastpar::status::cancelled) std::printf("workers.cpp: %s\n", e.what());
    return static_cast<std::int32_t>(e.status());
  } catch (const std::exception &e) {
    std::printf("workers.cpp: wrong: %s\n", e.what());
    return FASTPAR_ERR_INTERNAL;
  }
}
