"""Calls that an event loop waits for. `asyncio` is imported where it is used: most programs have no loop."""

import concurrent.futures
import contextlib
import contextvars
import functools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._errors import CancelFlag
from ._executor import ThreadPoolExecutor

if TYPE_CHECKING:
    import asyncio


#: One for each event loop: a call of one loop may run another loop, and wait for its calls.
_executors: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, ThreadPoolExecutor]" = weakref.WeakKeyDictionary()


def _executor() -> ThreadPoolExecutor:
    """That of the running event loop. Made when it is used: the pool may be started with options until then."""
    import asyncio

    loop = asyncio.get_running_loop()
    executor = _executors.get(loop)
    if executor is None:
        executor = _executors[loop] = ThreadPoolExecutor()
    return executor


async def to_thread[**P, R](function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """`function(*args, **kwargs)` on a thread of the pool, in a copy of the caller's context: as `asyncio.to_thread`."""
    import asyncio

    call = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)
    return await asyncio.wrap_future(_executor().submit(call))


async def cancellable[R](function: Callable[..., R], *args: Any, cancel: CancelFlag | None = None, **kwargs: Any) -> R:
    """The same for a call that takes `cancel`: when the awaiting task is cancelled the call is too, and has ended when this has.

    So buffers and files are left alone by the time that the task goes on.
    """
    flag = CancelFlag()
    with contextlib.nullcontext() if cancel is None else cancel._watch(flag):
        return await to_its_end(flag.cancel, function, *args, cancel=flag, **kwargs)


async def to_its_end[R](stop: Callable[[], object], function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    """As `to_thread`, for a call that has ended when this has: when the awaiting task is cancelled, `stop` is called."""
    import asyncio

    future = _executor().submit(functools.partial(contextvars.copy_context().run, function, *args, **kwargs))
    cancelled: asyncio.CancelledError | None = None
    while True:
        try:
            await _done(future)
            break
        except asyncio.CancelledError as error:
            cancelled = error
            stop()
    if cancelled is None:
        return future.result()
    # The call's result no longer matters.
    raise cancelled


async def _done(future: concurrent.futures.Future) -> None:
    """Waits until it is done, without a share in its result; it goes on when this is cancelled."""
    import asyncio

    loop = asyncio.get_running_loop()
    waiter = loop.create_future()

    def wake() -> None:
        if not waiter.done():
            waiter.set_result(None)

    def told(_: concurrent.futures.Future) -> None:
        # The event loop may be closed by now; then no task waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(wake)

    future.add_done_callback(told)
    await waiter
