// The same in C++.
#include <fastpar.hpp>

#include <cstdint>
#include <cstdio>
#include <functional>
#include <vector>

int main() {
  std::vector<std::uint32_t> values(1000000);
  fastpar::parallel_for(0, values.size(), [&](std::size_t i) { values[i] = static_cast<std::uint32_t>(i); });
  const auto total = fastpar::reduce(
      values.size(), std::uint64_t{0},
      [&](fastpar::chunk chunk, std::uint64_t &sum) {
        for (const std::uint32_t value : chunk.of(values)) sum += value;
      },
      std::plus<>());
  if (total != 499999500000) return 1;
  if (fastpar::decompress(fastpar::compress(fastpar::as_bytes(values))).size() != 4000000) return 2;
  std::printf("fastpar %s works\n", fastpar::version_string());
  return 0;
}
