/* Two translation units of different standards in one program. */
#include "../check.hpp"
#include "units.hpp"

#include <stdexcept>

namespace {

void both_units_loop() {
  CHECK_EQUAL(count_calls(24), 24);
  CHECK_EQUAL(other_calls(), 15);
  fastpar::loop_options options;
  options.segments = 9;
  options.progress = [](std::uint64_t, std::uint64_t) {};
  std::atomic<int> calls{0};
  fastpar::for_each_chunk(100, body{&calls}, options);
  CHECK_EQUAL(calls.load(), 9);
  CHECK(other_options_size() >= sizeof(fastpar::loop_options));
}

void jobs_pass_between_units() {
  std::atomic<int> theirs{0}, ours{0};
  fastpar::job job = other_job(&theirs);
  fastpar::loop_options options;
  options.segments = 3;
  fastpar::job own = fastpar::for_start(100, body{&ours}, options);
  job.wait();
  own.wait();
  CHECK(theirs == 7 && ours == 3);
  std::swap(job, own);
}

void exceptions_pass_between_units() {
  CHECK_STATUS(corrupt, other_throws(true));
  CHECK_THROWS(std::out_of_range, other_throws(false));
  CHECK(other_catches([] { throw fastpar::error(fastpar::status::closed, "from this unit"); }));
  CHECK(other_category() == fastpar::category());
}

} // namespace

int main() {
  RUN(both_units_loop);
  RUN(jobs_pass_between_units);
  RUN(exceptions_pass_between_units);
  return FINISH();
}
