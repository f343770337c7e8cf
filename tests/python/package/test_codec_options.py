"""Options of `fastpar.zstd` that the standard module does not have."""

import errno
import io
import os
import tempfile
import threading
import unittest

import support
import fastpar
from fastpar import zstd

DATA = os.urandom(1 << 20) * 6


class InAFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.source = self.path("source")
        with open(self.source, "wb") as file:
            file.write(DATA)

    def path(self, name):
        return os.path.join(self.folder, name)


class Progress(InAFolder):
    def calls(self):
        """Each call that tells how far it is, as a function that takes options."""
        packed = zstd.compress(DATA, frame_size=1 << 18)
        packed_file = self.path("packed")
        with open(packed_file, "wb") as file:
            file.write(packed)

        def write(**options):
            with zstd.open(self.path("stream"), "wb", frame_size=1 << 18, **options) as file:
                file.write(DATA)

        def read(**options):
            with zstd.open(packed_file, **options) as file:
                file.read()

        yield lambda **options: zstd.compress(DATA, **options)
        yield lambda **options: zstd.compress_into(DATA, bytearray(len(DATA) * 2), **options)
        yield lambda **options: zstd.compress_batch([DATA[:1000]] * 10, **options) and None
        yield lambda **options: zstd.decompress(packed, **options)
        yield lambda **options: zstd.compress_file(self.source, self.path("a"), **options)
        yield lambda **options: zstd.decompress_file(packed_file, self.path("b"), **options)
        yield lambda **options: zstd.concat_files([packed_file] * 2, self.path("c"), **options)
        yield write
        yield read

    def test_each_call_tells(self):
        for number, call in enumerate(self.calls()):
            with self.subTest(number):
                told, inside = [], threading.Lock()

                def progress(done, total):
                    self.assertTrue(inside.acquire(blocking=False))
                    told.append((done, total))
                    inside.release()

                call(progress=progress)
                self.assertTrue(told)
                self.assertEqual(told, sorted(told, key=lambda report: report[0]))
                done, total = told[-1]
                self.assertIn(total, (done, None))

    def test_what_it_raises_ends_the_call(self):
        for number, call in enumerate(self.calls()):
            for error in (LookupError(), KeyboardInterrupt()):
                with self.subTest(number, error=error):

                    def progress(done, total):
                        raise error

                    with self.assertRaises(type(error)) as caught:
                        call(progress=progress)
                    self.assertIs(caught.exception, error)

    def test_what_has_ended_a_stream_is_raised_again(self):
        """When it is closed, too: not what follows from it."""
        error = KeyboardInterrupt()

        def progress(done, total):
            raise error

        file = zstd.open(io.BytesIO(), "wb", frame_size=1 << 18, progress=progress)

        def write_until_it_is_told():
            # Reports come some time apart.
            while True:
                file.write(DATA)
                file.flush()

        for use in (write_until_it_is_told, lambda: file.write(DATA), file.close):
            with self.assertRaises(KeyboardInterrupt) as caught:
                use()
            self.assertIs(caught.exception, error)
        file.close()

    def test_a_call_that_is_not_heard_is_not_told(self):
        self.assertEqual(zstd.decompress(zstd.compress(DATA, progress=None)), DATA)


class Files(InAFolder):
    def test_parts_of_a_source_join_to_the_whole(self):
        whole, parts = self.path("whole"), []
        zstd.compress_file(self.source, whole, frame_size=1 << 20)
        for number, (offset, size) in enumerate(((0, 2 << 20), (2 << 20, 3 << 20), (5 << 20, 0))):
            parts.append(self.path(f"part{number}"))
            stats = zstd.compress_file(self.source, parts[-1], frame_size=1 << 20, src_offset=offset, src_size=size)
            self.assertEqual(stats.bytes_in, size or len(DATA) - offset)
        joined = self.path("joined")
        zstd.concat_files(parts, joined)
        with open(joined, "rb") as one, open(whole, "rb") as other:
            self.assertEqual(one.read(), other.read())
        for wrong in ({"src_offset": len(DATA) + 1}, {"src_offset": 1, "src_size": len(DATA)}, {"src_size": -1}):
            self.assertRaises(ValueError, zstd.compress_file, self.source, joined, **wrong)

    def test_parts_in_memory_get_a_table(self):
        whole = zstd.compress(DATA, frame_size=1 << 20)
        cut = 3 << 20
        joined = b"".join(zstd.compress(part, frame_size=1 << 20, seek_table=False) for part in (DATA[:cut], DATA[cut:]))
        sizes, contents, at = [], [], 0
        while at < len(joined):
            info = zstd.frame_read(memoryview(joined)[at:])
            sizes.append(info.compressed_size)
            contents.append(info.size)
            at += info.compressed_size
        table = zstd.seek_table_write(sizes, contents)
        self.assertEqual(joined + table, whole)
        self.assertEqual(len(zstd.seek_table_write(iter(sizes), iter(contents), range(len(sizes)))), len(table) + 4 * len(sizes))
        self.assertEqual(len(zstd.seek_table_write((), ())), 17)
        for wrong in ((sizes, contents[1:]), (sizes, contents, [1]), ([-1], [1]), ([1], [2**64]), ([1], [1], [2**32])):
            self.assertRaises((ValueError, OverflowError), zstd.seek_table_write, *wrong)
        self.assertRaises(TypeError, zstd.seek_table_write, ["1"], [1])
        self.assertRaises(fastpar.LimitError, zstd.seek_table_write, [1], [2**32])

    def test_targets(self):
        target = self.path("target")
        zstd.compress_file(self.source, target, keep=True)
        for call in (
            lambda **options: zstd.compress_file(self.source, target, **options),
            lambda **options: zstd.decompress_file(target, self.source, **options),
            lambda **options: zstd.concat_files([target], self.source, **options),
        ):
            with self.assertRaises(FileExistsError) as caught:
                call(keep=True)
            self.assertIn(caught.exception.filename, (target, self.source))
        zstd.compress_file(self.source, target, sync=True, in_place=True)
        back = self.path("back")
        zstd.decompress_file(target, back, sparse=True, sync=True)
        with open(back, "rb") as file:
            self.assertEqual(file.read(), DATA)
        with zstd.open_archive(target) as archive:
            with self.assertRaises(FileExistsError):
                zstd.transform_file(archive, back, bytes, keep=True)

    def test_systems_numbers(self):
        """Errors of files are of Python's types, with the numbers of the system."""
        target, missing = self.path("read-only"), self.path("missing")
        with open(target, "wb") as file:
            file.write(b"mine")
        os.chmod(target, 0o444)
        self.addCleanup(os.chmod, target, 0o644)
        for kind, number, code, names, call in (
            (PermissionError, errno.EACCES, 5, (self.source, target), lambda: zstd.compress_file(self.source, target)),
            (FileNotFoundError, errno.ENOENT, 2, (missing,), lambda: zstd.compress_file(missing, self.path("a"))),
        ):
            with self.assertRaises(kind) as caught:
                call()
            self.assertEqual(caught.exception.errno, number)
            self.assertEqual(getattr(caught.exception, "winerror", code), code)
            self.assertIn(caught.exception.filename, names)
        with open(target, "rb") as file:
            self.assertEqual(file.read(), b"mine")

    @support.where(hasattr(os, "SEEK_HOLE"))
    def test_holes(self):
        source, target, back = self.path("zeros"), self.path("zeros.zst"), self.path("holes")
        with open(source, "wb") as file:
            file.write(bytes(8 << 20) + b"end")
        zstd.compress_file(source, target)
        zstd.decompress_file(target, back, sparse=True)
        self.assertEqual(os.path.getsize(back), (8 << 20) + 3)
        with open(back, "rb") as file:
            self.assertEqual(file.read(), bytes(8 << 20) + b"end")

    def test_seek_tables(self):
        with_table = zstd.compress(DATA, frame_size=1 << 20)
        without = zstd.compress(DATA, frame_size=1 << 20, seek_table=False)
        self.assertTrue(with_table.startswith(without))
        self.assertLess(len(without), len(with_table))
        self.assertEqual(zstd.decompress(with_table, complete=True), DATA)
        self.assertRaises(zstd.DataError, zstd.decompress, without, complete=True)

    def test_options_of_another_type(self):
        packed = zstd.compress(b"abc")
        with zstd.open_archive(packed) as archive:
            for call in (
                lambda **wrong: zstd.compress(b"abc", **wrong),
                lambda **wrong: zstd.open(io.BytesIO(packed), **wrong),
                lambda **wrong: zstd.open_archive(packed, **wrong),
                lambda **wrong: archive.scan(self.fail, **wrong),
                lambda **wrong: fastpar.sort(bytearray(8), "q", **wrong),
            ):
                with self.assertRaisesRegex(TypeError, "^cancel must be a CancelFlag or None, not bool$"):
                    call(cancel=True)
                with self.assertRaisesRegex(TypeError, "^progress must be callable or None, not int$"):
                    call(progress=3)
        for call in (fastpar.team, fastpar.group):
            with self.assertRaisesRegex(TypeError, "^cancel must be a CancelFlag or None, not bool$"):
                call(self.fail, cancel=True)

    def test_options_of_files_are_for_files_only(self):
        for name in ("sync", "sparse", "keep", "in_place"):
            with self.assertRaisesRegex(TypeError, f"there is no option '{name}'"):
                zstd.compress(DATA, **{name: True})
        with self.assertRaisesRegex(TypeError, "did you mean 'sparse'"):
            zstd.compress_file(self.source, self.path("a"), sprase=True)
        with self.assertRaisesRegex(TypeError, "did you mean 'progress'"):
            zstd.compress(DATA, progres=print)
