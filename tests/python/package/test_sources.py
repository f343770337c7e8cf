"""Archives whose bytes a function of the program reads: `fastpar.zstd.open_source`."""

import gc
import os
import threading
import unittest
import weakref

import fastpar
import support
from fastpar import zstd
from fastpar.zstd import _source

DATA = os.urandom(1_000_000)
PACKED = zstd.compress(DATA, frame_size=50_000)


def read(offset, view):
    view[:] = PACKED[offset : offset + len(view)]


class Failing:
    """A source that raises what it is told to, as soon as it is told to."""

    error = None

    def read(self, offset, view):
        if self.error is not None:
            raise self.error
        read(offset, view)


class Sources(unittest.TestCase):
    def test_what_a_source_raises_is_raised_by_every_call(self):
        class Gone(ConnectionError):
            pass

        for error in (Gone("no network"), KeyboardInterrupt(), SystemExit(3)):
            source = Failing()
            source.error = error
            with self.assertRaises(type(error)) as caught:
                zstd.open_source(source.read, len(PACKED))
            self.assertIs(caught.exception, error)
            for use in (
                lambda archive: archive.read_at(500_000, 10),
                lambda archive: archive.read_at(500_000, bytearray(10)),
                lambda archive: archive.scan(len),
                lambda archive: archive.reduce(len),
                lambda archive: archive.lines(len),
                lambda archive: archive.read(),
            ):
                source.error = None
                with zstd.open_source(source.read, len(PACKED), max_memory=1 << 20) as archive:
                    source.error = error
                    with self.assertRaises(type(error)) as caught:
                        use(archive)
                    self.assertIs(caught.exception, error)
                    # The archive goes on when the source does.
                    source.error = None
                    self.assertEqual(archive.reduce(len), len(DATA))
        self.assertLessEqual(len(_source._raised), _source._MOST)

    def test_a_source_that_gives_nothing(self):
        """What it does not write is 0, and not the frame that was read before."""
        gives = True

        def source(offset, view):
            if gives:
                read(offset, view)

        archive = zstd.open_source(source, len(PACKED), max_lanes=1)
        self.assertEqual(archive.read_at(0, 10), DATA[:10])
        gives = False
        for offset in range(50_000, 1_000_000, 50_000):
            self.assertRaises(zstd.DataError, archive.read_at, offset, 10)
        gives = True
        self.assertEqual(archive.read_at(999_000, 10), DATA[999_000:999_010])

    def test_failures_of_several_threads_are_not_mixed_up(self):
        wrong = []

        def work(number):
            source = Failing()
            with zstd.open_source(source.read, len(PACKED)) as archive:
                source.error = LookupError(number)
                for _ in range(50):
                    try:
                        archive.read_at(700_000, 10)
                    except LookupError as error:
                        if error.args != (number,):
                            wrong.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_a_source_that_keeps_its_view(self):
        kept = []

        def keep(offset, view):
            read(offset, view)
            kept.append(view[:])

        self.assertRaises(BufferError, zstd.open_source, keep, len(PACKED))

    def test_an_object_that_is_its_own_archive_is_collected(self):
        class Store:
            def __init__(self):
                self.archive = zstd.open_source(self.read, len(PACKED))

            def read(self, offset, view):
                read(offset, view)

        gc.collect()
        with support.no_handle_left(self):
            for used in (False, True):
                store = Store()
                if used:
                    store.archive.read_at(70_000, 10)
                gone = weakref.ref(store)
                del store
                with support.no_unraisable(self):
                    gc.collect()
                self.assertIsNone(gone())

    def test_bytes_are_the_archives_own(self):
        with zstd.open_source(read, len(PACKED)) as archive:
            for offset, length in ((0, 0), (0, 5), (999_998, 5), (1_000_000, 5), (2**70, 5), (0, 2**40)):
                self.assertEqual(archive.read_at(offset, length), DATA[offset : offset + length])
            for offset, length in ((-1, 5), (0, -1), (0, 2**70)):
                self.assertRaises(ValueError, archive.read_at, offset, length)
            self.assertRaises(ValueError, archive.read_at, -1, bytearray(3))
            self.assertRaises(TypeError, archive.read_at, 0, "3")
            self.assertRaises(BufferError, archive.read_at, 0, b"123")
            self.assertRaises(TypeError, archive.reduce, len, None, 0, 0)
            self.assertEqual(archive.reduce(len, initial=1), len(DATA) + 1)
            with self.assertRaises(TypeError):
                archive.reduce(len, offset=len(DATA))
