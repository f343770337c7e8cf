/* Notifications that cannot be had. */
#include <fastpar.h>

#include <functional>
#include <utility>

namespace {

/** What the next `fastpar_job_notify` does before it fails; none: it does not fail. */
std::function<void()> before_failure;

fastpar_status failing_notify(fastpar_job *job, fastpar_done_fn done, void *user_data, fastpar_error *error) {
  if (!before_failure) return fastpar_job_notify(job, done, user_data, error);
  const std::function<void()> before = std::exchange(before_failure, nullptr);
  before();
  *error = fastpar_error{};
  error->status = FASTPAR_ERR_OUT_OF_MEMORY;
  return error->status;
}

} // namespace

#define fastpar_job_notify failing_notify
#include "check.hpp"
#undef fastpar_job_notify

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <thread>

using namespace std::chrono_literals;

namespace {

/** A job whose first chunk waits for a word, or for long. `kept` ends with the body. */
struct waiting_job {
  std::atomic<bool> go{false};
  std::atomic<int> chunks{0};
  std::shared_ptr<int> kept = std::make_shared<int>(0);
  std::optional<fastpar::job> job;

  waiting_job() {
    fastpar::loop_options options;
    options.segments = 2;
    options.max_lanes = 1; // the second chunk comes after the first, unless the job is cancelled meanwhile
    job = fastpar::for_start(2, [this, kept = kept](fastpar::chunk) {
      for (int i = 0; i < 2000 && !go; i++) std::this_thread::sleep_for(1ms);
      chunks++;
    }, options);
  }

  /** The chunks that ran. */
  int finish() {
    go = true;
    while (kept.use_count() > 1) std::this_thread::sleep_for(1ms);
    return chunks;
  }
};

void a_failed_notification_can_be_asked_for_again() {
  waiting_job held;
  before_failure = [] {};
  CHECK_STATUS(out_of_memory, held.job->notify([](std::exception_ptr) { CHECK(false); }));
  std::atomic<bool> told{false};
  held.job->notify([&](std::exception_ptr failure) { told = !failure; });
  held.job->detach();
  CHECK_EQUAL(held.finish(), 2);
  CHECK(told);
}

/** The job goes on by itself, whatever comes of the notification. */
void detached_while_a_notification_fails() {
  waiting_job held;
  std::future<void> detached;
  before_failure = [&] {
    detached = std::async(std::launch::async, [&] { held.job->detach(); });
    detached.wait_for(50ms); // it waits for what comes of this, or has relied on it
  };
  CHECK_STATUS(out_of_memory, held.job->notify([](std::exception_ptr) { CHECK(false); }));
  detached.get();
  CHECK(!held.job->valid());
  CHECK_EQUAL(held.finish(), 2);
}

/** The same inside its body, which does not wait for the end of the job. */
void released_by_its_body_while_a_notification_fails() {
  std::atomic<bool> asked{false}, released{false};
  std::optional<fastpar::job> owner;
  const auto kept = std::make_shared<int>(0);
  fastpar::loop_options options;
  options.segments = 1;
  owner = fastpar::for_start(1, [&, kept](fastpar::chunk) {
    while (!asked) std::this_thread::yield();
    owner.reset();
    released = true;
  }, options);
  before_failure = [&] {
    asked = true;
    for (int i = 0; i < 50 && !released; i++) std::this_thread::sleep_for(1ms);
  };
  CHECK_STATUS(out_of_memory, owner->notify([](std::exception_ptr) { CHECK(false); }));
  while (kept.use_count() > 1) std::this_thread::sleep_for(1ms);
  CHECK(released);
}

/** Of a job that has ended the notification is called at once, inside of what asks for it. */
void detached_by_a_notification_at_once() {
  const auto kept = std::make_shared<int>(0);
  fastpar::job job = fastpar::for_start(10, [kept](fastpar::chunk) {});
  job.wait();
  bool told = false;
  job.notify([&](std::exception_ptr) {
    CHECK_STATUS(busy, job.notify([](std::exception_ptr) { CHECK(false); }));
    job.detach();
    told = true;
  });
  CHECK(told && !job.valid());
  CHECK_EQUAL(kept.use_count(), 1L);
}

} // namespace

int main() {
  RUN(a_failed_notification_can_be_asked_for_again);
  RUN(detached_while_a_notification_fails);
  RUN(released_by_its_body_while_a_notification_fails);
  RUN(detached_by_a_notification_at_once);
  return FINISH();
}
