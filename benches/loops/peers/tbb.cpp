/* oneTBB. Variants "simple" (grain 1) and "auto". */
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_reduce.h>
#include <tbb/partitioner.h>

#include <cstring>
#include <functional>

#include "../peer.h"

namespace {
using range = tbb::blocked_range<std::size_t>;
bool is_simple;

template <typename Partitioner>
void run(std::size_t chunks, const peer_body *body, const Partitioner &partitioner) {
    tbb::parallel_for(
        range(0, chunks, 1),
        [body](const range &part) {
            for (std::size_t i = part.begin(); i != part.end(); i++) body->call(body->data, i);
        },
        partitioner);
}
}  // namespace

extern "C" void peer_init(unsigned threads, const char *variant) {
    // For the life of the process. The number of CPUs does not limit it.
    new tbb::global_control(tbb::global_control::max_allowed_parallelism, threads);
    is_simple = std::strcmp(variant, "simple") == 0;
}

extern "C" void peer_run(std::size_t chunks, const peer_body *body) {
    if (is_simple) {
        run(chunks, body, tbb::simple_partitioner());
    } else {
        run(chunks, body, tbb::auto_partitioner());
    }
}

extern "C" std::uint64_t peer_sum(std::size_t chunks, std::uint64_t (*part)(void *, std::size_t), void *data) {
    auto fold = [part, data](const range &piece, std::uint64_t sum) {
        for (std::size_t i = piece.begin(); i != piece.end(); i++) sum += part(data, i);
        return sum;
    };
    range all(0, chunks, 1);
    if (is_simple) {
        return tbb::parallel_reduce(all, std::uint64_t{0}, fold, std::plus<>(), tbb::simple_partitioner());
    }
    return tbb::parallel_reduce(all, std::uint64_t{0}, fold, std::plus<>(), tbb::auto_partitioner());
}
