/* table: members of records as columns, masks, groups. */
#include "check.hpp"

#include <array>
#include <cstring>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

namespace of = fastpar::of;

enum class side : std::uint8_t { buy, sell };

struct trade {
  std::int64_t time;
  double price;
  std::array<char, 4> symbol;
  std::uint32_t quantity;
  side what;
};

std::vector<trade> trades(std::size_t count) {
  std::vector<trade> all(count);
  std::uint32_t state = 42;
  for (std::size_t i = 0; i < count; i++) {
    state = state * 1664525 + 1013904223;
    all[i].time = static_cast<std::int64_t>(i) * 10 - 5000;
    all[i].price = (state >> 8 & 255) / 4.0;
    all[i].symbol = {{'A', static_cast<char>('A' + (state >> 20) % 3), 0, 0}};
    all[i].quantity = state >> 24;
    all[i].what = state >> 16 & 1 ? side::buy : side::sell;
  }
  return all;
}

void aggregates_and_masks() {
  const auto rows = trades(70001);
  const fastpar::table<trade> table{fastpar::span<const trade>(rows)};
  std::uint64_t volume = 0, large = 0;
  double turnover = 0;
  std::vector<trade> expected;
  for (const trade &row : rows) {
    volume += row.quantity;
    turnover += row.price * row.quantity;
    if (row.price >= 10 && row.price < 20 && row.what == side::buy) {
      expected.push_back(row);
      large += row.quantity;
    }
  }
  const auto found = table.aggregate({of::count(), of::sum(&trade::quantity), of::dot(&trade::price, &trade::quantity),
                                      of::last(&trade::time), of::min(&trade::time)});
  CHECK(found[0].whole() == 70001 && found[1].whole<std::uint64_t>() == volume && found[2].number() == turnover);
  CHECK(found[3].whole() == rows.back().time && found[4].whole() == -5000 && found[4].rows() == rows.size());
  const fastpar::mask mask = table.between(&trade::price, 10.0, 20.0) & table.equal(&trade::what, side::buy);
  const auto taken = table.take(mask);
  CHECK(mask.count() == expected.size() && taken.size() == expected.size() && !expected.empty());
  for (std::size_t i = 0; i < taken.size(); i++) CHECK(std::memcmp(&taken[i], &expected[i], sizeof(trade)) == 0);
  CHECK(table.aggregate({of::sum(&trade::quantity)}, mask)[0].whole<std::uint64_t>() == large);
  CHECK((~mask).count() == rows.size() - expected.size() && (mask - mask).count() == 0 && (mask | ~mask).count() == rows.size());
  CHECK(table.less(&trade::time, std::int64_t{0}).count() == 500 && table.at_least(&trade::time, std::int64_t{0})[500]);
  CHECK(table.equal(&trade::symbol, {{'A', 'B', 0, 0}})[0] == (rows[0].symbol[1] == 'B'));
  CHECK_THROWS(std::invalid_argument, static_cast<void>(mask & fastpar::mask(3)));
  for (const fastpar::mask &other : {fastpar::mask(), fastpar::mask(rows.size() + 1)}) {
    CHECK_THROWS(std::invalid_argument, static_cast<void>(table.take(other)));
    CHECK_THROWS(std::invalid_argument, static_cast<void>(table.aggregate({of::count()}, other)));
  }
}

void bars() {
  const auto rows = trades(5000);
  const fastpar::table<trade> table{fastpar::span<const trade>(rows)};
  std::map<std::pair<std::array<char, 4>, std::int64_t>, std::vector<const trade *>> expected;
  for (const trade &row : rows) {
    const std::int64_t minute = (row.time + 6000) / 1000 * 1000 - 6000;
    expected[{row.symbol, minute}].push_back(&row);
  }
  const auto found = table.group_by({&trade::symbol, {&trade::time, std::int64_t{1000}}},
                                    {of::first(&trade::price), of::sum(&trade::quantity)});
  CHECK(found.size() == expected.size());
  const auto times = found.keys(1), opens = found.values(0), volumes = found.values(1);
  const auto first = found.first_rows();
  std::size_t at = 0;
  for (const auto &[key, group] : expected) {
    std::uint64_t volume = 0;
    for (const trade *row : group) volume += row->quantity;
    CHECK(times[at].whole() == key.second && rows[first[at]].symbol == key.first && times[at].rows() == group.size());
    CHECK(opens[at].number() == group[0]->price && volumes[at].whole<std::uint64_t>() == volume);
    at++;
  }
  CHECK_THROWS(fastpar::error, static_cast<void>(found.keys(0)));
  CHECK_THROWS(fastpar::error, static_cast<void>(table.group_by({&trade::time}, {}, {}, 100)));
  CHECK_THROWS(std::invalid_argument, static_cast<void>(fastpar::group_key(&trade::price, 0.0)));
  // Buckets of half of all numbers and more, whose begin is beyond what a signed origin can be.
  struct number {
    std::uint64_t value;
  };
  const std::uint64_t width = 0x8000000000000100u, origin = 0x8000000000000005u;
  const std::vector<number> numbers = {{0}, {origin - 1}, {origin}, {~std::uint64_t{0}}};
  const fastpar::table<number> all{fastpar::span<const number>(numbers)};
  const auto halves = all.group_by({{&number::value, width, origin}}, {of::count()}).values(0);
  CHECK(halves.size() == 2 && halves[0].whole() == 2 && halves[1].whole() == 2);
}

void no_rows() {
  const fastpar::table<trade> table{fastpar::span<const trade>()};
  const auto found = table.aggregate({of::sum(&trade::quantity), of::max(&trade::price)});
  CHECK(found[0].whole() == 0 && found[1].rows() == 0);
  CHECK(table.take(table.less(&trade::price, 1.0)).empty() && table.group_by({&trade::time}, {}).size() == 0);
}

}  // namespace

int main() {
  RUN(aggregates_and_masks);
  RUN(bars);
  RUN(no_rows);
  return FINISH();
}
