/* std::execution::par of libstdc++, on oneTBB. Variants "stable" and "unstable" for records. */
#include <tbb/global_control.h>

#include <algorithm>
#include <cstring>
#include <execution>
#include <numeric>

#include "../peer.h"

namespace {
bool is_stable;
}

extern "C" void peer_init(unsigned threads, const char *variant, const tools *) {
    new tbb::global_control(tbb::global_control::max_allowed_parallelism, threads);
    is_stable = std::strcmp(variant, "stable") == 0;
}

extern "C" void peer_scan(const std::uint32_t *in, std::uint32_t *out, std::size_t count) {
    std::exclusive_scan(std::execution::par, in, in + count, out, std::uint32_t{0});
}

extern "C" void peer_sort_u64(std::uint64_t *numbers, std::size_t count) {
    std::sort(std::execution::par, numbers, numbers + count);
}
extern "C" void peer_sort_f64(double *numbers, std::size_t count) {
    std::sort(std::execution::par, numbers, numbers + count);
}
extern "C" void peer_sort_records(trade *records, std::size_t count) {
    const auto earlier = [](const trade &a, const trade &b) { return a.time < b.time; };
    if (is_stable) {
        std::stable_sort(std::execution::par, records, records + count, earlier);
    } else {
        std::sort(std::execution::par, records, records + count, earlier);
    }
}
