/* prefix, inclusive_scan, exclusive_scan, for_each_tile. */
#include "check.hpp"

#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

void scans_of_numbers() {
  for (std::size_t count : {0u, 1u, 2u, 23u, 25u, 1000u, 100003u}) {
    std::vector<std::uint32_t> values(count);
    for (std::size_t i = 0; i < count; i++) values[i] = static_cast<std::uint32_t>(i * 7919 % 1000);
    std::vector<std::uint32_t> expected(count), found(count);
    std::partial_sum(values.begin(), values.end(), expected.begin());
    CHECK(fastpar::inclusive_scan(values.begin(), values.end(), found.begin()) == found.end());
    CHECK(found == expected);
    std::vector<std::uint64_t> wide(count);
    CHECK(fastpar::exclusive_scan(values.begin(), values.end(), wide.begin(), std::uint64_t{5}) == wide.end());
    for (std::size_t i = 0; i < count; i++) CHECK(wide[i] == 5u + expected[i] - values[i]);
    auto in_place = values;
    fastpar::exclusive_scan(in_place.begin(), in_place.end(), in_place.begin(), 0u);
    for (std::size_t i = 0; i < count; i++) CHECK(in_place[i] == expected[i] - values[i]);
    in_place = values;
    fastpar::inclusive_scan(in_place.begin(), in_place.end(), in_place.begin(),
                            [](std::uint32_t a, std::uint32_t b) { return a > b ? a : b; });
    for (std::size_t i = 1; i < count; i++) CHECK(in_place[i] == (values[i] > in_place[i - 1] ? values[i] : in_place[i - 1]));
  }
}

void scans_of_objects() {
  std::vector<std::string> words(1000), found(1000);
  for (std::size_t i = 0; i < words.size(); i++) words[i] = std::string(1, static_cast<char>('a' + i % 26));
  fastpar::loop_options options;
  options.segments = 100;
  fastpar::inclusive_scan(words.begin(), words.end(), found.begin(), std::plus<>(), options);
  std::string all;
  for (std::size_t i = 0; i < words.size(); i++) CHECK(found[i] == (all += words[i]));
  fastpar::exclusive_scan(words.begin(), words.end(), found.begin(), std::string(">"), std::plus<>(), options);
  all = ">";
  for (std::size_t i = 0; i < words.size(); i++) {
    CHECK(found[i] == all);
    all += words[i];
  }
}

/* No sum has the last item, which may be one that nothing can be added to. */
void exclusive_sums_stop_before_the_last_item() {
  fastpar::loop_options alone;
  alone.max_lanes = 1;
  for (const std::size_t count : {std::size_t{1}, std::size_t{7}, std::size_t{400000}}) {
    std::vector<double> values(count, 1.0), sums(count);
    values.back() = -1;
    const auto add = [](double a, double b) {
      if (a < 0 || b < 0) throw std::overflow_error("expected by nobody");
      return a + b;
    };
    fastpar::exclusive_scan(values.begin(), values.end(), sums.begin(), 0.0, add, alone);
    CHECK(sums.front() == 0 && sums.back() == static_cast<double>(count - 1));
  }
}

void the_same_to_the_bit() {
  std::vector<double> values(100000), one(values.size()), many(values.size());
  for (std::size_t i = 0; i < values.size(); i++) values[i] = std::sin(static_cast<double>(i));
  fastpar::loop_options options;
  options.segments = 100;
  options.max_lanes = 1;
  fastpar::inclusive_scan(values.begin(), values.end(), one.begin(), std::plus<>(), options);
  options.max_lanes = 0;
  for (int round = 0; round < 5; round++) {
    fastpar::inclusive_scan(values.begin(), values.end(), many.begin(), std::plus<>(), options);
    CHECK(one == many);
  }
}

/* More than 24 chunks of the size that the options do not say: the same on one lane, which takes one pass,
 * and on several. */
void large_scans() {
  const std::size_t count = (128u << 10) / sizeof(double) * 24 + 54321;
  std::vector<double> values(count), found(count), expected(count);
  for (std::size_t i = 0; i < count; i++) values[i] = std::sin(static_cast<double>(i));
  fastpar::loop_options alone;
  alone.max_lanes = 1;
  fastpar::inclusive_scan(values.begin(), values.end(), expected.begin(), std::plus<>(), alone);
  double sum = 0;
  for (std::size_t i = 0; i < count; i++) CHECK(std::abs(expected[i] - (sum += values[i])) < 1e-6);
  for (int round = 0; round < 3; round++) {
    fastpar::inclusive_scan(values.begin(), values.end(), found.begin());
    CHECK(found == expected);
  }
  fastpar::exclusive_scan(values.begin(), values.end(), expected.begin(), 7.0, std::plus<>(), alone);
  found = values;
  fastpar::exclusive_scan(found.begin(), found.end(), found.begin(), 7.0);
  CHECK(found == expected);
  // Unsigned integers wrap.
  std::vector<std::uint32_t> numbers(1000003), places(numbers.size()), ends(numbers.size());
  for (std::size_t i = 0; i < numbers.size(); i++) numbers[i] = static_cast<std::uint32_t>(i * 2654435761u);
  for (const auto &options : {alone, fastpar::loop_options{}}) {
    fastpar::exclusive_scan(numbers.begin(), numbers.end(), places.begin(), 5u, std::plus<>(), options);
    fastpar::inclusive_scan(numbers.begin(), numbers.end(), ends.begin(), std::plus<>(), options);
    std::uint32_t before = 0;
    bool right = true;
    for (std::size_t i = 0; i < numbers.size(); i++) {
      right &= places[i] == before + 5;
      before += numbers[i];
      right &= ends[i] == before;
    }
    CHECK(right);
  }
}

/* Sums that own memory, and an operation that throws, in a chunk or where chunks meet. */
void large_scans_of_objects() {
  std::vector<std::string> words(100000), found(words.size());
  for (std::size_t i = 0; i < words.size(); i++) words[i] = std::to_string(i * 7919 % 100003) + " is longer than a short string";
  const auto larger = [](const std::string &a, const std::string &b) { return a < b ? b : a; };
  fastpar::inclusive_scan(words.begin(), words.end(), found.begin(), larger);
  std::string most;
  for (std::size_t i = 0; i < words.size(); i++) CHECK(found[i] == (most = larger(most, words[i])));
  for (std::size_t at : {std::size_t{1}, words.size() / 2, words.size() - 1}) {
    const auto throws = [&](const std::string &a, const std::string &b) {
      if (a == words[at] || b == words[at]) throw std::runtime_error("here");
      return a < b ? b : a;
    };
    CHECK_THROWS(std::runtime_error, fastpar::inclusive_scan(words.begin(), words.end(), found.begin(), throws));
  }
}

/* Counting, then filling: each chunk knows where its results go. */
void filtering() {
  std::vector<std::size_t> kept(100000 / 3 + 1);
  const auto total = fastpar::prefix(
      100000, std::size_t{0},
      [](fastpar::chunk c, std::size_t &count) {
        for (std::size_t i = c.begin; i < c.end; i++) count += i % 3 == 0;
      },
      std::plus<>(),
      [&](fastpar::chunk c, std::size_t at) {
        for (std::size_t i = c.begin; i < c.end; i++)
          if (i % 3 == 0) kept[at++] = i;
      });
  CHECK_EQUAL(total, kept.size());
  for (std::size_t i = 0; i < kept.size(); i++) CHECK(kept[i] == 3 * i);
}

void exceptions_pass() {
  const auto nothing = [](fastpar::chunk, std::vector<int> &) {};
  const auto join = [](std::vector<int> &, const std::vector<int> &) {};
  const auto fails = [](auto &&...) { throw std::runtime_error("expected"); };
  const auto ignore = [](fastpar::chunk, const std::vector<int> &) {};
  const std::vector<int> none(3);
  CHECK_THROWS(std::runtime_error, static_cast<void>(fastpar::prefix(100, none, [&](fastpar::chunk, std::vector<int> &) { fails(); }, join, ignore)));
  CHECK_THROWS(std::runtime_error, static_cast<void>(fastpar::prefix(100, none, nothing, [&](std::vector<int> &, const std::vector<int> &) { fails(); }, ignore)));
  CHECK_THROWS(std::runtime_error, static_cast<void>(fastpar::prefix(100, none, nothing, join, [&](fastpar::chunk, const std::vector<int> &) { fails(); })));
}

void every_cell_of_a_table_once() {
  for (const auto &table : {fastpar::tiles{100, 70}, fastpar::tiles{0, 5}, fastpar::tiles{5, 0}, fastpar::tiles{1, 1},
                            fastpar::tiles{64, 128}, fastpar::tiles{65, 129, 7, 11}, fastpar::tiles{3, 3, 100, SIZE_MAX}}) {
    std::vector<std::atomic<int>> seen(table.rows * table.columns);
    const auto body = [&](const fastpar::tile &t) {
      CHECK(t.row_begin < t.row_end && t.row_end <= table.rows && t.row_end - t.row_begin <= table.tile_rows);
      CHECK(t.column_begin < t.column_end && t.column_end <= table.columns);
      CHECK(t.column_end - t.column_begin <= table.tile_columns);
      for (std::size_t r = t.row_begin; r < t.row_end; r++)
        for (std::size_t c = t.column_begin; c < t.column_end; c++) seen[r * table.columns + c]++;
    };
    fastpar::for_each_tile(table, body);
    fastpar::for_each_tile(table, body, fastpar::loop_options{});
    for (const auto &cell : seen) CHECK(cell == 2);
  }
  CHECK_STATUS(invalid_argument, fastpar::for_each_tile(fastpar::tiles{5, 5, 0, 1}, [](fastpar::tile) {}));
  CHECK_STATUS(invalid_argument, fastpar::for_each_tile(fastpar::tiles{SIZE_MAX, SIZE_MAX}, [](fastpar::tile) {}));
}

} // namespace

int main() {
  RUN(scans_of_numbers);
  RUN(scans_of_objects);
  RUN(exclusive_sums_stop_before_the_last_item);
  RUN(the_same_to_the_bit);
  RUN(large_scans);
  RUN(large_scans_of_objects);
  RUN(filtering);
  RUN(exceptions_pass);
  RUN(every_cell_of_a_table_once);
  return FINISH();
}
