"""Ctrl-C and other signals, in the main thread and in programs that bodies start."""

import signal
import sys
import time
import unittest

import support


class Interrupts(unittest.TestCase):
    def interrupt(self, code):
        """Interrupts the program once it says so; its exit code, output and errors. It must not hang."""
        with support.start_interruptible(support.LOOP + code) as process:
            try:
                self.assertEqual(process.stdout.readline(), "now\n")
                time.sleep(0.05)
                support.interrupt(process)
                output, errors = process.communicate(timeout=support.LIMIT)
            finally:
                process.kill()
        self.assertNotIn("ignored", errors)
        return process.returncode, output, errors

    def test_loop_of_small_chunks(self):
        for _ in range(max(support.ROUNDS // 10, 3)):
            status, output, errors = self.interrupt(
                "print('now', flush=True)\n"
                "try: fastpar.for_range(10**9, lambda begin, end: None, schedule=fastpar.Schedule.GRAIN, grain=1)\n"
                "except KeyboardInterrupt: print('stopped')\n"
                "assert sum(fastpar.map(int, range(10))) == 45"
            )
            self.assertEqual((status, output), (0, "stopped\n"), errors)

    def test_main_thread_waits_for_others(self):
        status, output, errors = self.interrupt(
            "stop = threading.Event()\n"
            "def handler(*_):\n"
            "    threading.Timer(0.2, stop.set).start()\n"
            "    raise KeyboardInterrupt\n"
            "signal.signal(signal.SIGINT, handler)\n"
            "def body(begin, end):\n"
            "    if threading.current_thread() is not threading.main_thread(): stop.wait(600)\n"
            "    else: time.sleep(0.001)\n"
            "fastpar.pool_start()\n"
            "threading.Timer(0.3, lambda: print('now', flush=True)).start()\n"
            "try: fastpar.for_range(24, body)\n"
            "except KeyboardInterrupt: print('stopped')"
        )
        self.assertEqual((status, output), (0, "stopped\n"), errors)

    def test_second_interrupt_does_not_wait(self):
        with support.start_interruptible(
            support.LOOP + "def body(begin, end):\n"
            "    if begin == 0: print('now', flush=True)\n"
            "    threading.Event().wait(600) if threading.current_thread() is not threading.main_thread() else time.sleep(0.05)\n"
            "try: fastpar.for_range(24, body)\n"
            "except KeyboardInterrupt: os.write(1, b'stopped'); os._exit(0)"
        ) as process:
            try:
                self.assertEqual(process.stdout.readline(), "now\n")
                deadline = time.monotonic() + support.LIMIT
                while process.poll() is None and time.monotonic() < deadline:
                    support.interrupt(process)
                    time.sleep(0.2)
                self.assertEqual(process.stdout.read(), "stopped")
            finally:
                process.kill()

    def test_queue(self):
        status, output, errors = self.interrupt(
            "print('now', flush=True)\n"
            "try: fastpar.Queue(1).pop()\n"
            "except KeyboardInterrupt: print('stopped')"
        )
        self.assertEqual((status, output), (0, "stopped\n"), errors)

    def test_codec(self):
        for work in (
            "zstd.compress(data, 22)",
            "zstd.compress_batch([data] * 9, 22)",
            "zstd.compress_file(path, path + '.zst', 22)",
        ):
            status, output, errors = self.interrupt(
                "import tempfile\n"
                "from fastpar import zstd\n"
                "data = os.urandom(1 << 20) * 48\n"
                "folder = tempfile.TemporaryDirectory(); path = os.path.join(folder.name, 'data')\n"
                "with open(path, 'wb') as file: file.write(data)\n"
                "print('now', flush=True)\n"
                "def is_whole(name): return name != 'data' and read(os.path.join(folder.name, name)) == data\n"
                "def read(path):\n    with zstd.open(path) as file: return file.read()\n"
                f"try:\n    while True: {work}\n"
                "except KeyboardInterrupt: print('stopped', [name for name in os.listdir(folder.name) if not is_whole(name)])\n"
                "assert zstd.decompress(zstd.compress(data[:10_000_000])) == data[:10_000_000]"
            )
            self.assertEqual((status, output), (0, "stopped ['data']\n"), errors)

    def test_stream(self):
        """Within a call, and not when the file is used next."""
        status, output, errors = self.interrupt(
            "import io, traceback\n"
            "from fastpar import zstd\n"
            "data = b' '.join(b'%d' % (i * i % 1000003) for i in range(2_500_000))\n"
            "file = zstd.ZstdFile(io.BytesIO(), 'w', level=22, frame_size=16 << 20)\n"
            "file.write(data)\n"
            "print('now', flush=True)\n"
            "try: file.close()\n"
            "except KeyboardInterrupt as error:\n"
            "    print('stopped', [frame.name for frame in traceback.extract_tb(error.__traceback__) if 'write' in frame.name])\n"
            "assert zstd.decompress(zstd.compress(data)) == data"
        )
        self.assertEqual((status, output), (0, "stopped []\n"), errors)

    @support.where(hasattr(signal, "setitimer"))
    def test_reads_of_archives(self):
        """Within a read. Those of other threads, and later ones, go on."""
        status, output, errors = support.run(
            support.LOOP + "from fastpar import zstd\n"
            "class Alarm(Exception): pass\n"
            "def handler(*_): raise Alarm\n"
            "signal.signal(signal.SIGALRM, handler)\n"
            "data = b' '.join(b'%d' % (i * i % 1000003) for i in range(1_000_000)) * 10\n"
            "archive = zstd.open_archive(zstd.compress(data, frame_size=1 << 20))\n"
            "ended, others = threading.Event(), []\n"
            "def other():\n"
            "    while not ended.is_set(): others.append(archive.read_at(9, 5 << 20) == data[9:9 + (5 << 20)])\n"
            "thread = threading.Thread(target=other, daemon=True); thread.start()\n"
            "def is_cut():\n"
            "    out = bytearray(len(data))\n"
            "    try:\n"
            "        signal.setitimer(signal.ITIMER_REAL, 0.01)\n"
            "        archive.read_at(0, out)\n"
            "        threading.Event().wait(600)\n"
            "    except Alarm: pass\n"
            "    return out[0] != 0 and out.count(0) > 0\n"
            "print(any(is_cut() for _ in range(200)))\n"
            "ended.set(); thread.join()\n"
            "print(all(others), archive.read_at(0, len(data)) == data)"
        )
        self.assertEqual((status, output), (0, "True\nTrue True\n"), errors)

    def test_struck_when_the_call_has_just_ended(self):
        """The main thread has been told of the end, and a handler raises before it looks at that."""
        status, output, errors = support.run(
            support.LOOP + "from fastpar import zstd\n"
            "from fastpar.zstd import _interrupts\n"
            "struck, real = [], threading.Lock\n"
            "class Lock:\n"
            "    def __init__(self): self.lock = real(); self.release = self.lock.release\n"
            "    def acquire(self, blocking=True, timeout=None):\n"
            "        if timeout is None: return self.lock.acquire(blocking)\n"
            "        if self.lock.acquire(blocking, timeout) and not struck:\n"
            "            struck.append(True)\n"
            "            raise KeyboardInterrupt\n"
            "        return True\n"
            "class Threading:\n"
            "    def __getattr__(self, name): return Lock if name == 'Lock' else getattr(threading, name)\n"
            "_interrupts.threading = Threading()\n"
            "data = bytes(10_000_000)\n"
            "try: zstd.compress(data)\n"
            "except KeyboardInterrupt: print('struck')\n"
            "print(zstd.decompress(zstd.compress(data)) == data)"
        )
        self.assertEqual((status, output), (0, "struck\nTrue\n"), errors)

    @support.where(sys.platform == "linux")
    def test_signals_of_programs_that_bodies_start(self):
        """They block what those of the main thread block, and end by `terminate`."""
        status, output, errors = support.run(
            support.LOOP + "import asyncio, subprocess\n"
            "def mask(_=0): return subprocess.check_output(['grep', 'SigBlk', '/proc/self/status'])\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n"
            "here = mask()\n"
            "with fastpar.ThreadPoolExecutor() as executor: print(set(executor.map(mask, range(40))) == {here})\n"
            "print(set(fastpar.map(mask, range(40), segments=40)) == {here}, asyncio.run(fastpar.to_thread(mask)) == here)\n"
            "with fastpar.ThreadPoolExecutor() as executor:\n"
            "    program = executor.submit(subprocess.Popen, ['sleep', '600']).result()\n"
            "    program.terminate()\n"
            "    try: print(program.wait(60) == -signal.SIGTERM)\n"
            "    finally: program.kill()"
        )
        self.assertEqual((status, output), (0, "True\nTrue True\nTrue\n"), errors)

    @support.where(hasattr(signal, "pthread_sigmask"))
    def test_signal_that_interrupts_no_wait(self):
        """Another thread is given it while the main thread waits for a call: the handler runs soon, and not when the call ends."""
        status, output, errors = support.run(
            support.LOOP + "import contextlib\n"
            "from fastpar.zstd._interrupts import interruptible\n"
            "begun, stopped = threading.Event(), threading.Event()\n"
            "class Settings:\n"
            "    def stop(self): stopped.set()\n"
            "    def watching(self): return contextlib.nullcontext()\n"
            "    def raise_failure(self): pass\n"
            "def work():\n"
            "    begun.set()\n"
            "    print(stopped.wait(60))\n"
            "    return 0\n"
            "def interrupt():\n"
            "    begun.wait()\n"
            "    time.sleep(0.1)\n"
            "    os.kill(os.getpid(), signal.SIGINT)\n"
            "    stopped.wait(60)\n"
            "threading.Thread(target=interrupt, daemon=True).start()\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\n"
            "try: interruptible(Settings(), work)\n"
            "except KeyboardInterrupt: print('struck')"
        )
        self.assertEqual((status, output), (0, "True\nstruck\n"), errors)

    def test_struck_where_the_thread_starts(self):
        """A handler raises just before the thread that makes the call is started, or just after."""
        status, output, errors = support.run(
            support.LOOP + "import _thread\n"
            "from fastpar import zstd\n"
            "from fastpar.zstd import _interrupts\n"
            "class Starts:\n"
            "    def __init__(self, before): self.before, self.struck = before, False\n"
            "    def start_new_thread(self, *given):\n"
            "        if self.struck: return _thread.start_new_thread(*given)\n"
            "        self.struck = True\n"
            "        if not self.before: _thread.start_new_thread(*given)\n"
            "        raise KeyboardInterrupt\n"
            "data = bytes(10_000_000)\n"
            "for before in (True, False):\n"
            "    _interrupts._thread = Starts(before)\n"
            "    try: zstd.compress(data)\n"
            "    except KeyboardInterrupt: print('struck')\n"
            "    print(zstd.decompress(zstd.compress(data)) == data)"
        )
        self.assertEqual((status, output), (0, "struck\nTrue\n" * 2), errors)

    @support.where(hasattr(signal, "setitimer"))
    def test_struck_twice(self):
        """A second handler raises before the call has ended: what the call uses is kept until then, and it is stopped."""
        status, output, errors = support.run(
            support.LOOP + "from fastpar._buffers import address, fill_bytes\n"
            "from fastpar._unfinished import unfinished\n"
            "from fastpar.zstd._interrupts import interruptible\n"
            "class Second(Exception): pass\n"
            "class Settings:\n"
            "    stops = 0\n"
            "    def stop(self):\n"
            "        self.stops += 1\n"
            "        if self.stops == 1: raise Second\n"
            "    def watching(self):\n"
            "        import contextlib\n"
            "        return contextlib.nullcontext()\n"
            "    def raise_failure(self): pass\n"
            "go, data, settings = threading.Event(), bytearray(10), Settings()\n"
            "def work():\n"
            "    os.kill(os.getpid(), signal.SIGINT)\n"
            "    go.wait()\n"
            "    return 0\n"
            "try:\n"
            "    with address(data, True): fill_bytes(100, lambda to: interruptible(settings, work))\n"
            "except Second: print('second', settings.stops > 1, len(unfinished))\n"
            "try: data.append(1)\n"
            "except BufferError: print('kept')\n"
            "fastpar.zstd.compress(bytes(10))\n"
            "go.set()\n"
            "while unfinished: time.sleep(0.001)\n"
            "while True:\n"
            "    try: data.append(1)\n"
            "    except BufferError: time.sleep(0.001)\n"
            "    else: break\n"
            "print(len(data))"
        )
        self.assertEqual((status, output), (0, "second True 1\nkept\n11\n"), errors)

    @support.where(hasattr(signal, "setitimer"))
    def test_a_timer_that_never_stops(self):
        """Its handler raises all the time; what others use is not written to."""
        status, output, errors = support.run(
            support.LOOP + "from fastpar import zstd\n"
            "class Late(Exception): pass\n"
            "armed = False\n"
            "def handler(*_):\n"
            "    if armed: raise Late\n"
            "signal.signal(signal.SIGALRM, handler)\n"
            "data = b' '.join(b'%d' % (i * i % 1000003) for i in range(1_000_000))\n"
            "packed = zstd.compress(data, single_frame=True)\n"
            "signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)\n"
            "for _ in range(20):\n"
            "    try:\n"
            "        armed = True\n"
            "        zstd.decompress(packed)\n"
            "        armed = False\n"
            "    except Late: armed = False\n"
            "    zeros = [bytearray(len(data) // 8) for _ in range(8)]\n"
            "    assert all(part.count(0) == len(part) for part in zeros)\n"
            "signal.setitimer(signal.ITIMER_REAL, 0)\n"
            "print(zstd.decompress(packed) == data)"
        )
        self.assertEqual((status, output), (0, "True\n"), errors)

    @support.where(hasattr(signal, "setitimer"))
    def test_reads_of_archives_beside_scans(self):
        """What is interrupted is the read, not a scan that another thread makes of the same archive."""
        status, output, errors = support.run(
            support.LOOP + "from fastpar import zstd\n"
            "class Alarm(Exception): pass\n"
            "inside = False\n"
            "def handler(*_):\n"
            "    global inside\n"
            "    if inside:\n"
            "        inside = False\n"
            "        raise Alarm\n"
            "signal.signal(signal.SIGALRM, handler)\n"
            "data = b' '.join(b'%d' % (i * i % 1000003) for i in range(1_000_000)) * 5\n"
            "archive = zstd.open_archive(zstd.compress(data, frame_size=1 << 20))\n"
            "ended, sizes, alarms = threading.Event(), [], 0\n"
            "def other():\n"
            "    while not ended.is_set(): sizes.append(archive.reduce(len))\n"
            "thread = threading.Thread(target=other, daemon=True); thread.start()\n"
            "signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)\n"
            "while len(sizes) < 20 or alarms < 20:\n"
            "    assert thread.is_alive()\n"
            "    try:\n"
            "        inside = True\n"
            "        archive.read_at(0, len(data))\n"
            "        inside = False\n"
            "    except Alarm: alarms += 1\n"
            "signal.setitimer(signal.ITIMER_REAL, 0)\n"
            "ended.set(); thread.join()\n"
            "print(set(sizes) == {len(data)})"
        )
        self.assertEqual((status, output), (0, "True\n"), errors)

    @support.where(hasattr(signal, "setitimer"))
    def test_handlers_that_raise(self):
        status, output, errors = support.run(
            support.LOOP + "import signal\n"
            "class Alarm(Exception): pass\n"
            "def handler(*_): raise Alarm\n"
            "signal.signal(signal.SIGALRM, handler)\n"
            "for _ in range(20):\n"
            "    signal.setitimer(signal.ITIMER_REAL, 0.01)\n"
            "    try: fastpar.for_range(10**9, lambda begin, end: None, schedule=fastpar.Schedule.GRAIN, grain=1)\n"
            "    except Alarm: print('.', end='')"
        )
        self.assertEqual((status, output), (0, "." * 20), errors)
