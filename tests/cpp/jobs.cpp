/* Jobs. */
#include "check.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

void runs_and_waits() {
  std::vector<int> values(10007);
  fastpar::job job = fastpar::for_start(values.size(), [&](fastpar::chunk c) {
    for (int &value : c.of(values)) value++;
  });
  CHECK(job.valid());
  job.wait();
  job.wait();
  CHECK(job.wait_for(0ms));
  CHECK(job.progress().done == 10007 && job.progress().total == 10007);
  for (int value : values) CHECK(value == 1);
}

void completes_by_itself() {
  std::atomic<int> calls{0};
  const fastpar::job job = fastpar::for_start(24, [&](fastpar::chunk) { calls++; });
  for (int i = 0; i < 100'000 && calls < 24; i++) std::this_thread::sleep_for(1ms);
  CHECK_EQUAL(calls.load(), 24);
}

void timeouts() {
  std::atomic<bool> go{false};
  fastpar::loop_options options;
  options.segments = 2;
  std::atomic<int> started{0};
  fastpar::job job = fastpar::for_start(2, [&](fastpar::chunk) {
    started++;
    while (!go) std::this_thread::sleep_for(1ms);
  }, options);
  while (started < 2) std::this_thread::sleep_for(1ms); // nothing is left for those who wait
  CHECK(!job.wait_for(0s));
  CHECK(!job.wait_for(-1h));
  CHECK(!job.wait_for(1500us));
  CHECK(!job.wait_for(std::chrono::duration<double>(0.001)));
  CHECK(!job.wait_until(std::chrono::steady_clock::now() + 2ms));
  go = true;
  CHECK(job.wait_for(std::chrono::hours::max()));
}

void moves() {
  std::atomic<int> calls{0};
  auto captured = std::make_unique<int>(1);
  fastpar::job a = fastpar::for_start(24, [&calls, captured = std::move(captured)](fastpar::chunk) { calls += *captured; });
  fastpar::job b = std::move(a);
  CHECK(!a.valid() && b.valid()); // NOLINT: looks at what was moved from
  b.wait();
  CHECK_EQUAL(calls.load(), 24);
  a = std::move(b);
  CHECK(a.valid() && !b.valid());
  a = fastpar::job();
  CHECK(!a.valid());
  a.cancel();
  CHECK_STATUS(invalid_argument, a.wait());
  std::vector<fastpar::job> many;
  for (int i = 0; i < 50; i++) many.push_back(fastpar::for_start(24, [&](fastpar::chunk) { calls++; }));
  for (auto &job : many) job.wait();
  CHECK_EQUAL(calls.load(), 24 * 51);
}

/** Chunks of a job that does not end before it is cancelled, however late that comes. */
constexpr int endless = 1 << 30;

void releasing_cancels() {
  const auto kept = std::make_shared<std::atomic<int>>(0);
  fastpar::loop_options options;
  options.segments = endless;
  {
    const fastpar::job job = fastpar::for_start(endless, [kept](fastpar::chunk) {
      ++*kept;
      std::this_thread::sleep_for(100us);
    }, options);
  }
  const int calls = *kept;
  CHECK(calls < endless);
  CHECK_EQUAL(kept.use_count(), 1L); // the body is gone
  std::this_thread::sleep_for(5ms);
  CHECK_EQUAL(kept->load(), calls);
}

void cancels() {
  fastpar::loop_options options;
  options.segments = endless;
  std::atomic<int> calls{0};
  const auto slow = [&](fastpar::chunk) { calls++; std::this_thread::sleep_for(100us); };
  fastpar::job job = fastpar::for_start(endless, slow, options);
  job.cancel();
  CHECK_STATUS(cancelled, job.wait());
  fastpar::cancel_flag flag;
  options.cancel = &flag;
  job = fastpar::for_start(endless, slow, options);
  flag.cancel();
  CHECK_STATUS(cancelled, job.wait());
#ifdef __cpp_lib_jthread
  options.cancel = nullptr;
  std::stop_source source;
  options.stop = source.get_token();
  job = fastpar::for_start(endless, slow, options);
  options.stop = {};
  source.request_stop();
  CHECK_STATUS(cancelled, job.wait());
#endif
  CHECK(calls < 300000);
}

void exceptions() {
  const fastpar::job job = fastpar::for_start(100, [](fastpar::chunk c) {
    if (c.index == 3) throw std::runtime_error("three");
  });
  for (int i = 0; i < 3; i++) CHECK_THROWS_WITH(std::runtime_error, job.wait(), CHECK_EQUAL(e.what(), std::string("three")));
  CHECK_THROWS(std::runtime_error, static_cast<void>(job.wait_for(1h)));
  { const fastpar::job ignored = fastpar::for_start(100, [](fastpar::chunk) { throw 1; }); }
  fastpar::loop_options options;
  options.progress = [](std::uint64_t, std::uint64_t) { throw 2; };
  CHECK_THROWS_WITH(int, fastpar::for_start(100, [](fastpar::chunk) {}, options).wait(), CHECK_EQUAL(e, 2));
}

void options_are_kept() {
  auto calls = std::make_shared<std::atomic<int>>(0);
  fastpar::job job;
  {
    fastpar::loop_options options;
    options.progress = [calls](std::uint64_t, std::uint64_t) { ++*calls; };
    job = fastpar::for_start(1000, [](fastpar::chunk) {}, options);
  }
  job.wait();
  CHECK(*calls >= 1);
  job = {};
  CHECK_EQUAL(calls.use_count(), 1L);
}

void waiters_help_and_share() {
  std::atomic<int> calls{0};
  fastpar::loop_options options;
  options.segments = 200;
  const fastpar::job job = fastpar::for_start(200, [&](fastpar::chunk) { calls++; std::this_thread::sleep_for(50us); }, options);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) threads.emplace_back([&] { job.wait(); CHECK_EQUAL(calls.load(), 200); });
  for (auto &thread : threads) thread.join();
}

void from_inside() {
  std::atomic<int> calls{0};
  // Another job's body may start and wait for jobs.
  fastpar::for_start(10, [&](fastpar::chunk) {
    fastpar::for_start(10, [&](fastpar::chunk) { calls++; }).wait();
  }).wait();
  CHECK_EQUAL(calls.load(), 100);
  // Its own may not wait for it, and releasing it there does not wait; the body lives until it has ended.
  std::atomic<fastpar::job *> self{nullptr};
  const auto kept = std::make_shared<std::atomic<bool>>(false);
  fastpar::loop_options options;
  options.segments = 1;
  self = new fastpar::job(fastpar::for_start(1, [&self, kept](fastpar::chunk) {
    while (!self) std::this_thread::yield();
    CHECK_STATUS(busy, self.load()->wait());
    delete self.load();
    std::this_thread::sleep_for(2ms);
    *kept = kept.use_count() > 1;
  }, options));
  for (int i = 0; i < 100'000 && kept.use_count() > 1; i++) std::this_thread::sleep_for(1ms);
  CHECK(*kept);
  CHECK_EQUAL(kept.use_count(), 1L);
}

/** Waits until a job has let go of what its body holds. */
template <class T>
void wait_for_last(const std::shared_ptr<T> &kept) {
  while (kept.use_count() > 1) std::this_thread::sleep_for(1ms);
}

/** One of two workers is busy elsewhere, so that of a job's two lanes one is left to the waiter, which
   releases the job. */
void released_by_the_body_that_wait_runs() {
  fastpar::pool_shutdown();
  fastpar::pool_options two;
  two.threads = 2;
  fastpar::pool_start(two);
  fastpar::loop_options options;
  for (int round = 0; round < 20; round++) {
    const auto kept = std::make_shared<std::atomic<bool>>(false);
    std::atomic<bool> go{false};
    std::optional<fastpar::job> owner;
    options.segments = 1;
    fastpar::job blocker = fastpar::for_start(1, [&](fastpar::chunk) { while (!go) std::this_thread::sleep_for(1ms); }, options);
    options.segments = endless;
    owner = fastpar::for_start(endless, [&owner, kept](fastpar::chunk) {
      if (fastpar::pool_worker() < 0 && !kept->exchange(true)) owner.reset();
      std::this_thread::yield();
    }, options);
    if (round % 2) CHECK_STATUS(cancelled, owner->wait());
    else CHECK_STATUS(cancelled, static_cast<void>(owner->wait_for(1h)));
    CHECK(*kept);
    go = true;
    blocker.wait();
    wait_for_last(kept);
  }
  fastpar::pool_shutdown();
}

void released_by_its_last_report() {
  const auto kept = std::make_shared<int>(0);
  std::optional<fastpar::job> owner;
  std::atomic<bool> ready{false}, released{false};
  fastpar::loop_options options;
  options.progress = [&, kept](std::uint64_t done, std::uint64_t total) {
    if (done < total) return;
    CHECK_STATUS(busy, owner->wait());
    CHECK_STATUS(busy, fastpar::pool_shutdown());
    owner.reset();
    released = true;
  };
  owner = fastpar::for_start(10, [&](fastpar::chunk) { while (!ready) std::this_thread::yield(); }, options);
  options.progress = nullptr;
  ready = true;
  wait_for_last(kept);
  CHECK(released);
}

void notifications() {
  for (const bool fails : {false, true}) {
    for (const bool finished : {false, true}) {
      std::atomic<bool> go{finished};
      std::atomic<int> told{0}, worker{-2};
      std::exception_ptr exception;
      const fastpar::job job = fastpar::for_start(100, [&](fastpar::chunk c) {
        while (!go) std::this_thread::yield();
        if (fails && c.index == 3) throw std::runtime_error("three");
      });
      if (finished) {
        if (fails) CHECK_THROWS(std::runtime_error, job.wait());
        else job.wait();
      }
      job.notify([&](std::exception_ptr failure) {
        exception = failure;
        worker = fastpar::pool_worker();
        CHECK_STATUS(busy, fastpar::pool_shutdown());
        if (fails) CHECK_THROWS(std::runtime_error, job.wait());
        else job.wait();
        told++;
      });
      CHECK_STATUS(busy, job.notify([](std::exception_ptr) {}));
      go = true;
      if (fails) CHECK_THROWS(std::runtime_error, job.wait());
      else job.wait();
      CHECK_EQUAL(told.load(), 1); // before whoever waits
      CHECK_EQUAL(exception != nullptr, fails);
      if (fails) CHECK_THROWS_WITH(std::runtime_error, std::rethrow_exception(exception), CHECK_EQUAL(e.what(), std::string("three")));
      CHECK_EQUAL(worker >= 0, !finished);
    }
  }
  CHECK_STATUS(invalid_argument, fastpar::job().notify([](std::exception_ptr) {}));
}

void released_by_its_notification() {
  for (int round = 0; round < 20; round++) {
    const auto kept = std::make_shared<int>(0);
    std::optional<fastpar::job> owner;
    std::atomic<bool> go{false}, told{false};
    owner = fastpar::for_start(10, [&, kept](fastpar::chunk) { while (!go) std::this_thread::yield(); });
    owner->notify([&, kept](std::exception_ptr) {
      owner.reset();
      told = true; // what it refers to is still there
    });
    go = true;
    wait_for_last(kept);
    CHECK(told);
  }
}

void detached() {
  for (const bool notified : {false, true}) {
    const auto kept = std::make_shared<std::atomic<int>>(0);
    std::atomic<bool> go{false}, told{false};
    fastpar::job job = fastpar::for_start(100, [&go, kept](fastpar::chunk) {
      while (!go) std::this_thread::yield();
      ++*kept;
    });
    if (notified) job.notify([&](std::exception_ptr failure) { CHECK(!failure); told = true; });
    job.detach();
    CHECK(!job.valid());
    go = true;
    wait_for_last(kept); // nothing is cancelled
    CHECK_EQUAL(kept->load(), 24);
    CHECK_EQUAL(told.load(), notified);
    CHECK_STATUS(invalid_argument, job.detach());
  }
}

} // namespace

int main() {
  RUN(runs_and_waits);
  RUN(completes_by_itself);
  RUN(timeouts);
  RUN(moves);
  RUN(releasing_cancels);
  RUN(cancels);
  RUN(exceptions);
  RUN(options_are_kept);
  RUN(waiters_help_and_share);
  RUN(from_inside);
  RUN(released_by_the_body_that_wait_runs);
  RUN(released_by_its_last_report);
  RUN(notifications);
  RUN(released_by_its_notification);
  RUN(detached);
  return FINISH();
}
