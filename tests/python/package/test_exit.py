"""The end of the interpreter, fork."""

import os
import unittest

import support


class Exit(unittest.TestCase):
    def check(self, code, expected=0, rounds=support.ROUNDS):
        for _ in range(rounds):
            status, output, errors = support.run(support.LOOP + code)
            self.assertEqual(status, expected, errors)
            for word in ("Fatal", "ignored", "Segmentation"):
                self.assertNotIn(word, errors)
        return output, errors

    def test_import_alone(self):
        self.check("")

    def test_after_work(self):
        self.check("fastpar.for_range(1000, lambda begin, end: None)")

    def test_job_in_flight(self):
        self.check("fastpar.for_start(1000, lambda begin, end: time.sleep(0.002))")

    def test_executor_finishes_what_was_submitted(self):
        output, _ = self.check(
            "executor = fastpar.ThreadPoolExecutor(2)\n"
            "def work(i):\n    time.sleep(0.002)\n    os.write(1, b'.')\n"
            "for i in range(20): executor.submit(work, i)"
        )
        self.assertEqual(output, "." * 20)

    def test_daemon_thread_that_loops(self):
        self.check(
            "def work():\n    while True: fastpar.for_range(100, lambda begin, end: sum(range(50)))\n"
            "threading.Thread(target=work, daemon=True).start()\n"
            "time.sleep(0.02)"
        )

    def test_daemon_thread_that_compresses(self):
        self.check(
            "import fastpar.zstd\n"
            "def work():\n    while True: fastpar.zstd.compress(bytes(3_000_000))\n"
            "threading.Thread(target=work, daemon=True).start()\n"
            "time.sleep(0.02)"
        )

    def test_sys_exit_in_a_body(self):
        self.check("fastpar.for_range(100, lambda begin, end: sys.exit(3))", 3)

    def test_exit_inside_a_body(self):
        self.check("fastpar.for_range(100, lambda begin, end: os._exit(4))", 4)

    def test_uncaught_exception(self):
        _, errors = self.check("fastpar.for_range(1, lambda begin, end: 1 / 0)", 1)
        self.assertIn("ZeroDivisionError", errors)

    def test_nothing_starts_any_more(self):
        _, errors = self.check(
            "def late():\n"
            "    try: fastpar.for_range(1, print)\n"
            "    except RuntimeError as error: print(error, file=sys.stderr)\n"
            "import atexit, importlib\n"
            "atexit.unregister(fastpar._threads._finish); atexit.register(late); atexit.register(fastpar._threads._finish)",
            rounds=1,
        )
        self.assertIn("shutting down", errors)


@support.where(hasattr(os, "fork"))
class Fork(unittest.TestCase):
    def test_both_go_on(self):
        for _ in range(support.ROUNDS):
            status, _, errors = support.run(
                support.LOOP + "fastpar.for_range(100, lambda begin, end: None)\n"
                "child = os.fork()\n"
                "assert sum(fastpar.map(int, range(100))) == 4950\n"
                "with fastpar.ThreadPoolExecutor() as executor: assert list(executor.map(int, range(50))) == list(range(50))\n"
                "if child: assert os.waitpid(child, 0)[1] == 0"
            )
            self.assertEqual(status, 0, errors)

    def test_beside_executors_at_work(self):
        """What was submitted is the parent's. The child waits for none of it, and may go on with the executor."""
        status, output, errors = support.run(
            support.LOOP + "gate, work = threading.Event(), fastpar.ThreadPoolExecutor(2)\n"
            "futures = [work.submit(gate.wait, 600) for _ in range(4)]\n"
            "while sum(future.running() for future in futures) < 2: time.sleep(0.001)\n"
            "for use in (lambda: work.submit(pow, 2, 5).result() == 32, lambda: list(work.map(int, range(50))) == list(range(50)),\n"
            "            lambda: True):\n"
            "    child = os.fork()\n"
            "    if child == 0:\n"
            "        right = use()\n"
            "        work.shutdown()\n"
            "        os._exit(7 if right else 1)\n"
            "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
            "gate.set(); work.shutdown()\n"
            "print(all(future.result() for future in futures))",
            timeout=60,
        )
        self.assertEqual((status, output), (0, "7\n7\n7\nTrue\n"), errors)

    def test_from_calls_of_executors(self):
        """The thread that has forked is still a worker of the child's executor, and the only one."""
        status, output, errors = support.run(
            support.LOOP + "work = fastpar.ThreadPoolExecutor(2)\n"
            "def fork():\n"
            "    child = os.fork()\n"
            "    if child == 0: os._exit(sum(work.map(int, [3, 4])) + work.submit(int).result())\n"
            "    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
            "print(work.submit(fork).result())",
            timeout=60,
        )
        self.assertEqual((status, output), (0, "7\n"), errors)

    def test_from_a_call_of_the_only_worker(self):
        """There the child's thread, which is not the pool's, makes the call that it waits for."""
        status, output, errors = support.run(
            support.LOOP + "work = fastpar.ThreadPoolExecutor(1)\n"
            "def fork():\n"
            "    child = os.fork()\n"
            "    if child == 0: os._exit(work.submit(int, 7).result())\n"
            "    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
            "print(work.submit(fork).result())",
            timeout=60,
        )
        self.assertEqual((status, output), (0, "7\n"), errors)

    def test_beside_a_call_of_the_main_thread(self):
        """The child has not the thread that makes the call; what it uses itself is released."""
        status, _, errors = support.run(
            support.LOOP + "import array\n"
            "from fastpar import zstd\n"
            "from fastpar._unfinished import unfinished\n"
            "def work():\n"
            "    while not unfinished: time.sleep(0.001)\n"
            "    child = os.fork()\n"
            "    if child == 0:\n"
            "        data = array.array('B', bytes(1000))\n"
            "        zstd.compress_into(data, bytearray(2000))\n"
            "        try: data.append(0)\n"
            "        except BufferError: os._exit(1)\n"
            "        os._exit(0)\n"
            "    forked.append(os.waitpid(child, 0)[1])\n"
            "    flag.cancel()\n"
            "forked, flag = [], fastpar.CancelFlag()\n"
            "thread = threading.Thread(target=work); thread.start()\n"
            "try: zstd.compress(os.urandom(1 << 20) * 48, 22, cancel=flag)\n"
            "except fastpar.CancelledError: thread.join()\n"
            "assert forked == [0]"
        )
        self.assertEqual(status, 0, errors)
