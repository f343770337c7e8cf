/* Members that run at the same time and meet at barriers. Part of fastpar.hpp. */
#ifndef FASTPAR_TEAMS_HPP
#define FASTPAR_TEAMS_HPP

#include "control.hpp"

namespace fastpar {
namespace detail {

template <class Body>
struct team_call;

} // namespace detail

/** A team as one of its members sees it; valid until the member's body returns. */
class team {
 public:
  team(const team &) = delete;
  team &operator=(const team &) = delete;

  /** This member's number, below `members()`. Member 0 is the thread that called `team_run`. */
  [[nodiscard]] std::uint32_t member() const noexcept { return member_; }

  /** How many members there are. */
  [[nodiscard]] std::uint32_t members() const noexcept { return members_; }

  /**
   * Waits until every member has come to the barrier; what members wrote before it is visible to all after
   * it.
   *
   * @throws error: cancelled (another member threw: let it pass, `team_run` throws the other's exception);
   *         invalid_argument (from a thread that is not this member's).
   *
   * Blocks: spins briefly, then sleeps. A member that has returned is not waited for.
   */
  void barrier() {
    fastpar_error failure;
    detail::check(fastpar_team_barrier(raw_, &failure), failure);
  }

 private:
  team(fastpar_team *raw, std::uint32_t member, std::uint32_t members) noexcept
      : raw_(raw), member_(member), members_(members) {}
  template <class Body>
  friend struct detail::team_call;

  fastpar_team *raw_;
  std::uint32_t member_;
  std::uint32_t members_;
};

namespace detail {

/** A body and the exceptions that it throws, behind one pointer for C. */
template <class Body>
struct team_call {
  Body &body;
  carried exceptions{};

  static_assert(std::is_void_v<std::invoke_result_t<Body &, team &>>, "a body returns nothing; to stop, it throws");

  static std::int32_t run(void *user_data, fastpar_team *raw, std::uint32_t member, std::uint32_t members) noexcept {
    auto *self = static_cast<team_call *>(user_data);
    try {
      team view(raw, member, members);
      std::invoke(self->body, view);
      return FASTPAR_OK;
    } catch (...) {
      self->exceptions.keep(0); // the first in time: later ones may only be its consequences
      return threw;
    }
  }
};

} // namespace detail

/**
 * Calls a body on several threads at the same time, and returns when all have ended.
 *
 * Equivalent to this, but for the pool, which keeps its threads:
 *
 *     std::vector<std::thread> threads;
 *     for (std::uint32_t m = 1; m < members; m++) threads.emplace_back([&, m] { body(team{m, members}); });
 *     body(team{0, members});
 *     for (auto &thread : threads) thread.join();
 *
 * Unlike the chunks of a loop, the members may wait for each other: each has a thread.
 *
 * @param members  1 to the threads of the pool, the caller included; 0: as many as the pool has
 * @param body     callable with a `team &`, returns nothing
 * @throws the exception of a member, the first in time; the others are released from their barriers by error
 *         with cancelled; error: threads (more members than there are threads, or from inside a body than are
 *         free), busy (inside a hook), or as for_each_chunk if the pool cannot be started.
 *
 * Blocks until the last member has returned, and before that until enough workers are free. May be called
 * from any thread. Nothing is allocated.
 */
template <class Body>
void team_run(std::uint32_t members, Body &&body) {
  detail::team_call<std::remove_reference_t<Body>> call{body};
  fastpar_error failure;
  const fastpar_status result = fastpar_team_run(members, &call.run, &call, &failure);
  call.exceptions.finish(result, failure);
}

/** Options of a team; every member has its default. */
struct team_options {
  /** 1 to the threads of the pool, the caller included. 0: as many as the pool has. */
  std::uint32_t members = 0;
  /** Cancels the team: its members are released from their barriers within some 20 ms. May be null. */
  cancel_flag *cancel = nullptr;
  /** What traces call the team, UTF-8; may be null. Read when the call begins. */
  const char *name = nullptr;
};

/**
 * Calls a body as `team_run` does, with options.
 *
 * @throws as team_run; error: cancelled (by the flag, and no member threw anything of its own).
 */
template <class Body>
void team_run_with(const team_options &options, Body &&body) {
  detail::team_call<std::remove_reference_t<Body>> call{body};
  fastpar_team_options raw = {};
  raw.struct_size = sizeof raw;
  raw.members = options.members;
  raw.cancel = options.cancel ? options.cancel->raw() : nullptr;
  raw.name = options.name;
  fastpar_error failure;
  const fastpar_status result = fastpar_team_run_with(&raw, &call.run, &call, &failure);
  call.exceptions.finish(result, failure);
}

} // namespace fastpar

#endif
