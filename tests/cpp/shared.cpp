/* The queue, atomics on plain integers, versions, views. */
#include "check.hpp"

#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using fastpar::status;

namespace {

void queue_of_numbers() {
  fastpar::queue<> queue(2);
  CHECK(queue.push(UINT64_MAX) && queue.try_push(2) == status::ok);
  CHECK(queue.try_push(3) == status::timeout && queue.push_for(3, 1ms) == status::timeout);
  std::uint64_t value = 0;
  CHECK(queue.try_pop(value) == status::ok && value == UINT64_MAX);
  CHECK(queue.pop() == 2u);
  CHECK(queue.try_pop(value) == status::timeout && queue.pop_for(value, 1ms) == status::timeout && value == UINT64_MAX);
  CHECK(queue.push(7));
  queue.close();
  CHECK(!queue.push(8) && queue.try_push(8) == status::closed && queue.push_for(8, 1s) == status::closed);
  CHECK(queue.pop_for(value, 1s) == status::ok && value == 7);
  CHECK(!queue.pop() && queue.try_pop(value) == status::closed);
  CHECK_STATUS(invalid_argument, fastpar::queue<>(0));
}

enum class color : unsigned char { red, green };
struct pair {
  std::int32_t a;
  float b;
};

void queue_of_other_types() {
  fastpar::queue<color> colors(1);
  CHECK(colors.push(color::green) && colors.pop() == color::green);
  fastpar::queue<double> numbers(1);
  CHECK(numbers.push(-0.5) && numbers.pop() == -0.5);
  fastpar::queue<pair> pairs(1);
  CHECK(pairs.push({-3, 1.5f}));
  CHECK(pairs.pop()->a == -3);
  fastpar::queue<const std::string *> pointers(1);
  const std::string text = "text";
  CHECK(pointers.push(&text) && *pointers.pop() == &text);
  fastpar::queue<const std::string *> moved = std::move(pointers);
  CHECK(moved.push(&text));
  moved = fastpar::queue<const std::string *>(3);
  CHECK(moved.push(nullptr) && *moved.pop() == nullptr);
}

void queue_in_a_team() {
  fastpar::queue<int> queue(8);
  std::atomic<long> sum{0};
  std::atomic<std::uint32_t> producing{2};
  fastpar::team_run(4, [&](fastpar::team &team) {
    if (team.member() < 2) {
      for (int i = 1; i <= 1000; i++) CHECK(queue.push(i));
      if (--producing == 0) queue.close();
    } else {
      while (const auto value = queue.pop()) sum += *value;
    }
  });
  CHECK_EQUAL(sum.load(), 2L * 500 * 1001);
}

void atomics() {
  alignas(8) std::int64_t number = 5;
  const fastpar::atomic_ref counter(number);
  CHECK(counter.load() == 5 && counter.add(2) == 5 && counter.max(10) == 7 && counter.min(3) == 10 && counter.load() == 3);
  std::int64_t expected = 4;
  CHECK(!counter.compare_exchange(expected, 9) && expected == 3);
  CHECK(counter.compare_exchange(expected, 9) && number == 9);
  counter.store(0);
  fastpar::parallel_for(0, 10000, [&](int i) {
    counter.add(1);
    counter.max(i);
  });
  CHECK_EQUAL(counter.load() >= 10000, true);
}

void versions() {
  CHECK_EQUAL(fastpar::version(), static_cast<std::uint32_t>(FASTPAR_VERSION_NUMBER));
  CHECK_EQUAL(fastpar::version_string(), std::string(FASTPAR_VERSION_STRING));
  CHECK_EQUAL(fastpar::abi_version(), static_cast<std::uint32_t>(FASTPAR_ABI_VERSION));
  CHECK_EQUAL(std::string(fastpar::zstd_version_string()).substr(0, 2), std::string("1."));
}

void views() {
  const std::vector<std::uint32_t> numbers = {1, 2, 3};
  CHECK_EQUAL(fastpar::as_bytes(numbers).size(), std::size_t{12});
  CHECK(static_cast<const void *>(fastpar::as_bytes(numbers).data()) == numbers.data());
  CHECK_EQUAL(fastpar::as_bytes(std::string("abc")).size(), std::size_t{3});
  std::array<double, 2> array{};
  fastpar::as_writable_bytes(array)[7] = std::byte{0x40};
  CHECK(array[0] > 1);
  int plain[3] = {};
  CHECK_EQUAL(fastpar::as_writable_bytes(plain).size(), std::size_t{12});
  const fastpar::span<int> span(plain);
  CHECK(span.size() == 3 && !span.empty() && span.size_bytes() == 12 && span.subspan(1).size() == 2 && span.first(2).size() == 2);
  CHECK(&span.last(1)[0] == &span.back() && &span.front() == plain && span.subspan(1, 1).data() == plain + 1);
  CHECK_EQUAL(fastpar::as_writable_bytes(span).size(), std::size_t{12});
  const fastpar::span<const int> constant = span;
  CHECK(constant.data() == plain);
  static_assert(!std::is_convertible_v<fastpar::span<const int>, fastpar::span<int>>);
  static_assert(!std::is_convertible_v<std::vector<int> &, fastpar::span<long>>);
  static_assert(std::is_convertible_v<std::vector<int> &, fastpar::span<const int>>);
  CHECK(fastpar::bytes().empty() && fastpar::bytes().data() == nullptr);
}

void buffers_are_not_set() {
  fastpar::buffer<int> values;
  values.reserve(1000);
  for (int i = 0; i < 1000; i++) values.push_back(i);
  values.clear();
  values.resize(1000); // the same memory, not written again
  CHECK(values[500] == 500);
  values.resize(2000, 7);
  CHECK(values[1999] == 7 && values.size() == 2000);
  fastpar::buffer<std::string> texts(3);
  CHECK(texts[2].empty());
  const fastpar::buffer<int> copy = values;
  CHECK(copy == values);
}

} // namespace

int main() {
  RUN(queue_of_numbers);
  RUN(queue_of_other_types);
  RUN(queue_in_a_team);
  RUN(atomics);
  RUN(versions);
  RUN(views);
  RUN(buffers_are_not_set);
  return FINISH();
}
