/* reduce. */
#include "check.hpp"

#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

void sums() {
  std::vector<std::uint32_t> values(100003, 3);
  const auto in_place = fastpar::reduce(values.size(), std::uint64_t{0}, [&](fastpar::chunk c, std::uint64_t &sum) {
    for (std::uint32_t value : c.of(values)) sum += value;
  }, std::plus<>());
  CHECK_EQUAL(in_place, std::uint64_t{300009});
  const auto by_value = fastpar::reduce(values.size(), std::uint64_t{0}, [&](const fastpar::chunk &c, std::uint64_t sum) {
    for (std::uint32_t value : c.of(values)) sum += value;
    return sum;
  }, [](std::uint64_t &into, const std::uint64_t &from) { into += from; });
  CHECK_EQUAL(by_value, std::uint64_t{300009});
  CHECK_EQUAL(fastpar::reduce(0, 17, [](fastpar::chunk, int &) {}, std::plus<>()), 17);
}

void the_same_to_the_bit() {
  const auto sum = [](std::uint32_t lanes) {
    fastpar::loop_options options;
    options.segments = 100;
    options.max_lanes = lanes;
    return fastpar::reduce(100000, 0.0, [](fastpar::chunk c, double &part) {
      for (std::size_t i = c.begin; i < c.end; i++) part += std::sin(static_cast<double>(i));
    }, std::plus<>(), options);
  };
  const double one = sum(1);
  for (int round = 0; round < 10; round++) CHECK(sum(0) == one);
}

struct alignas(64) extremes {
  double low = INFINITY;
  double high = -INFINITY;
};

struct alignas(256) wide {
  std::uint64_t sum = 0;
};

void structs() {
  const auto range = fastpar::reduce(1000, extremes{}, [](fastpar::chunk c, extremes &e) {
    CHECK(reinterpret_cast<std::uintptr_t>(&e) % alignof(extremes) == 0);
    for (std::size_t i = c.begin; i < c.end; i++) {
      e.low = std::fmin(e.low, static_cast<double>(i));
      e.high = std::fmax(e.high, static_cast<double>(i));
    }
  }, [](extremes &into, const extremes &from) {
    into.low = std::fmin(into.low, from.low);
    into.high = std::fmax(into.high, from.high);
  });
  CHECK(range.low == 0 && range.high == 999);
  const auto total = fastpar::reduce(1000, wide{}, [](fastpar::chunk c, wide &w) {
    CHECK(reinterpret_cast<std::uintptr_t>(&w) % alignof(wide) == 0);
    w.sum += c.size();
  }, [](wide &into, const wide &from) { into.sum += from.sum; });
  CHECK_EQUAL(total.sum, std::uint64_t{1000});
}

/* Objects: strings in chunk order, maps, copies of the identity, every one destroyed. */
void objects() {
  std::string expected;
  for (int i = 0; i < 1000; i++) expected += std::to_string(i) + ",";
  fastpar::loop_options options;
  options.segments = 300;
  const auto text = fastpar::reduce(1000, std::string(), [](fastpar::chunk c, std::string &s) {
    for (std::size_t i = c.begin; i < c.end; i++) s += std::to_string(i) + ",";
  }, std::plus<>(), options);
  CHECK(text == expected);

  using histogram = std::map<std::size_t, int>;
  const auto counts = fastpar::reduce(1000, histogram(), [](fastpar::chunk c, histogram &h) {
    for (std::size_t i = c.begin; i < c.end; i++) h[i % 10]++;
  }, [](histogram &into, histogram &&from) {
    for (const auto &[key, count] : from) into[key] += count;
  });
  CHECK(counts.size() == 10 && counts.at(3) == 100);

  const auto alive = std::make_shared<int>(0);
  const auto kept = fastpar::reduce(1000, std::vector{alive}, [&](fastpar::chunk, std::vector<std::shared_ptr<int>> &v) {
    v.push_back(alive);
  }, [](auto &into, const auto &from) { into.insert(into.end(), from.begin(), from.end()); });
  CHECK_EQUAL(kept.size(), std::size_t{1 + 24 * 2});
  CHECK_EQUAL(alive.use_count(), 1 + 1 + 24 * 2);
}

struct probe {
  static inline std::atomic<int> alive{0};
  std::string text = "long enough not to be stored inside of the string";
  probe() { alive++; }
  probe(const probe &other) : text(other.text) { alive++; }
  probe(probe &&other) noexcept : text(std::move(other.text)) { alive++; }
  probe &operator=(const probe &) = default;
  probe &operator=(probe &&) = default;
  ~probe() { alive--; }
};

void nothing_is_lost_when_it_fails() {
  for (std::size_t bad : {std::size_t{0}, std::size_t{5}, std::size_t{999}}) {
    fastpar::loop_options options;
    options.segments = 1000;
    CHECK_THROWS(int, static_cast<void>(fastpar::reduce(1000, probe(), [&](fastpar::chunk c, probe &) {
      if (c.index == bad) throw 1;
    }, [](probe &, const probe &) {}, options)));
    CHECK_EQUAL(probe::alive.load(), 0);
  }
}

void many_chunks() {
  fastpar::loop_options options;
  options.schedule = fastpar::schedule::grain;
  options.grain = 1;
  const auto plain = fastpar::reduce(50000, std::size_t{0}, [](fastpar::chunk c, std::size_t &s) {
    s += c.begin;
  }, std::plus<>(), options);
  const auto boxed = fastpar::reduce(50000, std::vector<std::size_t>(1), [](fastpar::chunk c, std::vector<std::size_t> &s) {
    s[0] += c.begin;
  }, [](auto &into, const auto &from) { into[0] += from[0]; }, options);
  CHECK_EQUAL(plain, std::size_t{50000} * 49999 / 2);
  CHECK_EQUAL(boxed[0], plain);
}

} // namespace

int main() {
  RUN(sums);
  RUN(the_same_to_the_bit);
  RUN(structs);
  RUN(objects);
  RUN(nothing_is_lost_when_it_fails);
  RUN(many_chunks);
  return FINISH();
}
