/* fastpar: tasks, pipelines and sorting by its C ABI, the scan of its C++ header. */
#include <cstdio>
#include <cstdlib>

#include "../peer.h"
#include "fastpar.h"
#include "fastpar.hpp"

namespace {
const tools *driver;
fastpar_group_options group_options;

void check(fastpar_status status, const fastpar_error &error) {
    if (status == FASTPAR_OK) return;
    std::fprintf(stderr, "fastpar: %s\n", error.message);
    std::abort();
}

void run(fastpar_task_fn task, void *item) {
    fastpar_error error;
    check(fastpar_group_run(&group_options, task, item, &error), error);
}

void spawn(fastpar_group *group, fastpar_task_fn task, void *item) {
    fastpar_error error;
    check(fastpar_group_spawn(group, task, item, &error), error);
}

void wait(fastpar_group *group) {
    fastpar_error error;
    check(fastpar_group_wait(group, &error), error);
}

std::int32_t empty(void *, fastpar_group *, std::uint32_t) { return 0; }

std::int32_t spawn_many(void *count, fastpar_group *group, std::uint32_t) {
    for (std::size_t i = 0; i < *static_cast<std::size_t *>(count); i++) spawn(group, empty, nullptr);
    return 0;
}

struct number {
    std::uint64_t n, result;
};

std::int32_t fib(void *item, fastpar_group *group, std::uint32_t lane) {
    auto *self = static_cast<number *>(item);
    if (self->n < FIB_SERIAL) {
        self->result = driver->fib_serial(self->n);
        return 0;
    }
    number one{self->n - 1, 0}, two{self->n - 2, 0};
    spawn(group, fib, &one);
    fib(&two, group, lane);
    wait(group);
    self->result = one.result + two.result;
    return 0;
}

struct part {
    std::uint64_t *numbers;
    std::size_t count;
};

void quicksort(std::uint64_t *numbers, std::size_t count, fastpar_group *group);

std::int32_t quicksort_part(void *item, fastpar_group *group, std::uint32_t) {
    const part self = *static_cast<part *>(item);
    delete static_cast<part *>(item);
    quicksort(self.numbers, self.count, group);
    return 0;
}

void quicksort(std::uint64_t *numbers, std::size_t count, fastpar_group *group) {
    while (count > QUICKSORT_PART) {
        const std::size_t cut = driver->partition(numbers, count);
        spawn(group, quicksort_part, new part{numbers + cut, count - cut});
        count = cut;
    }
    driver->sort_part(numbers, count);
}

struct alignas(128) sum {
    std::uint64_t value;
};
sum sums[1024];

std::int32_t walk(void *item, fastpar_group *group, std::uint32_t lane) {
    std::uint64_t value = 0;
    for (auto *node = static_cast<tree *>(item); node; node = node->right) {
        if (node->left) spawn(group, walk, node->left);
        value += node->value;
    }
    sums[lane].value += value;
    return 0;
}

void sort(void *records, std::size_t count, std::size_t size, std::uint32_t type) {
    const fastpar_sort_key key = {0, type, 0};
    fastpar_error error;
    check(fastpar_sort(nullptr, records, count, size, &key, 1, &error), error);
}
}  // namespace

extern "C" void peer_init(unsigned threads, const char *, const tools *tools) {
    driver = tools;
    group_options.struct_size = sizeof group_options;
    fastpar_pool_options options = {};
    options.struct_size = sizeof options;
    options.threads = threads;
    fastpar_error error;
    check(fastpar_pool_start(&options, &error), error);
}

extern "C" void peer_spawn(std::size_t count) { run(spawn_many, &count); }

extern "C" std::uint64_t peer_fib(std::uint64_t n) {
    number root{n, 0};
    run(fib, &root);
    return root.result;
}

extern "C" void peer_quicksort(std::uint64_t *numbers, std::size_t count) {
    run(quicksort_part, new part{numbers, count});
}

extern "C" std::uint64_t peer_tree(tree *root) {
    for (sum &sum : sums) sum.value = 0;
    run(walk, root);
    std::uint64_t all = 0;
    for (const sum &sum : sums) all += sum.value;
    return all;
}

extern "C" void peer_pipeline() {
    const auto feed = [](void *, void **item) -> std::int32_t {
        *item = driver->feed();
        return 0;
    };
    const auto work = [](void *, void *item, std::uint32_t) -> std::int32_t {
        driver->work(static_cast<struct item *>(item));
        return 0;
    };
    const auto take = [](void *, void *item, std::uint32_t) -> std::int32_t {
        driver->take(static_cast<struct item *>(item));
        return 0;
    };
    fastpar_pipeline_options options = {};
    options.struct_size = sizeof options;
    options.in_flight = IN_FLIGHT;
    fastpar_error error;
    check(fastpar_pipeline_run(&options, feed, work, take, nullptr, &error), error);
}

extern "C" void peer_scan(const std::uint32_t *in, std::uint32_t *out, std::size_t count) {
    fastpar::exclusive_scan(in, in + count, out, std::uint32_t{0});
}

extern "C" void peer_sort_u64(std::uint64_t *numbers, std::size_t count) {
    sort(numbers, count, sizeof *numbers, FASTPAR_U64);
}
extern "C" void peer_sort_f64(double *numbers, std::size_t count) {
    sort(numbers, count, sizeof *numbers, FASTPAR_F64);
}
extern "C" void peer_sort_records(trade *records, std::size_t count) {
    sort(records, count, sizeof *records, FASTPAR_I64);
}
