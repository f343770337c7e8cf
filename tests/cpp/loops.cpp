/* for_each_chunk, parallel_for, map, plans; cancelling and progress. */
#include "check.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#if __cplusplus >= 202002L
#include <ranges>
#endif

namespace {

std::vector<std::size_t> iota(std::size_t count) {
  std::vector<std::size_t> values(count);
  std::iota(values.begin(), values.end(), std::size_t{0});
  return values;
}

void every_chunk_once() {
  for (std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{23}, std::size_t{24}, std::size_t{1000003}}) {
    std::vector<std::uint8_t> seen(count);
    std::atomic<std::size_t> chunks{0};
    fastpar::for_each_chunk(count, [&](fastpar::chunk c) {
      chunks++;
      CHECK(c.begin < c.end && c.end <= count && c.size() == c.end - c.begin && c.lane < c.lanes);
      for (std::uint8_t &item : c.of(seen)) item++;
    });
    CHECK_EQUAL(chunks.load(), std::min<std::size_t>(count, 24));
    CHECK(std::all_of(seen.begin(), seen.end(), [](std::uint8_t n) { return n == 1; }));
  }
}

void options_reach_the_library() {
  fastpar::loop_options options;
  options.segments = 7;
  std::atomic<std::size_t> chunks{0};
  fastpar::for_each_chunk(1000, [&](fastpar::chunk) { chunks++; }, options);
  CHECK_EQUAL(chunks.load(), std::size_t{7});

  options = {};
  options.schedule = fastpar::schedule::grain;
  options.grain = 10;
  options.max_lanes = 1;
  const auto caller = std::this_thread::get_id();
  fastpar::for_each_chunk(1000, [&](const fastpar::chunk &c) {
    CHECK(c.size() == 10 && c.lanes == 1 && std::this_thread::get_id() == caller);
  }, options);

  options = {};
  options.grain = 10; // is for a schedule that it names
  CHECK_EQUAL(fastpar::plan_make(1000, options).chunks, std::size_t{100});
  options.segments = 5;
  CHECK_STATUS(invalid_argument, fastpar::for_each_chunk(10, [](fastpar::chunk) {}, options));
  options = {};
  options.item_size = 1 << 20;
  CHECK(fastpar::plan_make(100000, options).chunks > 1000);
  options.cache_detect = true;
  CHECK(fastpar::plan_make(100000, options).chunks >= 24);
  options.schedule = fastpar::schedule::guided;
  CHECK_STATUS(invalid_argument, fastpar::for_each_chunk(10, [](fastpar::chunk) {}, options));

  options = {};
  options.schedule = static_cast<fastpar::schedule>(99);
  CHECK_STATUS(invalid_argument, fastpar::for_each_chunk(10, [](fastpar::chunk) {}, options));
#if __cplusplus >= 202002L
  chunks = 0;
  fastpar::for_each_chunk(1000, [&](fastpar::chunk) { chunks++; }, {.segments = 5});
  CHECK_EQUAL(chunks.load(), std::size_t{5});
#endif
}

void plans() {
  fastpar::loop_options options;
  for (auto schedule : {fastpar::schedule::segments, fastpar::schedule::cache, fastpar::schedule::grain,
                        fastpar::schedule::guided}) {
    options.schedule = schedule;
    const fastpar::plan plan = fastpar::plan_make(100000, options);
    CHECK_EQUAL(plan.count, std::size_t{100000});
    CHECK(plan.lanes >= 1 && plan.chunks >= 1);
    std::size_t next = 0;
    for (std::size_t i = 0; i < plan.chunks; i++) {
      const fastpar::chunk chunk = fastpar::plan_chunk(100000, i, options);
      CHECK(chunk.index == i && chunk.begin == next && chunk.size() <= plan.largest);
      next = chunk.end;
    }
    CHECK_EQUAL(next, std::size_t{100000});
    CHECK_STATUS(invalid_argument, static_cast<void>(fastpar::plan_chunk(100000, plan.chunks, options)));
  }
  CHECK_EQUAL(fastpar::plan_make(0).chunks, std::size_t{0});
}

struct counter {
  std::atomic<int> *calls;
  void operator()(fastpar::chunk) const { calls->fetch_add(1); }
};

std::atomic<int> function_calls{0};
void function(fastpar::chunk) { function_calls++; }

struct account {
  int money = 1;
  void pay() { money *= 2; }
};

void bodies_of_every_kind() {
  std::atomic<int> calls{0};
  const counter object{&calls};
  fastpar::for_each_chunk(24, object);
  CHECK_EQUAL(calls.load(), 24);
  fastpar::for_each_chunk(24, function);
  fastpar::for_each_chunk(24, &function);
  CHECK_EQUAL(function_calls.load(), 48);
  auto captured = std::make_unique<std::atomic<int>>(0);
  auto *view = captured.get();
  auto move_only = [captured = std::move(captured)](fastpar::chunk) { captured->fetch_add(1); };
  fastpar::for_each_chunk(24, move_only);
  CHECK_EQUAL(view->load(), 24);
  fastpar::for_each_chunk(24, std::move(move_only)); // is not moved from
  CHECK_EQUAL(view->load(), 48);
  std::vector<account> accounts(1000);
  fastpar::parallel_for(accounts.begin(), accounts.end(), &account::pay);
  CHECK(std::all_of(accounts.begin(), accounts.end(), [](const account &a) { return a.money == 2; }));
  std::array<int, 4096> per_lane{};
  fastpar::loop_options options;
  options.segments = 1000;
  fastpar::for_each_chunk(1000, [&, mine = 0](fastpar::chunk c) mutable {
    if (c.lanes == 0) mine++; // one object for all: only what is guarded may be written
    per_lane[c.lane]++;
  }, options);
  CHECK_EQUAL(std::accumulate(per_lane.begin(), per_lane.end(), 0), 1000);
}

template <class Integer>
void integers_of(Integer first, Integer last) {
  const auto count = static_cast<std::size_t>(static_cast<long long>(last) - static_cast<long long>(first));
  std::vector<std::uint8_t> seen(count);
  fastpar::parallel_for(first, last, [&](Integer i) {
    seen[static_cast<std::size_t>(static_cast<long long>(i) - static_cast<long long>(first))]++;
  });
  CHECK(std::all_of(seen.begin(), seen.end(), [](std::uint8_t n) { return n == 1; }));
}

void integers() {
  integers_of<signed char>(-128, 127);
  integers_of<unsigned char>(0, 255);
  integers_of<short>(-32768, 32767);
  integers_of<int>(-100, 100);
  integers_of<unsigned>(5, 6000);
  integers_of<long long>(-5, 5);
  integers_of<std::int64_t>(INT64_MAX - 100, INT64_MAX);
  integers_of<std::int32_t>(INT32_MIN, INT32_MIN + 100);
  integers_of<std::size_t>(0, 100000);

  std::atomic<int> calls{0};
  fastpar::parallel_for(5, 5, [&](int) { calls++; });
  fastpar::parallel_for(5, -5, [&](int) { calls++; });
  CHECK_EQUAL(calls.load(), 0);
  std::vector<int> values(77);
  fastpar::parallel_for(0, values.size(), [&](std::size_t i) { values[i] = 1; });
  CHECK_EQUAL(std::accumulate(values.begin(), values.end(), 0), 77);
  CHECK_STATUS(invalid_argument, fastpar::parallel_for(-1, values.size(), [](std::size_t) {}));
  CHECK_STATUS(invalid_argument, fastpar::parallel_for(std::size_t{0}, -1, [](std::size_t) {}));
}

void iterators() {
  std::vector<int> vector(10007, 1);
  fastpar::parallel_for(vector.begin(), vector.end(), [](int &value) { value++; });
  CHECK_EQUAL(std::accumulate(vector.begin(), vector.end(), 0), 2 * 10007);
  int array[100] = {};
  fastpar::parallel_for(std::begin(array), std::end(array), [](int &value) { value = 3; });
  CHECK_EQUAL(std::accumulate(std::begin(array), std::end(array), 0), 300);
  std::deque<int> deque(5000, 1);
  std::atomic<int> sum{0};
  fastpar::parallel_for(deque.cbegin(), deque.cend(), [&](const int &value) { sum += value; });
  CHECK_EQUAL(sum.load(), 5000);
  fastpar::parallel_for(vector.rbegin(), vector.rend(), [](int &value) { value = 0; });
  CHECK_EQUAL(std::accumulate(vector.begin(), vector.end(), 0), 0);
  fastpar::parallel_for(vector.end(), vector.begin(), [](int &value) { value = 1; });
  CHECK_EQUAL(vector[0], 0);
  static_assert(fastpar::detail::is_random_access<int *>);
  static_assert(!fastpar::detail::is_random_access<std::list<int>::iterator>);
  static_assert(!fastpar::detail::is_random_access<std::set<int>::iterator>);
  static_assert(!fastpar::detail::is_random_access<void (*)()>);
#if defined(__cpp_lib_ranges) && !(defined(__clang__) && __clang_major__ < 16)
  auto numbers = std::views::iota(10, 1010);
  sum = 0;
  fastpar::parallel_for(numbers.begin(), numbers.end(), [&](int value) { sum += value; });
  CHECK_EQUAL(sum.load(), (10 + 1009) * 500);
#endif
}

void nested() {
  std::atomic<int> inner{0};
  fastpar::parallel_for(0, 30, [&](int) {
    fastpar::parallel_for(0, 30, [&](int) {
      fastpar::for_each_chunk(3, [&](fastpar::chunk) { inner++; });
    });
  });
  CHECK_EQUAL(inner.load(), 2700);
}

void from_many_threads() {
  std::vector<std::thread> threads;
  std::atomic<int> calls{0};
  for (int t = 0; t < 8; t++)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; i++) fastpar::for_each_chunk(24, [&](fastpar::chunk) { calls++; });
    });
  for (auto &thread : threads) thread.join();
  CHECK_EQUAL(calls.load(), 8 * 200 * 24);
}

void maps() {
  const auto values = iota(10007);
  const auto squares = fastpar::map(values.begin(), values.end(), [](std::size_t i) { return i * i; });
  CHECK_EQUAL(squares.size(), values.size());
  for (std::size_t i = 0; i < squares.size(); i++) CHECK(squares[i] == i * i);
  std::vector<std::string> names(100);
  const auto end = fastpar::map(0, 100, names.begin(), [](int i) { return std::to_string(i); });
  CHECK(end == names.end() && names[42] == "42");
  const auto lengths = fastpar::map(names.begin(), names.end(), &std::string::size);
  CHECK_EQUAL(lengths[10], std::size_t{2});
  const auto texts = fastpar::map(0, 1000, [](int i) { return std::string(static_cast<std::size_t>(i % 50), 'x'); });
  CHECK(texts[49].size() == 49 && texts[999].size() == 49);
  std::vector<int> in_place(1000, 4);
  fastpar::loop_options options;
  options.segments = 3;
  fastpar::map(in_place.begin(), in_place.end(), in_place.begin(), [](int i) { return i + 1; }, options);
  CHECK_EQUAL(std::accumulate(in_place.begin(), in_place.end(), 0), 5000);
  CHECK(fastpar::map(0, 0, [](int i) { return i; }).empty());
  const auto past_the_end = [&](int i) { return names.at(static_cast<std::size_t>(i) + 95); };
  CHECK_THROWS(std::out_of_range, static_cast<void>(fastpar::map(0, 10, past_the_end)));
}

void cancelling() {
  fastpar::cancel_flag flag;
  fastpar::loop_options options;
  options.cancel = &flag;
  options.segments = 1000;
  std::atomic<int> calls{0};
  CHECK_STATUS(cancelled, fastpar::for_each_chunk(1000, [&](fastpar::chunk) { calls++; flag.cancel(); }, options));
  CHECK(calls > 0 && calls < 1000 && flag.is_cancelled());
  CHECK_STATUS(cancelled, fastpar::for_each_chunk(1000, [](fastpar::chunk) {}, options));
  flag.reset();
  fastpar::for_each_chunk(1000, [](fastpar::chunk) {}, options);
  CHECK(!flag.is_cancelled());
}

void stop_tokens() {
#ifdef __cpp_lib_jthread
  std::stop_source source;
  std::atomic<int> calls{0};
  const fastpar::loop_options options{.segments = 1000, .stop = source.get_token()};
  fastpar::for_each_chunk(1000, [&](fastpar::chunk) { calls++; }, options);
  CHECK_EQUAL(calls.load(), 1000);
  calls = 0;
  CHECK_STATUS(cancelled, fastpar::for_each_chunk(1000, [&](fastpar::chunk) { calls++; source.request_stop(); }, options));
  CHECK(calls > 0 && calls < 1000);
  CHECK_STATUS(cancelled, fastpar::for_each_chunk(1000, [](fastpar::chunk) {}, options));
  CHECK_STATUS(cancelled, static_cast<void>(fastpar::reduce(1000, 0, [](fastpar::chunk, int &) {}, std::plus<>(), options)));
  // Both: the request sets the flag, and the flag alone works too.
  fastpar::cancel_flag flag;
  std::stop_source other;
  const fastpar::loop_options both{.cancel = &flag, .stop = other.get_token()};
  fastpar::for_each_chunk(1000, [](fastpar::chunk) {}, both);
  flag.cancel();
  CHECK_STATUS(cancelled, fastpar::for_each_chunk(1000, [](fastpar::chunk) {}, both));
  flag.reset();
  CHECK_STATUS(cancelled, fastpar::for_each_chunk(1000, [&](fastpar::chunk) { other.request_stop(); }, both));
  CHECK(flag.is_cancelled());
#endif
}

void progress() {
  std::uint64_t last = 0, all = 0;
  int calls = 0;
  fastpar::loop_options options;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    CHECK(done >= last);
    last = done, all = total, calls++;
  };
  fastpar::for_each_chunk(1000, [](fastpar::chunk) {}, options);
  CHECK(calls >= 1 && last == 1000 && all == 1000);
  options.progress = [](std::uint64_t, std::uint64_t) { return false; };
  options.segments = 1000;
  CHECK_STATUS(cancelled, fastpar::for_each_chunk(1000, [](fastpar::chunk) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }, options));
  options.progress = nullptr;
  fastpar::for_each_chunk(1000, [](fastpar::chunk) {}, options);
}

void chunk_views() {
  std::vector<int> values(100);
  const std::vector<int> constant(100, 5);
  int array[100] = {};
  fastpar::for_each_chunk(100, [&](fastpar::chunk c) {
    auto writable = c.of(values);
    auto readable = c.of(constant);
    static_assert(std::is_same_v<decltype(readable), fastpar::span<const int>>);
    CHECK(writable.size() == c.size() && writable.data() == values.data() + c.begin);
    for (std::size_t i = 0; i < c.size(); i++) writable[i] = readable[i];
    for (int &item : c.of(array)) item = 1;
    for (int &item : c.of(fastpar::span<int>(array))) item++;
  });
  CHECK(values == constant && array[99] == 2);
}

} // namespace

int main() {
  RUN(every_chunk_once);
  RUN(options_reach_the_library);
  RUN(plans);
  RUN(bodies_of_every_kind);
  RUN(integers);
  RUN(iterators);
  RUN(nested);
  RUN(from_many_threads);
  RUN(maps);
  RUN(cancelling);
  RUN(stop_tokens);
  RUN(progress);
  RUN(chunk_views);
  return FINISH();
}
