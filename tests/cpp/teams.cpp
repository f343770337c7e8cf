/* Teams and barriers. */
#include "check.hpp"

#include <memory>
#include <stdexcept>
#include <vector>

namespace {

void phases() {
  for (std::uint32_t members : {1u, 2u, 5u, fastpar::pool_threads()}) {
    std::vector<std::uint32_t> first(members), second(members);
    fastpar::team_run(members, [&](fastpar::team &team) {
      CHECK_EQUAL(team.members(), members);
      first[team.member()] = team.member() + 1;
      team.barrier();
      for (std::uint32_t value : first) second[team.member()] += value;
      team.barrier();
      CHECK_EQUAL(second[(team.member() + 1) % members], members * (members + 1) / 2);
    });
  }
}

void everybody() {
  std::atomic<std::uint32_t> calls{0};
  fastpar::team_run(0, [&](fastpar::team &team) {
    calls++;
    team.barrier();
    CHECK_EQUAL(calls.load(), team.members());
  });
  CHECK_EQUAL(calls.load(), fastpar::pool_threads());
}

/* Member 2 throws; the others are released, and their exceptions are only consequences. */
void exceptions() {
  for (int round = 0; round < 50; round++) {
    std::atomic<int> released{0};
    CHECK_THROWS_WITH(std::runtime_error, fastpar::team_run(4, [&](fastpar::team &team) {
      team.barrier();
      if (team.member() == 2) throw std::runtime_error("two");
      try {
        for (;;) team.barrier();
      } catch (const fastpar::error &e) {
        CHECK(e.code() == fastpar::status::cancelled);
        released++;
        throw;
      }
    }), CHECK_EQUAL(e.what(), std::string("two")));
    CHECK_EQUAL(released.load(), 3);
  }
  CHECK_THROWS_WITH(std::uint32_t, fastpar::team_run(4, [](fastpar::team &team) { throw team.member(); }), CHECK(e < 4));
  // Whoever swallows the release does not hide the reason.
  CHECK_THROWS_WITH(int, fastpar::team_run(3, [](fastpar::team &team) {
    if (team.member() == 0) throw 9;
    try {
      team.barrier();
    } catch (const fastpar::error &) {
    }
  }), CHECK_EQUAL(e, 9));
}

void too_many() {
  CHECK_STATUS(threads, fastpar::team_run(fastpar::pool_threads() + 1, [](fastpar::team &) {}));
}

void move_only() {
  auto sum = std::make_unique<std::atomic<int>>(0);
  auto *view = sum.get();
  auto body = [sum = std::move(sum)](fastpar::team &) { ++*sum; };
  fastpar::team_run(3, body);
  CHECK_EQUAL(view->load(), 3);
}

void loops_inside() {
  std::atomic<int> calls{0};
  fastpar::team_run(3, [&](fastpar::team &team) {
    fastpar::for_each_chunk(24, [&](fastpar::chunk) { calls++; });
    team.barrier();
    CHECK_EQUAL(calls.load(), 72);
  });
}

void cancelled() {
  fastpar::cancel_flag flag;
  fastpar::team_options options;
  options.members = 2;
  options.cancel = &flag;
  CHECK_STATUS(cancelled, fastpar::team_run_with(options, [&](fastpar::team &team) {
    if (team.member() == 0) {
      flag.cancel();
    } else {
      team.barrier();
    }
  }));
  flag.reset();
  std::atomic<int> passed{0};
  fastpar::team_run_with(options, [&](fastpar::team &team) {
    team.barrier();
    passed++;
  });
  CHECK_EQUAL(passed.load(), 2);
}

} // namespace

int main() {
  RUN(phases);
  RUN(everybody);
  RUN(exceptions);
  RUN(too_many);
  RUN(move_only);
  RUN(loops_inside);
  RUN(cancelled);
  return FINISH();
}
