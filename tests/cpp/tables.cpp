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
  // Those of the rows of a mask.
  const fastpar::mask buys = table.equal(&trade::what, side::buy);
  const auto bought = table.group_by({&trade::symbol}, {of::sum(&trade::quantity), of::first(&trade::time)}, buys);
  std::map<std::array<char, 4>, std::pair<std::uint64_t, std::int64_t>> of_buys;
  for (const trade &row : rows) {
    if (row.what == side::buy) of_buys.insert({row.symbol, {0, row.time}}).first->second.first += row.quantity;
  }
  CHECK(bought.size() == of_buys.size() && !of_buys.empty());
  const auto symbols = bought.keys_as<std::array<char, 4>>(0);
  const auto quantities = bought.values(0), begins = bought.values(1);
  at = 0;
  for (const auto &[symbol, expect] : of_buys) {
    CHECK(symbols[at] == symbol && quantities[at].whole<std::uint64_t>() == expect.first && begins[at].whole() == expect.second);
    at++;
  }
  CHECK_THROWS(std::invalid_argument, static_cast<void>(table.group_by({&trade::time}, {}, fastpar::mask(3))));
  CHECK_THROWS(fastpar::error, static_cast<void>(table.group_by({&trade::time}, {}, buys, {}, 100)));
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

/* Every kind of order, and what is found in it. */
void orders() {
  auto rows = trades(3001);
  const fastpar::table<trade> table{fastpar::span<const trade>(rows)};
  const auto order = table.argsort({&trade::symbol, fastpar::descending(&trade::price)});
  const auto sorted = table.take_rows(order);
  for (std::size_t i = 1; i < sorted.size(); i++) {
    const trade &a = sorted[i - 1], &b = sorted[i];
    CHECK(a.symbol < b.symbol || (a.symbol == b.symbol && (a.price > b.price || (a.price == b.price && a.time < b.time))));
  }
  std::vector<trade> one, other;
  for (std::size_t i = 0; i < rows.size(); i++) (i % 3 == 0 ? one : other).push_back(rows[i]);
  const fastpar::table<trade> a{fastpar::span<const trade>(one)}, b{fastpar::span<const trade>(other)};
  const auto merged = a.merge(b, {&trade::time});
  CHECK(merged.size() == rows.size() && std::memcmp(merged.data(), rows.data(), rows.size() * sizeof(trade)) == 0);
  const std::vector<std::int64_t> times = {-6000, rows[7].time, rows[7].time + 1, 1 << 30};
  const auto before = table.search(&trade::time, fastpar::span<const std::int64_t>(times));
  const auto after = table.search(&trade::time, fastpar::span<const std::int64_t>(times), true);
  CHECK(before == (std::vector<std::uint64_t>{0, 7, 8, rows.size()}) && after == (std::vector<std::uint64_t>{0, 8, 8, rows.size()}));
  const auto mask = table.less(&trade::price, 2.0);
  const auto bins = table.histogram(&trade::price, 0.0, 64.0, 64), few = table.histogram(&trade::price, 0.0, 64.0, 64, mask);
  std::uint64_t ones = 0;
  for (const trade &row : rows) ones += row.price >= 1 && row.price < 2;
  CHECK(bins.size() == 64 && bins[1] == ones && few[1] == ones && few[2] == 0);
  const std::vector<std::uint64_t> none = {rows.size()};
  CHECK_STATUS(invalid_argument, static_cast<void>(table.take_rows(none)));
  CHECK_THROWS(std::invalid_argument, static_cast<void>(table.histogram(&trade::price, 0.0, 1.0, 1, fastpar::mask(1))));
}

/* A member that is asked for often is one column: more than 256 are refused. */
void members_are_shared() {
  const auto rows = trades(10);
  const fastpar::table<trade> table{fastpar::span<const trade>(rows)};
  const auto found = table.aggregate({of::sum(&trade::quantity), of::mean(&trade::quantity), of::dot(&trade::quantity, &trade::quantity)});
  CHECK(found[2].number() > 0 && found[0].number() == found[1].number() * 10);
  fastpar::detail::members members({of::min(&trade::price), of::max(&trade::price), of::dot(&trade::price, &trade::quantity)}, {&trade::price});
  CHECK_EQUAL(members.all().size(), std::size_t{2});
}

/* The same of what is compressed, in frames that cut records. */
void archives() {
  namespace where = fastpar::where;
  const auto rows = trades(50001);
  fastpar::zstd_options codec;
  codec.frame_size = 30001;
  const auto data = fastpar::compress(fastpar::as_bytes(rows), codec);
  const fastpar::archive archive(data);
  const fastpar::archive_table<trade> table(archive);
  const fastpar::table<trade> memory{fastpar::span<const trade>(rows)};
  const auto passes = where::between(&trade::price, 10.0, 20.0) & ~where::equal(&trade::what, side::buy);
  const auto mask = memory.between(&trade::price, 10.0, 20.0) - memory.equal(&trade::what, side::buy);
  const auto some = table.filter(passes);
  const auto found = some.aggregate({of::count(), of::sum(&trade::quantity), of::last(&trade::time)});
  const auto expected = memory.aggregate({of::count(), of::sum(&trade::quantity), of::last(&trade::time)}, mask);
  for (std::size_t i = 0; i < expected.size(); i++) CHECK(found[i].whole() == expected[i].whole() && found[i].rows() == expected[i].rows());
  const auto taken = some.take(), in_memory = memory.take(mask);
  CHECK(taken.size() == in_memory.size() && std::memcmp(taken.data(), in_memory.data(), taken.size() * sizeof(trade)) == 0);
  CHECK_EQUAL(some.filter(where::less(&trade::time, rows[20].time) | where::at_least(&trade::time, rows[50000].time)).take().size(),
              memory.take(mask & (memory.less(&trade::time, rows[20].time) | memory.at_least(&trade::time, rows[50000].time))).size());
  const auto bars = table.group_by({&trade::symbol, {&trade::time, std::int64_t{1000}}}, {of::first(&trade::price), of::sum(&trade::quantity)});
  const auto others = memory.group_by({&trade::symbol, {&trade::time, std::int64_t{1000}}}, {of::first(&trade::price), of::sum(&trade::quantity)});
  CHECK(bars.size() == others.size() && bars.first_rows() == others.first_rows());
  const auto symbols = bars.keys_as<std::array<char, 4>>(0);
  const auto first = bars.first_rows();
  const auto volumes = bars.values(1), same = others.values(1);
  for (std::size_t i = 0; i < symbols.size(); i++) CHECK(symbols[i] == rows[first[i]].symbol && volumes[i].whole() == same[i].whole());
  CHECK_THROWS(std::invalid_argument, static_cast<void>(bars.keys_as<char>(0)));
  CHECK_STATUS(limit_exceeded, static_cast<void>(table.group_by({&trade::time}, {}, {}, 1000)));
  CHECK_THROWS(std::logic_error, table.take([](fastpar::span<const trade>) { throw std::logic_error("expected by the test"); }));
  CHECK_THROWS(std::invalid_argument, static_cast<void>(passes & fastpar::condition()));
  fastpar::scan_options part;
  part.offset = sizeof(trade) * 100;
  part.size = sizeof(trade) * 50;
  CHECK_EQUAL(table.aggregate({of::min(&trade::time)}, part)[0].whole(), rows[100].time);
  fastpar::cancel_flag cancel;
  cancel.cancel();
  part.cancel = &cancel;
  CHECK_STATUS(cancelled, static_cast<void>(table.aggregate({of::count()}, part)));
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
  RUN(orders);
  RUN(members_are_shared);
  RUN(archives);
  RUN(no_rows);
  return FINISH();
}
