/* sort: by members, by functions, by comparing. */
#include "check.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace {

enum class side : std::uint8_t { buy, sell };

struct trade {
  std::int64_t time;
  double price;
  side what;
  std::uint32_t number;
};

bool operator==(const trade &a, const trade &b) { return a.number == b.number && a.time == b.time; }

std::vector<trade> trades(std::size_t count) {
  std::vector<trade> all(count);
  std::uint64_t state = 42;
  for (std::size_t i = 0; i < count; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const auto noise = static_cast<std::uint32_t>(state >> 33);
    all[i] = {static_cast<std::int64_t>(noise % 5000) - 2500, static_cast<double>(noise % 77) - 38,
              noise & 1 ? side::buy : side::sell, static_cast<std::uint32_t>(i)};
  }
  return all;
}

void by_a_member() {
  for (std::size_t count : {0u, 1u, 2u, 1000u, 50000u}) {
    const auto before = trades(count);
    auto expected = before, found = before;
    std::stable_sort(expected.begin(), expected.end(), [](const trade &a, const trade &b) { return a.time < b.time; });
    fastpar::sort(found, &trade::time);
    CHECK(found == expected);
    std::stable_sort(expected.begin(), expected.end(), [](const trade &a, const trade &b) { return a.price > b.price; });
    fastpar::sort(found, fastpar::descending(&trade::price));
    CHECK(found == expected);
    std::stable_sort(expected.begin(), expected.end(), [](const trade &a, const trade &b) { return a.what < b.what; });
    fastpar::sort(fastpar::span<trade>(found.data(), found.size()), &trade::what);
    CHECK(found == expected);
  }
}

void by_a_function() {
  std::vector<std::string> words;
  for (const trade &t : trades(20000)) words.push_back(std::to_string(t.time));
  auto expected = words;
  const auto length = [](const std::string &s) { return s.size(); };
  std::stable_sort(expected.begin(), expected.end(), [](const auto &a, const auto &b) { return a.size() > b.size(); });
  fastpar::sort(words, fastpar::descending(length));
  CHECK(words == expected);
  auto all = trades(30000);
  auto sorted = all;
  std::stable_sort(sorted.begin(), sorted.end(), [](const trade &a, const trade &b) { return a.time * a.time < b.time * b.time; });
  fastpar::sort(all, [](const trade &t) { return t.time * t.time; });
  CHECK(all == sorted);
}

void by_comparing() {
  for (std::size_t count : {0u, 1u, 2u, 3000u, 50001u}) {
    for (std::uint32_t lanes : {0u, 1u, 3u}) {
      fastpar::loop_options options;
      options.max_lanes = lanes;
      auto found = trades(count), expected = found;
      const auto less = [](const trade &a, const trade &b) {
        return a.what != b.what ? a.what < b.what : a.price < b.price;
      };
      std::stable_sort(expected.begin(), expected.end(), less);
      fastpar::sort(found, less, options);
      CHECK(found == expected);
    }
  }
  std::vector<std::string> words;
  for (const trade &t : trades(20000)) words.push_back(std::to_string(t.time));
  auto expected = words;
  std::stable_sort(expected.begin(), expected.end());
  fastpar::sort(words);
  CHECK(words == expected);
  std::vector<std::unique_ptr<int>> owners;
  for (int i = 0; i < 5000; i++) owners.push_back(std::make_unique<int>(i * 7919 % 5000));
  fastpar::sort(owners, [](const auto &a, const auto &b) { return *a < *b; });
  for (int i = 0; i < 5000; i++) CHECK(*owners[static_cast<std::size_t>(i)] == i);
}

/* Bytes that can be moved and not copied. */
struct ticket {
  int number;
  explicit ticket(int value) : number(value) {}
  ticket(const ticket &) = delete;
  ticket &operator=(const ticket &) = delete;
  ticket(ticket &&) = default;
  ticket &operator=(ticket &&) = default;
};

void what_is_only_moved() {
  static_assert(std::is_trivially_copyable_v<ticket>);
  std::vector<ticket> tickets;
  for (int i = 0; i < 9000; i++) tickets.emplace_back(i * 7919 % 9000);
  fastpar::sort(tickets, [](const ticket &a, const ticket &b) { return a.number < b.number; });
  for (int i = 0; i < 9000; i++) CHECK(tickets[static_cast<std::size_t>(i)].number == i);
  fastpar::sort(tickets, fastpar::descending(&ticket::number));
  CHECK(tickets[0].number == 8999);
}

/* All items are there, whatever is told of them. */
void what_is_no_order() {
  std::vector<double> values;
  for (const trade &t : trades(60000)) values.push_back(static_cast<double>(t.time));
  for (std::size_t i = 0; i < values.size(); i += 3) values[i] = std::numeric_limits<double>::quiet_NaN();
  const auto whole = [](double x) { return x == x ? static_cast<long long>(x) : 1LL << 40; };
  const auto sum = [&] { return std::accumulate(values.begin(), values.end(), 0LL, [&](long long all, double x) { return all + whole(x); }); };
  const long long before = sum();
  fastpar::sort(values, std::less<double>());
  CHECK(sum() == before);
  fastpar::sort(values, [&](double a, double b) { return ((whole(a) ^ whole(b)) & 1) != 0; });
  CHECK(sum() == before);
  fastpar::sort(values, [](double, double) { return true; });
  CHECK(sum() == before);
}

void numbers() {
  std::vector<double> values;
  for (const trade &t : trades(40000)) values.push_back(static_cast<double>(t.time) / 3);
  values[7] = -0.0;
  values[9] = std::numeric_limits<double>::infinity();
  values[11] = std::numeric_limits<double>::quiet_NaN();
  fastpar::sort(values);
  CHECK(std::isnan(values.back()) && std::isinf(values[values.size() - 2]));
  CHECK(std::is_sorted(values.begin(), values.end() - 1));
  std::array<signed char, 5> small{3, -1, 2, -128, 127};
  fastpar::sort(small);
  CHECK((small == std::array<signed char, 5>{-128, -1, 2, 3, 127}));
  int few[] = {3, 1, 2};
  fastpar::sort(few, std::greater<int>());
  CHECK(few[0] == 3 && few[1] == 2 && few[2] == 1);
}

void what_fails_leaves_all_items() {
  auto found = trades(50000);
  const auto before = found;
  std::atomic<int> compared{0};
  CHECK_THROWS(std::runtime_error, fastpar::sort(found, [&](const trade &a, const trade &b) {
    if (++compared == 300000) throw std::runtime_error("expected");
    return a.time < b.time;
  }));
  CHECK(found == before);
  CHECK_THROWS(std::runtime_error, fastpar::sort(found, [](const trade &t) -> int {
    if (t.number == 40000) throw std::runtime_error("expected");
    return 1;
  }));
  CHECK(found == before);
  fastpar::cancel_flag flag;
  flag.cancel();
  fastpar::loop_options options;
  options.cancel = &flag;
  CHECK_STATUS(cancelled, fastpar::sort(found, &trade::time, options));
  CHECK_STATUS(cancelled, fastpar::sort(found, [](const trade &a, const trade &b) { return a.time < b.time; }, options));
  CHECK(found == before);
}

void progress_ends_with_all_items() {
  auto found = trades(50000);
  std::uint64_t last = 0, all = 0;
  fastpar::loop_options options;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    CHECK(done >= last);
    last = done;
    all = total;
  };
  fastpar::sort(found, &trade::price, options);
  CHECK(last == 50000 && all == 50000);
  last = 0;
  fastpar::sort(found, [](const trade &a, const trade &b) { return a.time < b.time; }, options);
  CHECK(last == 50000 && all == 50000);
}

} // namespace

int main() {
  RUN(by_a_member);
  RUN(by_a_function);
  RUN(by_comparing);
  RUN(what_is_only_moved);
  RUN(what_is_no_order);
  RUN(numbers);
  RUN(what_fails_leaves_all_items);
  RUN(progress_ends_with_all_items);
  return FINISH();
}
