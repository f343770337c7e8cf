"""A signal's handler that raises, at every moment of a call of the main thread: nothing stays locked, taken or counted."""

import array
import concurrent.futures
import contextlib
import ctypes
import io
import os
import signal
import sys
import tempfile
import threading
import time
import types
import unittest
from unittest import mock

import fastpar
import support
from fastpar import _buffers, _calls, _errors, _executor, _executor_calls, _executor_here, _executor_map
from fastpar import _executor_threads, _handles, _jobs, _locks, _loops, _shared, _threads, zstd
from fastpar.zstd import _archive, _file, _open, _streams

_MODULES = (
    *(_buffers, _calls, _errors, _executor, _executor_calls, _executor_here, _executor_map, _executor_threads),
    *(_handles, _jobs, _locks, _loops, _shared, _threads, _archive, _file, _open, _streams),
)
_TOOL = 4

# As native code, at whose end no handler runs, as it would in a function.
_trip = ctypes.PYFUNCTYPE(None, ctypes.py_object, ctypes.c_int)(("PyErr_SetInterrupt", ctypes.pythonapi))


class Struck(BaseException):
    pass


def _codes():
    """Of every function of the modules, with those inside."""
    codes = set()

    def add(code):
        codes.add(code)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                add(constant)

    for module in _MODULES:
        for value in vars(module).values():
            if getattr(value, "__module__", None) != module.__name__:
                continue
            for function in (value, *vars(value).values()) if isinstance(value, type) else (value,):
                if isinstance(function, types.FunctionType):
                    add(function.__code__)
    return codes


@support.where(hasattr(sys, "monitoring"))
class EveryMoment(unittest.TestCase):
    def setUp(self):
        events = sys.monitoring.events
        self.rest = self.again = self.handler = None
        main = threading.main_thread().ident

        def count(code, offset):
            if self.rest is not None and threading.get_ident() == main:
                self.rest -= 1
                if self.rest in (0, self.again):
                    sys.monitoring.register_callback(_TOOL, events.INSTRUCTION, _trip)

        def strike(*_):
            sys.monitoring.register_callback(_TOOL, events.INSTRUCTION, None if self.again is None else count)
            if self.handler is None:
                raise Struck
            self.handler()

        self.count = count
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, strike))
        self.enterContext(mock.patch.object(_calls, "_ignore", lambda unraisable: None))
        sys.monitoring.use_tool_id(_TOOL, "struck")
        self.addCleanup(sys.monitoring.free_tool_id, _TOOL)
        for code in _codes():
            sys.monitoring.set_local_events(_TOOL, code, events.INSTRUCTION)
            self.addCleanup(sys.monitoring.set_local_events, _TOOL, code, 0)

    def moments(self, call, again=None, handler=None):
        """Calls it once for each moment that it may be struck at: by a handler that raises, `again` so many instructions later, or by
        `handler`."""
        self.again, self.handler = None if again is None else -again, handler
        for moment in range(1, 5000):
            sys.monitoring.register_callback(_TOOL, sys.monitoring.events.INSTRUCTION, self.count)
            try:
                try:
                    self.rest = moment
                    call()
                finally:
                    time.sleep(0)  # for what came at the very end
            except Struck:
                pass
            over = self.rest > 0
            self.rest = None
            sys.monitoring.register_callback(_TOOL, sys.monitoring.events.INSTRUCTION, None)
            with self.subTest(moment=moment):
                yield
            if over:
                self.assertGreater(moment, 20)
                return
        self.fail("it does not end")

    def on_another_thread(self, function):
        done = []
        thread = threading.Thread(target=lambda: done.append(function()), daemon=True)
        thread.start()
        thread.join(support.LIMIT)
        self.assertEqual(len(done), 1, "it waits for ever")

    def nothing_lives(self):
        end = time.monotonic() + support.LIMIT
        while _threads.live and time.monotonic() < end:
            time.sleep(0.001)
        self.assertEqual(_threads.live, set())
        self.assertEqual(_executor_threads._watch.on_pool, set())

    def test_buffers(self):
        data, out = array.array("B", bytes(3000)), array.array("B", bytes(4000))
        for _ in self.moments(lambda: zstd.compress_into(data, out)):
            # BufferError if it is still taken.
            data.append(0)
            out.append(0)

    def test_streams(self):
        class Sink:
            def write(self, data):
                pass

        file = zstd.ZstdFile(Sink(), "w")

        def another():
            with contextlib.suppress(Struck):
                file.write(b"1")

        data = array.array("B", bytes(3000))
        for _ in self.moments(lambda: (file.write(data), file.flush())):
            data.append(0)
            self.on_another_thread(another)
            with contextlib.suppress(Struck):
                file.close()
            file = zstd.ZstdFile(Sink(), "w")

    @support.where(sys.platform == "linux")
    def test_files_are_closed(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a")
            for mode in ("wb", "rb"):
                with zstd.open(path, "wb") as file:
                    file.write(b"content")
                file = zstd.open(path, mode)
                opened = len(os.listdir("/proc/self/fd"))
                for _ in self.moments(lambda: file.close()):
                    self.on_another_thread(file.close)
                    self.assertEqual(len(os.listdir("/proc/self/fd")), opened - 1)
                    with zstd.open(path, "wb") as whole:
                        whole.write(b"content")
                    file = zstd.open(path, mode)
                file.close()

    @support.where(sys.platform == "linux")
    def test_archives_are_closed(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a")
            with zstd.open(path, "wb") as file:
                file.write(b"content")
            for _ in self.moments(lambda: zstd.open_archive(path).close()):
                with open("/proc/self/maps") as maps:
                    self.assertNotIn(path, maps.read())
                for number in os.listdir("/proc/self/fd"):
                    with contextlib.suppress(OSError):
                        self.assertNotEqual(os.readlink(f"/proc/self/fd/{number}"), path)

    def test_queues(self):
        queue = fastpar.Queue(2)
        queue.push(1)
        for call in (lambda: queue.push(2), queue.pop):
            for _ in self.moments(call):
                held = 0
                with contextlib.suppress(fastpar.TimeoutError):
                    for _ in range(3):
                        queue.pop(0)
                        held += 1
                self.assertEqual(len(queue), 0)
                self.assertLessEqual(held, 2)
                queue.push(1)

    def test_flags(self):
        flag = fastpar.CancelFlag()
        for _ in self.moments(lambda: fastpar.for_range(10, lambda begin, end: None, cancel=flag)):
            self.assertEqual(flag._calls, set())

    def test_jobs(self):
        for _ in self.moments(lambda: fastpar.for_start(10, lambda begin, end: None)):
            self.nothing_lives()

    def test_executors(self):
        # Twice: the second handler strikes while what the first has left is put in order.
        for again in (None, 9):
            executor = fastpar.ThreadPoolExecutor(2)
            for _ in self.moments(lambda: executor.submit(int), again):
                self.on_another_thread(lambda: executor.submit(int).result())
                self.on_another_thread(executor.shutdown)
                self.nothing_lives()
                executor = fastpar.ThreadPoolExecutor(2)

    def test_shutdown_of_executors(self):
        gate = threading.Event()

        def begun():
            gate.clear()
            executor = fastpar.ThreadPoolExecutor(1)
            futures = [executor.submit(gate.wait, 60), executor.submit(int), executor.submit(int)]
            return executor, futures, executor.map(int, range(3))

        def end(results):
            with contextlib.suppress(concurrent.futures.CancelledError):
                list(results)

        executor, futures, results = begun()
        for _ in self.moments(lambda: executor.shutdown(wait=False, cancel_futures=True)):
            gate.set()
            self.on_another_thread(executor.shutdown)
            self.assertTrue(all(future.done() for future in futures))
            self.on_another_thread(lambda: end(results))
            executor, futures, results = begun()
        gate.set()

    def test_handlers_that_submit(self):
        """One worker makes one call at a time, wherever another one comes in between."""
        running, most = fastpar.AtomicInt(), fastpar.AtomicInt()

        def work():
            most.max(running.add(1) + 1)
            time.sleep(0.001)
            running.add(-1)

        futures, executor = [], fastpar.ThreadPoolExecutor(1)

        def submit():
            futures.append(executor.submit(work))

        for _ in self.moments(submit, handler=submit):
            for future in futures:
                future.result(support.LIMIT)
            self.assertEqual(most.load(), 1)
            futures.clear()
            executor.shutdown()
            executor = fastpar.ThreadPoolExecutor(1)

    def test_writers_struck_twice(self):
        """What is not written is told, although the second handler strikes where the first is being told."""
        done, out = [], io.BytesIO()
        file = zstd.ZstdFile(out, "w")
        file.write(b"content")
        with contextlib.redirect_stderr(io.StringIO()):
            for _ in self.moments(lambda: (file.close(), done.append(1)), 7):
                if done:
                    self.assertEqual(zstd.decompress(out.getvalue()), b"content")
                file.close()
                done, out = [], io.BytesIO()
                file = zstd.ZstdFile(out, "w")
                file.write(b"content")
            file.close()
