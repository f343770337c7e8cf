/*
 * What a call allocates: nothing. Both operator new and malloc are replaced by ones that count. What the
 * library itself takes to send for a helper, once in some hundred loops, is told apart by who called malloc.
 */
#include "check.hpp"

#include <chrono>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>

// Sanitizers have a malloc of their own; operator new is counted everywhere.
#if defined(__SANITIZE_ADDRESS__) || !defined(__GLIBC__)
#define COUNTS_MALLOC 0
#else
#define COUNTS_MALLOC 1
#include <dlfcn.h>
#endif

namespace {
thread_local long mallocs = 0;      // of the calling thread, not by the library
thread_local bool counting = false; // this thread is the one that is looked at
std::atomic<long> news{0};          // of all threads
} // namespace

#if COUNTS_MALLOC
namespace {
const void *library = nullptr; // where it is in memory

const void *module_of(const void *address) {
  Dl_info info = {};
  return dladdr(address, &info) ? info.dli_fbase : nullptr;
}

void note(const void *caller) {
  if (counting && module_of(caller) != library) mallocs++;
}
} // namespace

extern "C" {
void *__libc_malloc(std::size_t size);
void *__libc_calloc(std::size_t count, std::size_t size);
void *__libc_realloc(void *place, std::size_t size);
void *__libc_memalign(std::size_t alignment, std::size_t size);

void *malloc(std::size_t size) noexcept { return note(__builtin_return_address(0)), __libc_malloc(size); }
void *calloc(std::size_t count, std::size_t size) noexcept {
  return note(__builtin_return_address(0)), __libc_calloc(count, size);
}
void *realloc(void *place, std::size_t size) noexcept {
  return note(__builtin_return_address(0)), __libc_realloc(place, size);
}
void *aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  return note(__builtin_return_address(0)), __libc_memalign(alignment, size);
}
int posix_memalign(void **place, std::size_t alignment, std::size_t size) noexcept {
  note(__builtin_return_address(0));
  *place = __libc_memalign(alignment, size);
  return *place ? 0 : 12;
}
}
#endif

void *operator new(std::size_t size) {
  news++;
  if (void *place = std::malloc(size)) return place;
  throw std::bad_alloc();
}
void operator delete(void *place) noexcept { std::free(place); }
void operator delete(void *place, std::size_t) noexcept { std::free(place); }

namespace {

/* Calls of operator new on all threads and of malloc on this one, in a thousand calls of `action`. */
struct taken {
  long news, mallocs;
};

template <class Action>
taken count(Action action) {
  for (int i = 0; i < 100; i++) action(); // the pool starts, threads make what they keep
  const taken before = {news, mallocs};
  counting = true;
  for (int i = 0; i < 1000; i++) action();
  counting = false;
  return {news - before.news, mallocs - before.mallocs};
}

void loops_take_nothing() {
  long sum = 0;
  std::atomic<long> big[10] = {};
  const auto owner = std::make_unique<long>(1);
  const auto check = [&](const taken &all) {
    CHECK_EQUAL(all.news, 0);
    CHECK_EQUAL(all.mallocs, 0);
  };
  check(count([&] { fastpar::for_each_chunk(24, [](fastpar::chunk) {}); }));
  check(count([&] {
    fastpar::for_each_chunk(24, [&, a = 1L, b = 2L, c = 3L](fastpar::chunk part) {
      big[0] += a + b + c + *owner + (part.index > 99 ? sum : 0);
    });
  }));
  auto move_only = [mine = std::make_unique<long>(2), &big](fastpar::chunk) { big[1] += *mine; };
  check(count([&] { fastpar::for_each_chunk(24, move_only); }));
  fastpar::cancel_flag flag;
  fastpar::loop_options options;
  options.cancel = &flag;
  options.segments = 12;
  options.progress = [&sum](std::uint64_t, std::uint64_t) { sum++; };
#ifdef __cpp_lib_jthread
  std::stop_source source;
  options.stop = source.get_token();
#endif
  check(count([&] { fastpar::for_each_chunk(24, [](fastpar::chunk) {}, options); }));
  check(count([&] { fastpar::parallel_for(0, 100, [&](int) { big[2]++; }); }));
  int values[100] = {};
  check(count([&] { fastpar::map(0, 100, values, [](int i) { return i; }); }));
  const taken reduced = count([&] {
    sum += fastpar::reduce(100, 0L, [](fastpar::chunk c, long &part) { part += static_cast<long>(c.size()); }, std::plus<>());
  });
  CHECK_EQUAL(reduced.news, 0);
}

void teams_and_plans_take_nothing() {
  CHECK_EQUAL(count([] { fastpar::team_run(2, [](fastpar::team &team) { team.barrier(); }); }).news, 0);
  CHECK_EQUAL(count([] { static_cast<void>(fastpar::plan_make(100)); }).mallocs, 0);
  fastpar::queue<int> queue(4);
  CHECK_EQUAL(count([&] { static_cast<void>(queue.push(1) && queue.pop()); }).mallocs, 0);
}

void *volatile sink; // compilers leave out what nobody sees

/* The counting counts. */
void counts() {
#if COUNTS_MALLOC
  library = module_of(dlsym(RTLD_DEFAULT, "fastpar_for"));
  CHECK(library != nullptr && library != module_of(&library));
  CHECK_EQUAL(count([] { sink = std::malloc(1), std::free(sink); }).mallocs, 1000);
#endif
  CHECK_EQUAL(count([] { sink = ::operator new(1), ::operator delete(sink); }).news, 1000);
}

} // namespace

int main() {
  // Callbacks that wait bring the thread that sends helpers beyond the processors. It comes once, and is not
  // what is counted.
  fastpar::for_each_chunk(24, [](fastpar::chunk) { std::this_thread::sleep_for(std::chrono::milliseconds(2)); });
  RUN(counts);
  RUN(loops_take_nothing);
  RUN(teams_and_plans_take_nothing);
  return FINISH();
}
