"""The threads of fastpar's calls, limited by `threadpoolctl` (PyPI) together with those of other libraries.

Scientific programs limit the threads of all their libraries at one place:

    import limits, threadpoolctl
    with threadpoolctl.threadpool_limits(4):
        ...

A library that threadpoolctl does not know has a controller registered, as here. The limit holds for all calls of the process; nothing is
stopped or started by it.
"""

import threadpoolctl

import fastpar


class FastparController(threadpoolctl.LibController):
    user_api = "fastpar"
    internal_api = "fastpar"
    filename_prefixes = ("libfastpar", "fastpar")
    check_symbols = ("fastpar_pool_limit", "fastpar_pool_limit_get")

    def get_num_threads(self):
        return fastpar.pool_limit_get() or fastpar.pool_threads()

    def set_num_threads(self, num_threads):
        fastpar.pool_limit(num_threads)

    def get_version(self):
        return fastpar.version()


threadpoolctl.register(FastparController)


def threads_of_a_loop():
    """How many threads came to a loop."""
    import threading

    seen = set()
    fastpar.for_range(1000, lambda begin, end: seen.add(threading.get_ident()), segments=1000)
    return len(seen)


if __name__ == "__main__":
    for limit in (None, 2, 1):
        with threadpoolctl.threadpool_limits(limit, user_api="fastpar"):
            print(f"limit {limit}: {threadpoolctl.threadpool_info()[-1]['num_threads']} threads, {threads_of_a_loop()} came")
