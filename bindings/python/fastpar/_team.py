"""Teams: threads that run at the same time and meet at barriers."""

import contextvars
import ctypes
import itertools
import threading
from collections.abc import Callable
from typing import Literal

from . import _native as n
from ._calls import entries, group_of, raise_failures
from ._errors import CancelFlag, CancelledError, check_options, error_of, uint32, watching
from ._handles import Uncopied
from ._library import lib
from ._threads import begin, live


class TeamMember(Uncopied):
    """A member of a team, as its body sees it. Only for the body's own thread, until it returns."""

    __slots__ = ("_call", "_team", "_thread", "count", "index")

    def __init__(self, call: "_TeamCall", team: int, index: int, count: int) -> None:
        self._call, self._team, self._thread = call, team, threading.get_ident()
        #: 0 to `count - 1`.
        self.index = index
        #: How many members there are.
        self.count = count

    def barrier(self) -> None:
        """Waits until every member has come here. Members that have returned are not waited for.

        Raises threading.BrokenBarrierError if a member has failed or the team is cancelled, now or before: let it out of the body.
        """
        if threading.get_ident() != self._thread:
            raise RuntimeError("a member's barrier is for the thread of its own body")
        if not self._team:
            raise RuntimeError("the body of this member has returned")
        error = n.fastpar_error()
        status = n.FASTPAR_ERR_CANCELLED if self._call.stopped else lib.fastpar_team_barrier(self._team, ctypes.byref(error))
        if status == n.FASTPAR_ERR_CANCELLED:
            raise threading.BrokenBarrierError("another member of the team has failed, or it is cancelled")
        if status != n.FASTPAR_OK:
            raise error_of(error)


class _TeamCall:
    """One call of `team`."""

    __slots__ = ("body", "cancelled", "completed", "context", "failures", "stopped")

    def __init__(self, body: Callable[[TeamMember], object]) -> None:
        self.body = body
        self.context = contextvars.copy_context()
        self.completed = itertools.count().__next__
        self.failures: list[tuple[int, BaseException]] = []
        self.stopped = False
        self.cancelled = ctypes.c_int32()

    def stop(self) -> None:
        self.stopped = True
        lib.fastpar_cancel(ctypes.byref(self.cancelled))

    def fail(self, index: int, error: BaseException) -> None:
        self.failures.append((index, error))
        self.stopped = True


def run_member(call: _TeamCall, team: int, index: int, count: int) -> int:
    """What the pool calls for a member."""
    member = TeamMember(call, team, index, count)
    try:
        call.context.copy().run(call.body, member)
        call.completed()
        return 0
    except BaseException as error:
        call.fail(index, error)
        return 1
    finally:
        # The team ends with the call; a body may have kept the member.
        member._team = 0


_member_callback = n.fastpar_member_fn(run_member)
entries.add(run_member.__code__)


def team(
    body: Callable[[TeamMember], object],
    members: int = 0,
    *,
    cancel: CancelFlag | None = None,
    errors: Literal["first", "group"] = "first",
    name: str = "",
) -> None:
    """Calls `body(member)` on several threads at the same time, and returns when all have returned.

    `members`: 1 to `pool_threads()`, the caller included, which is member 0; 0: as many as the pool has threads. Unlike the
    chunks of a loop, the members may wait for each other: `member.barrier()`, locks, queues.

    An exception of a body ends the team: the others get threading.BrokenBarrierError from their barriers, and it is raised here;
    of several, that of the lowest member (`errors="group"`: all, in an ExceptionGroup). Bodies see the caller's context variables;
    what they set ends with the team. KeyboardInterrupt is raised when the main thread comes out of a barrier.

    `cancel` releases the members from their barriers within some 20 ms; the call then raises CancelledError, unless a body has
    raised something else. `name`: what traces call the team.

    Raises ThreadsError for more members than the pool has threads; from inside a body also if not so many are free now.
    """
    group = group_of(errors)
    check_options(cancel)
    call = _TeamCall(body)
    error = n.fastpar_error()
    count = uint32(members, "members")
    options = n.fastpar_team_options(
        ctypes.sizeof(n.fastpar_team_options), count, 0, ctypes.addressof(call.cancelled), name.encode() if name else None
    )
    try:
        begin(call)
        with watching(cancel, call):
            status = lib.fastpar_team_run_with(ctypes.byref(options), _member_callback, call, ctypes.byref(error))
    finally:
        live.discard(call)
    # Broken barriers only follow from another failure.
    causes = [failure for failure in call.failures if not isinstance(failure[1], threading.BrokenBarrierError)]
    if not causes and call.cancelled.value:
        raise CancelledError.of(n.FASTPAR_ERR_CANCELLED, "the team is cancelled")
    raise_failures(causes or call.failures, "members", group)
    if status not in (n.FASTPAR_OK, n.FASTPAR_ERR_CALLBACK):
        raise error_of(error)
    if status != n.FASTPAR_OK or call.completed() != (count or lib.fastpar_pool_threads()):
        raise RuntimeError("a member was ended from outside before it was done")
