/* Groups and pipelines. */
#include "check.hpp"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

void fib(std::uint64_t n, std::uint64_t &value, fastpar::task_group &group) {
  if (n < 2) {
    value = n;
    return;
  }
  std::uint64_t one = 0, two = 0;
  group.run([&one, n](fastpar::task_group &inner) { fib(n - 1, one, inner); });
  fib(n - 2, two, group);
  group.wait();
  value = one + two;
}

void recursion() {
  std::uint64_t value = 0;
  fastpar::group_run([&](fastpar::task_group &group) { fib(20, value, group); });
  CHECK_EQUAL(value, 6765u);
}

void invoked() {
  for (int round = 0; round < 100; round++) {
    int a = 0, b = 0, c = 0;
    fastpar::invoke([&] { a = 1; }, [&] { b = 2; }, [&](fastpar::task_group &group) { group.run([&] { c = 3; }); });
    CHECK(a == 1 && b == 2 && c == 3);
  }
}

/* The first exception passes; what has not begun is destroyed. */
void exceptions() {
  for (int round = 0; round < 50; round++) {
    auto counted = std::make_shared<int>(0);
    CHECK_THROWS_WITH(std::runtime_error, fastpar::group_run([&](fastpar::task_group &group) {
      for (int i = 0; i < 100; i++) group.run([counted] { (void)*counted; });
      group.run([] { throw std::runtime_error("one"); });
      for (int i = 0; i < 100; i++) group.run([counted] { (void)*counted; });
      group.wait();
    }), CHECK(std::string(e.what()) == "one"));
    CHECK_EQUAL(counted.use_count(), 1);
  }
}

void lines() {
  int fed = 0;
  std::vector<std::string> taken;
  fastpar::pipeline([&]() -> std::optional<int> { return fed < 1000 ? std::optional<int>(fed++) : std::nullopt; },
                    [](int number) { return std::to_string(number); },
                    [&](std::string line) { taken.push_back(std::move(line)); });
  CHECK_EQUAL(taken.size(), 1000u);
  for (int i = 0; i < static_cast<int>(taken.size()); i++) CHECK(taken[static_cast<std::size_t>(i)] == std::to_string(i));
}

/* What is done is taken before the source is asked again, however many may be in flight. */
void a_source_that_lives() {
  constexpr int most = 1 << 20;
  int fed = 0, taken = 0;
  fastpar::pipeline_options options;
  options.in_flight = most;
  const auto source = [&]() -> std::optional<int> {
    if (taken > 0 || fed == most) return std::nullopt;
    std::this_thread::yield();
    return fed++;
  };
  fastpar::pipeline(source, [](int item) { return item; }, [&](int item) { CHECK_EQUAL(item, taken++); }, options);
  CHECK(taken == fed && fed < most);
  int open = 0;
  options.max_lanes = 1; // nobody works while the caller feeds
  fed = 0;
  fastpar::pipeline([&]() -> std::optional<int> { return fed < 100 ? std::optional<int>(fed + open++ * most) : std::nullopt; },
                    [&](int item) { return item; },
                    [&](int item) {
                      CHECK_EQUAL(item, fed++);
                      open--;
                    },
                    options);
}

/* Items are destroyed, and those before the one that throws are taken. */
void a_line_that_throws() {
  for (int bad = 0; bad < 60; bad += 7) {
    auto counted = std::make_shared<int>(0);
    int fed = 0, taken = 0;
    CHECK_THROWS_WITH(std::runtime_error,
                      fastpar::pipeline(
                          [&]() -> std::optional<std::pair<int, std::shared_ptr<int>>> {
                            return std::make_pair(fed++, counted);
                          },
                          [&](const std::pair<int, std::shared_ptr<int>> &item) {
                            if (item.first >= bad) throw std::runtime_error(std::to_string(item.first));
                            return item;
                          },
                          [&](const std::pair<int, std::shared_ptr<int>> &item) { CHECK_EQUAL(item.first, taken++); }),
                      CHECK(std::string(e.what()) == std::to_string(bad)));
    CHECK_EQUAL(taken, bad);
    CHECK_EQUAL(counted.use_count(), 1);
  }
}

} // namespace

int main() {
  RUN(recursion);
  RUN(invoked);
  RUN(exceptions);
  RUN(lines);
  RUN(a_source_that_lives);
  RUN(a_line_that_throws);
  return FINISH();
}
