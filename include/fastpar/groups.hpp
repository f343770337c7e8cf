/* Tasks that make tasks. Part of fastpar.hpp. */
#ifndef FASTPAR_GROUPS_HPP
#define FASTPAR_GROUPS_HPP

#include "control.hpp"

#include <memory>
#include <tuple>

namespace fastpar {
namespace detail {

struct group_task;

} // namespace detail

/** Options of a group; every member has its default. */
struct group_options {
  /** Threads that work on the group at the same time, the caller included. 0: every thread of the pool. */
  std::uint32_t max_lanes = 0;
  /** Cancels the group. May be null. */
  cancel_flag *cancel = nullptr;
  /** What traces call the group, UTF-8; may be null. Read when the call begins. */
  const char *name = nullptr;
};

/** A group as one of its tasks sees it; valid until the task returns. */
class task_group {
 public:
  task_group(const task_group &) = delete;
  task_group &operator=(const task_group &) = delete;

  /** A number below `pool_threads()` that no other thread of the group has meanwhile. */
  [[nodiscard]] std::uint32_t lane() const noexcept { return lane_; }

  /**
   * Adds a task: a callable with a `task_group &`, or with nothing, that returns nothing. It is copied or
   * moved, and may run on any thread.
   *
   * @throws error: cancelled (another task threw, or the group is cancelled: let it pass), out_of_memory.
   *
   * Never blocks. May be called by loops that run in the task, on whichever thread.
   */
  template <class Task>
  void run(Task &&task);

  /**
   * Waits until all tasks that the calling task has added, and all below, have ended; runs tasks of the group
   * meanwhile. A task that waits on a fiber must not return before that wait has.
   *
   * @throws error: cancelled (another task threw, or the group is cancelled: let it pass), limit_exceeded
   *         (tasks wait too deep in each other), busy (inside a loop of the task).
   */
  void wait() {
    fastpar_error failure;
    detail::check(fastpar_group_wait(raw_, &failure), failure);
  }

 private:
  task_group(fastpar_group *raw, std::uint32_t lane, detail::carried *exceptions) noexcept
      : raw_(raw), lane_(lane), exceptions_(exceptions) {}
  friend struct detail::group_task;

  fastpar_group *raw_;
  std::uint32_t lane_;
  detail::carried *exceptions_;
};

namespace detail {

template <class Task>
void call_task(Task &task, task_group &group) {
  if constexpr (std::is_invocable_v<Task &, task_group &>) {
    static_assert(std::is_void_v<std::invoke_result_t<Task &, task_group &>>,
                  "a task returns nothing; to stop, it throws");
    std::invoke(task, group);
  } else {
    static_assert(std::is_void_v<std::invoke_result_t<Task &>>, "a task returns nothing; to stop, it throws");
    std::invoke(task);
  }
}

/** A task, and the exceptions of its group. */
struct group_task {
  carried *exceptions;

  explicit group_task(carried *kept) noexcept : exceptions(kept) {}
  group_task(const group_task &) = delete;
  group_task &operator=(const group_task &) = delete;
  virtual ~group_task() = default;
  virtual void call(task_group &group) = 0;

  std::int32_t run(fastpar_group *raw, std::uint32_t lane) noexcept {
    try {
      task_group group(raw, lane, exceptions);
      call(group);
      return FASTPAR_OK;
    } catch (...) {
      exceptions->keep(0); // the first in time: later ones may only be its consequences
      return threw;
    }
  }

  /** A task that was made by `new`. */
  static std::int32_t run_owned(void *item, fastpar_group *raw, std::uint32_t lane) noexcept {
    const std::unique_ptr<group_task> self(static_cast<group_task *>(item));
    return self->run(raw, lane);
  }

  /** One that lives elsewhere. */
  static std::int32_t run_borrowed(void *item, fastpar_group *raw, std::uint32_t lane) noexcept {
    return static_cast<group_task *>(item)->run(raw, lane);
  }

  static void drop(void *, void *item) noexcept { delete static_cast<group_task *>(item); }
};

template <class Task>
struct group_task_of final : group_task {
  Task task;

  template <class From>
  group_task_of(carried *kept, From &&from) : group_task(kept), task(std::forward<From>(from)) {}
  void call(task_group &group) override { call_task(task, group); }
};

} // namespace detail

template <class Task>
void task_group::run(Task &&task) {
  auto made = std::make_unique<detail::group_task_of<std::decay_t<Task>>>(exceptions_, std::forward<Task>(task));
  fastpar_error failure;
  const fastpar_status result =
      fastpar_group_spawn(raw_, &detail::group_task::run_owned, static_cast<detail::group_task *>(made.get()), &failure);
  if (result == FASTPAR_OK) static_cast<void>(made.release());
  detail::check(result, failure);
}

/**
 * Runs a task and all tasks that it and they add, in parallel, and returns when all have ended.
 *
 *     fastpar::group_run([&](fastpar::task_group &group) { walk(root, group); });   // walk calls group.run
 *
 * @param root     callable with a `task_group &`, returns nothing
 * @param options  every thread of the pool, unless they say otherwise
 * @throws the exception of a task, the first in time (tasks that have not begun are destroyed then); error:
 *         cancelled, or as for_each_chunk if the pool cannot be started.
 *
 * Blocks. May be called from any thread, and from inside bodies and tasks.
 */
template <class Root>
void group_run(Root &&root, const group_options &options = {}) {
  detail::carried exceptions;
  detail::group_task_of<Root &> task(&exceptions, root);
  fastpar_group_options raw = {};
  raw.struct_size = sizeof raw;
  raw.max_lanes = options.max_lanes;
  raw.cancel = options.cancel ? options.cancel->raw() : nullptr;
  raw.name = options.name;
  raw.drop = &detail::group_task::drop;
  fastpar_error failure;
  const fastpar_status result =
      fastpar_group_run(&raw, &detail::group_task::run_borrowed, static_cast<detail::group_task *>(&task), &failure);
  exceptions.finish(result, failure);
}

/**
 * Calls several functions, in parallel, and returns when all have returned.
 *
 *     fastpar::invoke([&] { sort(left); }, [&] { sort(right); });
 *
 * @throws the exception of a function, the first in time: the others may not have been called then; error as
 *         group_run.
 *
 * Blocks. May be called from any thread, and from inside bodies and tasks.
 */
template <class First, class... Others>
void invoke(First &&first, Others &&...others) {
  group_run([&](task_group &group) {
    (group.run([&others](task_group &inner) { detail::call_task(others, inner); }), ...);
    detail::call_task(first, group);
  });
}

} // namespace fastpar

#endif
