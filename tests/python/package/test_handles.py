"""Every class that has a handle of the library: collected, closed, failed, used by several threads, copied."""

import contextlib
import copy
import ctypes
import gc
import io
import os
import pickle
import tempfile
import threading
import unittest
import weakref

import fastpar
import support
from fastpar import _handles, zstd

DATA = os.urandom(1 << 20)
PACKED = zstd.compress(DATA, frame_size=1 << 16)


class Sink(io.RawIOBase):
    """A file object that keeps what is written, after it was closed too."""

    def __init__(self):
        super().__init__()
        self.content = b""

    def writable(self):
        return True

    def write(self, data):
        self.content += bytes(data)
        return len(data)


class Failing(Sink):
    def write(self, data):
        raise OSError("full")


def cycle(*things):
    """A cycle in which every thing is reached from every other, with a finalizer that uses them after their own."""

    class User:
        def __init__(self):
            self.me, self.things = self, things

        def __del__(self):
            for thing, use in self.things:
                try:
                    use(thing)
                except Exception:
                    pass

    user = User()
    for thing, _ in things:
        try:
            thing.user = user
        except AttributeError:
            pass


def half_written(sink):
    file = zstd.ZstdFile(sink, "w")
    file.write(DATA[:100_000])
    return file


def half_read():
    file = zstd.ZstdFile(io.BytesIO(PACKED))
    file.read(100_000)
    return file


def archive():
    opened = zstd.open_archive(bytearray(PACKED))
    opened.read_at(70_000, bytearray(10))
    return opened


def closed(thing):
    thing.close()
    return thing


def queue():
    made = fastpar.Queue(3)
    made.push("a")
    return made


def job(body=lambda begin, end: None):
    started = fastpar.for_start(10, body)
    started.exception()
    return started


def things():
    """One of each class, in each state, with a use."""
    sink = Sink()
    yield half_written(sink), lambda file: file.write(DATA)
    yield half_written(sink), lambda file: file.flush()
    yield half_read(), lambda file: file.read()
    yield half_read(), lambda file: file.seek(0)
    yield archive(), lambda opened: opened.read_at(0, bytearray(1 << 20))
    yield archive(), lambda opened: opened.frames()
    yield queue(), lambda made: made.pop(0)
    yield job(), lambda started: started.result()
    yield job(lambda begin, end: 1 / 0), lambda started: started.result()
    yield closed(half_written(sink)), lambda file: file.write(DATA)
    yield closed(half_read()), lambda file: file.read()
    yield closed(archive()), lambda opened: opened.read_at(0, bytearray(10))
    yield closed(queue()), lambda made: made.push(1, 0)
    with tempfile.TemporaryFile() as raw:
        failed = zstd.ZstdFile(Failing(), "w")
        try:
            failed.write(DATA * 30)
            failed.flush()
        except OSError:
            pass
        yield failed, lambda file: file.write(DATA)
        unfinished = zstd.ZstdFile(io.BytesIO(PACKED[:-50_000]))
        try:
            unfinished.read()
        except EOFError:
            pass
        yield unfinished, lambda file: file.read()
        raw.write(DATA)


class Collected(unittest.TestCase):
    def test_each_alone_and_in_cycles(self):
        gc.collect()
        with support.no_handle_left(self), support.no_unraisable(self, OSError, fastpar.Error):
            for _ in range(5):
                for thing, use in things():
                    del thing
            for _ in range(5):
                for thing, use in things():
                    cycle((thing, use))
                    del thing
                cycle(*things())
                # What a finalizer raises brings its cycle back to life until the next collection.
                while gc.collect():
                    pass

    def test_a_handle_is_freed_after_its_users(self):
        freed = []

        class Handle(_handles.Handle):
            __slots__ = ()
            free = staticmethod(freed.append)

        class Owner:
            pass

        def opened(address, kept=None):
            handle = Handle(kept)
            self.assertFalse(gc.is_tracked(handle))
            ctypes.c_void_p.from_address(ctypes.addressof(handle)).value = address
            return handle

        Handle()
        self.assertEqual(freed, [])
        opened(1)
        self.assertEqual(freed, [1])
        owner, kept = Owner(), Owner()
        owner.me, owner.handle, gone = owner, opened(2, kept), weakref.ref(kept)
        used = owner.handle
        del owner, kept
        gc.collect()
        self.assertEqual((freed, gone() is None), ([1], False))
        del used
        self.assertEqual((freed, gone()), ([1, 2], None))

    def test_an_exception_that_is_on_its_way_stays(self):
        """As in calls with wrong arguments, whose others go while the exception is raised."""

        def wrong(*_):
            raise AssertionError("was called")

        gc.collect()
        with support.no_handle_left(self), support.no_unraisable(self):
            for thing in (queue, archive, half_read):
                self.assertRaises(ZeroDivisionError, lambda: wrong(thing(), 1 / 0))
            self.assertRaises(TypeError, lambda: queue().push())
            self.assertRaises(TypeError, lambda: archive().read_at())

    def test_what_was_written_is_not_lost(self):
        sink = Sink()
        file = half_written(sink)
        file.me = file
        del file
        gc.collect()
        self.assertEqual(zstd.decompress(sink.content), DATA[:100_000])

    def test_a_constructor_that_fails(self):
        with support.no_unraisable(self):
            for wrong in ((), (3,), (b"", 3), (io.BytesIO(), "q"), ("/nowhere/at all", "r")):
                with self.assertRaises((TypeError, ValueError, OSError)):
                    zstd.ZstdFile(*wrong)
            for wrong in (b"nothing of zstd", "/nowhere/at all", 3):
                with self.assertRaises((TypeError, OSError, zstd.ZstdError)):
                    zstd.open_archive(wrong)
            gc.collect()

    def test_a_source_is_let_go(self):
        source = bytearray(PACKED)
        opened = zstd.open_archive(source)
        self.assertRaises(BufferError, source.append, 0)
        opened.close()
        source.append(0)
        broken = bytearray(b"nothing of zstd")
        self.assertRaises(zstd.ZstdError, zstd.open_archive, broken)
        broken.append(0)


class Shared(unittest.TestCase):
    def closed_while_used(self, thing, use, close, allowed):
        """Four threads use it, and this one closes it meanwhile."""
        together, wrong = threading.Barrier(5), []

        def work():
            together.wait(60)
            try:
                for _ in range(30):
                    use(thing)
            except allowed:
                pass
            except BaseException as error:
                wrong.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        together.wait(60)
        close(thing)
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_archive(self):
        for _ in range(support.ROUNDS):
            opened = zstd.open_archive(PACKED)
            self.closed_while_used(opened, lambda a: a.read_at(7777, bytearray(1 << 19)), zstd.Archive.close, ValueError)
            self.assertRaises(ValueError, opened.read_at, 0, bytearray(1))

    def test_writer(self):
        for _ in range(support.ROUNDS):
            sink, written = Sink(), fastpar.AtomicInt()
            file = zstd.ZstdFile(sink, "w")
            self.closed_while_used(file, lambda f: written.add(f.write(DATA[:70_000])), zstd.ZstdFile.close, ValueError)
            if written.load():
                self.assertEqual(len(zstd.decompress(sink.content)), written.load())

    def test_a_writer_that_is_closed_before_its_first_write(self):
        """What `write` has taken is in the file, whenever another thread closes it."""
        for _ in range(support.ROUNDS):
            sink, written, together = Sink(), [], threading.Barrier(2)
            file = zstd.ZstdFile(sink, "w")

            def work():
                together.wait(60)
                with contextlib.suppress(ValueError):
                    written.append(file.write(DATA[:100]))

            thread = threading.Thread(target=work)
            thread.start()
            together.wait(60)
            file.close()
            thread.join()
            if written:
                self.assertEqual(zstd.decompress(sink.content), DATA[:100])

    def test_writers_take_turns(self):
        """The library's, and that of the standard module: whole writes in any order, all of them counted and flushed."""
        line, count = b"%015d\n" % 7, 500
        for options in ({}, {zstd.CompressionParameter.hash_log: 12}):
            sink, together, wrong = Sink(), threading.Barrier(8), []
            file = zstd.ZstdFile(sink, "w", options=options)

            def work():
                together.wait(60)
                try:
                    for number in range(count):
                        file.write(line)
                        if number % 100 == 50:
                            file.flush(zstd.ZstdFile.FLUSH_BLOCK)
                except BaseException as error:
                    wrong.append(error)

            threads = [threading.Thread(target=work) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(wrong, [])
            self.assertEqual(file.tell(), 8 * count * len(line))
            file.flush()
            with zstd.ZstdFile(io.BytesIO(sink.content)) as back:
                self.assertEqual(back.read(8 * count * len(line)), 8 * count * line)
            file.close()
            self.assertEqual(zstd.decompress(sink.content), 8 * count * line)

    def test_reader(self):
        for _ in range(support.ROUNDS):
            file = zstd.ZstdFile(io.BytesIO(PACKED))
            self.closed_while_used(file, lambda f: f.read(50_000), zstd.ZstdFile.close, ValueError)

    def test_queue(self):
        for _ in range(support.ROUNDS):
            self.closed_while_used(
                fastpar.Queue(2), lambda q: (q.push(1), q.pop()), fastpar.Queue.close, fastpar.ClosedError
            )

    def test_a_file_object_that_uses_its_own_stream(self):
        class Selfish(Sink):
            def write(self, data):
                file.write(b"more")

        file = zstd.ZstdFile(Selfish(), "w")
        with self.assertRaises(fastpar.BusyError):
            file.write(DATA)
            file.flush()
        with self.assertRaises(fastpar.Error):
            file.close()

    def test_a_member_that_outlives_its_team(self):
        kept, others = [], []

        def body(member):
            kept.append(member)
            if member.index == 0:

                def work():
                    try:
                        member.barrier()
                    except RuntimeError as error:
                        others.append(error)

                thread = threading.Thread(target=work)
                thread.start()
                thread.join()

        fastpar.team(body, 2)
        self.assertEqual(len(others), 1)
        for member in kept:
            self.assertRaises(RuntimeError, member.barrier)


class Copies(unittest.TestCase):
    def test_none(self):
        members = []
        fastpar.team(members.append, 1)
        with zstd.ZstdFile(io.BytesIO(), "w") as file, zstd.open_archive(PACKED) as opened:
            for thing in (
                fastpar.AtomicInt(),
                fastpar.CancelFlag(),
                fastpar.Queue(1),
                fastpar.for_start(1, print.__class__),
                members[0],
                file,
                opened,
            ):
                for what in (pickle.dumps, copy.copy, copy.deepcopy):
                    with self.subTest(thing=type(thing), what=what.__name__):
                        with self.assertRaisesRegex(TypeError, f"cannot pickle or copy '{type(thing).__name__}'"):
                            what(thing)
