"""Lets heat spread along a rod, step by step, on several threads that meet at a barrier twice a step.

    python3.14t heat.py [CELLS] [STEPS] [MEMBERS]

Every step has two phases: each member works out the new temperatures of its own cells from the old ones of all; when all have
done so, each puts its own in place. It is done three times: by one thread, by a fastpar team, and by the standard library's threads.
"""

import sys
import threading
import time
from collections.abc import Callable
from array import array

import fastpar


def start(cells: int) -> array:
    """One hot cell in the middle."""
    rod = array("d", bytes(8 * cells))
    rod[cells // 2] = 1e6
    return rod


def next_of(rod: memoryview, begin: int, end: int) -> array:
    """The first phase for the cells `begin` to `end - 1`; what flows out at the ends is lost."""
    left = rod[begin - 1] if begin else 0.0
    new = array("d")
    append = new.append
    here = rod[begin]
    for i in range(begin, end):
        right = rod[i + 1] if i + 1 < len(rod) else 0.0
        append(here + 0.25 * (left - 2 * here + right))
        left, here = here, right
    return new


def steps_of(rod: array, steps: int, part: range, barrier: Callable[[], object]) -> None:
    """What every member does, by a view of its own: at the lock of one shared array all members would meet."""
    view = memoryview(rod)
    for _ in range(steps):
        new = next_of(view, part.start, part.stop)
        barrier()
        for i, value in zip(part, new):
            view[i] = value
        barrier()


def with_one_thread(cells: int, steps: int, members: int) -> array:
    rod = start(cells)
    steps_of(rod, steps, range(cells), lambda: None)
    return rod


def with_fastpar(cells: int, steps: int, members: int) -> array:
    rod = start(cells)
    parts = fastpar.plan(cells, segments=members)
    fastpar.team(lambda member: steps_of(rod, steps, parts[member.index], member.barrier), len(parts))
    return rod


def with_standard_library(cells: int, steps: int, members: int) -> array:
    rod = start(cells)
    parts = [range(cells * m // members, cells * (m + 1) // members) for m in range(members)]
    barrier = threading.Barrier(members)
    threads = [threading.Thread(target=steps_of, args=(rod, steps, part, barrier.wait)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return rod


def main() -> None:
    cells, steps, members = (int(given) for given in [*sys.argv[1:], *("20000", "50", "4")[len(sys.argv) - 1 :]])
    if not (1 <= members <= cells and members <= fastpar.pool_threads()):
        sys.exit(f"MEMBERS must be 1 to {min(cells, fastpar.pool_threads())}")
    results = set()
    for function in (with_one_thread, with_fastpar, with_standard_library):
        begun = time.perf_counter()
        rod = function(cells, steps, members)
        print(f"{function.__name__}: {time.perf_counter() - begun:.3f} s")
        results.add(rod.tobytes())
    if len(results) != 1:
        sys.exit("the results differ")
    print(f"{cells} cells, {steps} steps, {sum(rod):.3f} in all, {max(rod):.3f} at most")


if __name__ == "__main__":
    main()
