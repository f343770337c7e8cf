/*
 * What the C++ wrapper adds to a loop of 24 empty chunks: fastpar::for_each_chunk against fastpar_for.
 *
 * The forms take turns in batches, so that whatever else the machine does meets all of them. Printed are the median time, and
 * the median over the batches of how a form compares with its C form in the same batch. "C again" is the C function a
 * second time: how far it is from "C" is the noise of the measurement.
 *
 * Build and run:  c++ -O2 -std=c++20 -Iinclude benches/bindings/cpp_overhead.cpp -Ltarget/release -lfastpar \
 *                     -Wl,-rpath,$PWD/target/release -o cpp_overhead
 *                 ./cpp_overhead [BATCHES]
 */
#include <fastpar.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr std::size_t items = 24;
constexpr int calls_per_batch = 500;

std::int32_t empty_chunk(void *, const fastpar_chunk *) { return 0; }

void by_c() {
  fastpar_error error;
  if (fastpar_for(nullptr, items, empty_chunk, nullptr, &error) != FASTPAR_OK) std::abort();
}

void by_c_with_options() {
  fastpar_loop_options options = {};
  options.struct_size = sizeof options;
  options.segments = 24;
  fastpar_error error;
  if (fastpar_for(&options, items, empty_chunk, nullptr, &error) != FASTPAR_OK) std::abort();
}

void by_wrapper() {
  fastpar::for_each_chunk(items, [](const fastpar::chunk &) {});
}

void by_wrapper_with_options() {
  fastpar::loop_options options;
  options.segments = 24;
  fastpar::for_each_chunk(items, [](const fastpar::chunk &) {}, options);
}

void by_parallel_for() {
  fastpar::parallel_for(std::size_t{0}, items, [](std::size_t) {});
}

struct form {
  const char *name;
  void (*call)();
  int baseline; // the form that it is compared with
  std::vector<double> nanoseconds = {}; // of a call, by batch
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

} // namespace

int main(int argc, char **argv) {
  using clock = std::chrono::steady_clock;
  const int batches = argc > 1 ? std::max(10, std::atoi(argv[1])) : 4000;
  form forms[] = {{"C", by_c, 0},
                  {"C again", by_c, 0},
                  {"C++", by_wrapper, 0},
                  {"C, options", by_c_with_options, 3},
                  {"C++, options", by_wrapper_with_options, 3},
                  {"C++, parallel_for", by_parallel_for, 0}};
  for (int batch = -batches / 10; batch < batches; batch++) {
    for (std::size_t i = 0; i < std::size(forms); i++) {
      form &each = forms[(i * 5 + static_cast<std::size_t>(batch + batches)) % std::size(forms)];
      const auto start = clock::now();
      for (int call = 0; call < calls_per_batch; call++) each.call();
      const std::chrono::duration<double, std::nano> time = clock::now() - start;
      if (batch >= 0) each.nanoseconds.push_back(time.count() / calls_per_batch);
    }
  }
  std::printf("%-18s %10s %12s\n", "24 empty chunks", "ns a call", "against C");
  for (const form &each : forms) {
    std::vector<double> ratios = each.nanoseconds;
    for (std::size_t i = 0; i < ratios.size(); i++) ratios[i] /= forms[each.baseline].nanoseconds[i];
    std::printf("%-18s %10.1f %+11.1f%%\n", each.name, median(each.nanoseconds), (median(ratios) - 1) * 100);
  }
}
