/* oneTBB: task_group, parallel_pipeline, parallel_scan; its parallel_sort is not stable. */
#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/global_control.h>
#include <tbb/parallel_pipeline.h>
#include <tbb/parallel_scan.h>
#include <tbb/parallel_sort.h>
#include <tbb/task_group.h>

#include <functional>

#include "../peer.h"

namespace {
const tools *driver;

std::uint64_t fib(std::uint64_t n) {
    if (n < FIB_SERIAL) return driver->fib_serial(n);
    std::uint64_t one = 0;
    tbb::task_group group;
    group.run([&one, n] { one = fib(n - 1); });
    const std::uint64_t two = fib(n - 2);
    group.wait();
    return one + two;
}

void quicksort(std::uint64_t *numbers, std::size_t count, tbb::task_group &group) {
    while (count > QUICKSORT_PART) {
        const std::size_t cut = driver->partition(numbers, count);
        group.run([=, &group] { quicksort(numbers + cut, count - cut, group); });
        count = cut;
    }
    driver->sort_part(numbers, count);
}

using sums = tbb::enumerable_thread_specific<std::uint64_t>;

void walk(const tree *node, sums &all, tbb::task_group &group) {
    std::uint64_t value = 0;
    for (; node; node = node->right) {
        if (node->left) group.run([left = node->left, &all, &group] { walk(left, all, group); });
        value += node->value;
    }
    all.local() += value;
}
}  // namespace

extern "C" void peer_init(unsigned threads, const char *, const tools *tools) {
    driver = tools;
    // For the life of the process. The number of CPUs does not limit it.
    new tbb::global_control(tbb::global_control::max_allowed_parallelism, threads);
}

extern "C" void peer_spawn(std::size_t count) {
    tbb::task_group group;
    group.run_and_wait([&] {
        for (std::size_t i = 0; i < count; i++) group.run([] {});
    });
}

extern "C" std::uint64_t peer_fib(std::uint64_t n) { return fib(n); }

extern "C" void peer_quicksort(std::uint64_t *numbers, std::size_t count) {
    tbb::task_group group;
    group.run_and_wait([&] { quicksort(numbers, count, group); });
}

extern "C" std::uint64_t peer_tree(tree *root) {
    tbb::task_group group;
    sums all(std::uint64_t{0});
    group.run_and_wait([&] { walk(root, all, group); });
    return all.combine(std::plus<>());
}

extern "C" void peer_pipeline() {
    const auto feed = [](tbb::flow_control &control) -> item * {
        item *const next = driver->feed();
        if (next == nullptr) control.stop();
        return next;
    };
    const auto work = [](item *next) {
        driver->work(next);
        return next;
    };
    using mode = tbb::filter_mode;
    tbb::parallel_pipeline(IN_FLIGHT, tbb::make_filter<void, item *>(mode::serial_in_order, feed) &
                                          tbb::make_filter<item *, item *>(mode::parallel, work) &
                                          tbb::make_filter<item *, void>(mode::serial_in_order, driver->take));
}

extern "C" void peer_scan(const std::uint32_t *in, std::uint32_t *out, std::size_t count) {
    tbb::parallel_scan(
        tbb::blocked_range<std::size_t>(0, count), std::uint32_t{0},
        [=](const tbb::blocked_range<std::size_t> &part, std::uint32_t sum, bool is_final) {
            const std::size_t end = part.end();
            if (is_final) {
                for (std::size_t i = part.begin(); i != end; i++) {
                    out[i] = sum;
                    sum += in[i];
                }
            } else {
                for (std::size_t i = part.begin(); i != end; i++) sum += in[i];
            }
            return sum;
        },
        std::plus<>());
}

extern "C" void peer_sort_u64(std::uint64_t *numbers, std::size_t count) {
    tbb::parallel_sort(numbers, numbers + count);
}
extern "C" void peer_sort_f64(double *numbers, std::size_t count) { tbb::parallel_sort(numbers, numbers + count); }
extern "C" void peer_sort_records(trade *records, std::size_t count) {
    tbb::parallel_sort(records, records + count, [](const trade &a, const trade &b) { return a.time < b.time; });
}
