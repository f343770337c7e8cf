"""Pipelines: items are taken in order, worked on in parallel, and their results given out in order."""

import collections
import contextvars
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
from concurrent.futures import Future

from ._async import to_its_end
from ._errors import size, uint32
from ._executor import ThreadPoolExecutor
from ._handles import Uncopied
from ._library import lib

_END = object()


def _nothing() -> None:
    """What is done to stop a step: it ends by itself."""


class Pipeline[R](Uncopied, Iterator[R]):
    """The results of `pipeline`, for `for`, `async for` or `with`. Not for several threads at a time."""

    __slots__ = ("_results",)

    def __init__(self, results: Generator[R]) -> None:
        self._results = results

    def __next__(self) -> R:
        return next(self._results)

    def close(self) -> None:
        """Ends the pipeline: no item is taken any more, those that are worked on have ended. Called by `with`, and when it is collected."""
        self._results.close()

    def __enter__(self) -> "Pipeline[R]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aiter__(self) -> AsyncGenerator[R]:
        results = self._results
        try:
            # Item by item on a thread of the pool: the source may block, as files do. However often the task
            # is cancelled, a thread that is inside the source has left it before anything is closed.
            while (result := await to_its_end(_nothing, next, results, _END)) is not _END:
                yield result
        finally:
            await to_its_end(_nothing, results.close)  # it waits for items that are being worked on


def pipeline[T, R](
    source: Iterable[T], work: Callable[[T], R], /, *, in_flight: int = 0, max_lanes: int = 0
) -> Pipeline[R]:
    """`work(item)` for the items of `source`, in parallel; the results in the order of the items, as an iterator.

        with open("log", "rb") as log, fastpar.pipeline(log, convert) as lines:
            for line in lines:
                ...

    Memory is bounded: `source` is asked for an item only while fewer than `in_flight` items are under way or wait to be given out
    (0: twice the lanes), and not before a result that is there is given out. It is asked from the thread that takes results, when
    that takes one; with `async for` from threads of the pool, one at a time. `max_lanes`: how many items are worked on at a time; 0:
    as many as the pool has threads. `work` runs in a copy of the context of the call of `pipeline`.

    What `source` or `work` raises is raised at the place of its item, after the results before it; then the pipeline has ended.
    Leaving it early ends it when it is closed or collected: items that are being worked on end, the others are let go.
    """
    lanes = uint32(max_lanes, "max_lanes")
    most = size(in_flight, "in_flight")
    if not callable(work):
        raise TypeError("work must be callable")
    return Pipeline(_results(iter(source), work, lanes, most, contextvars.copy_context()))


def _results[T, R](
    source: Iterator[T], work: Callable[[T], R], lanes: int, most: int, context: contextvars.Context
) -> Generator[R]:
    # Not fastpar_pipeline_run: that takes and gives on the thread that is inside the call, and an iterator
    # leaves it for each result.
    executor = ThreadPoolExecutor(lanes or lib.fastpar_pool_threads() or None)
    most = most or 2 * executor._max_workers
    under_way: collections.deque[Future[R]] = collections.deque()
    failure: BaseException | None = None
    has_more = True
    try:
        while True:
            # A result that is there is given out before the source is asked again, which may take long.
            while has_more and len(under_way) < most and not (under_way and under_way[0].done()):
                try:
                    item = next(source)
                except StopIteration:
                    has_more = False
                except Exception as error:
                    has_more, failure = False, error
                else:
                    under_way.append(executor.submit(context.copy().run, work, item))
                    del item
            if not under_way:
                break
            yield under_way.popleft().result()
        if failure is not None:
            raise failure
    finally:
        # A worker may have closed or collected it: that cannot wait for the item that it works on.
        executor.shutdown(wait=not executor.is_here(), cancel_futures=True)
        under_way.clear()
