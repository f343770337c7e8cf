"""What goes to other processes and machines: failures, with all that they tell, and shards; and what does not."""

import copy
import io
import os
import pickle
import unittest
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import fastpar
from fastpar import zstd


def kinds(kind: type[fastpar.Error] = fastpar.Error) -> set[type[fastpar.Error]]:
    """An exception and all those that are it."""
    return {kind}.union(*map(kinds, kind.__subclasses__()))


def told(error: BaseException) -> tuple:
    """All that an exception tells. (Python forgets the `winerror` of an OSError, which is in its text.)"""
    names = ("args", "status", "code", "position", "needed", "errno", "strerror", "filename")
    text = str(error) if isinstance(error, fastpar.Error) else None
    return type(error), text, *(getattr(error, name, None) for name in names)


def sent(error: BaseException) -> BaseException:
    """What another process gets."""
    return pickle.loads(pickle.dumps(error))


class Files(unittest.TestCase):
    """With a file of four frames, of which the third is damaged."""

    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.good, self.bad = self.folder / "good.zst", self.folder / "bad.zst"
        packed = bytearray(zstd.compress(os.urandom(4000), frame_size=1000))
        self.good.write_bytes(packed)
        with zstd.open_archive(self.good) as archive:
            self.third = archive.frames()[2]
        packed[self.third.offset + self.third.size - 1] ^= 1
        self.bad.write_bytes(packed)

    def failure(self, kind: type[BaseException], function, *arguments, **options) -> BaseException:
        """What a call raises, after it was sent: it is what it was."""
        with self.assertRaises(kind) as caught:
            function(*arguments, **options)
        error = caught.exception
        self.assertEqual(told(sent(error)), told(error))
        return sent(error)


class Errors(Files):
    def test_every_kind(self) -> None:
        self.assertGreater(len(kinds()), 10)
        for kind in kinds():
            for filename in (None, "the file"):
                with self.subTest(kind=kind, filename=filename):
                    error = kind.of(30, "what is wrong", 5, 2**40, filename)
                    back = sent(error)
                    self.assertEqual(told(back), told(error))
                    self.assertEqual((back.status, back.code, back.position, back.filename), (30, 5, 2**40, filename))
                    self.assertIn("what is wrong" + (": the file" if filename else ""), str(back))

    def test_what_else_they_have(self) -> None:
        error = self.failure(fastpar.BufferTooSmallError, zstd.decompress_into, zstd.compress(b"x" * 100), bytearray(10))
        self.assertGreaterEqual(error.needed, 100)
        group = ExceptionGroup("two", [fastpar.LimitError.of(21, "a", 0, 1), zstd.DataError.of(30, "b", 0, 2, "c")])
        self.assertEqual([told(one) for one in sent(group).exceptions], [told(one) for one in group.exceptions])

    def test_files_are_named(self) -> None:
        error = self.failure(FileNotFoundError, zstd.open_archive, self.folder / "none")
        self.assertEqual(error.filename, str(self.folder / "none"))
        with zstd.open_archive(self.bad) as archive, zstd.open_archive(self.good) as good, zstd.open(self.bad) as file:
            self.assertEqual(archive.name, str(self.bad))
            target = self.folder / "target"
            for function, arguments, options in (
                (archive.read_at, (0, 4000), {}),
                (archive.scan, (len,), {}),
                (archive.reduce, (len,), {"offset": 1500, "size": 2000}),
                (zstd.transform_file, (archive, target, bytes), {}),
                (zstd.decompress_file, (self.bad, target), {}),
                (file.read, (), {}),
            ):
                with self.subTest(function=function):
                    error = self.failure(zstd.DataError, function, *arguments, **options)
                    self.assertEqual(error.filename, str(self.bad))
                    self.assertIn(str(self.bad), str(error))
                    self.assertIsNotNone(error.position)
            self.assertFalse(target.exists())
            # The failure is the target's, not the archive's.
            error = self.failure(OSError, zstd.transform_file, good, self.folder / "no" / "target", bytes)
            self.assertEqual(error.filename, str(self.folder / "no" / "target"))

    def test_of_several_files_the_damaged_one_is_named(self) -> None:
        cut, target = self.folder / "cut.zst", self.folder / "target"
        cut.write_bytes(self.good.read_bytes()[: self.third.offset + 7])
        for sources in ((self.good, cut), (cut, self.good), (self.good, cut, self.good)):
            error = self.failure(zstd.DataError, zstd.concat_files, sources, target)
            self.assertEqual(error.filename, str(cut))
        self.assertEqual(self.failure(zstd.DataError, zstd.shards, [self.good, cut]).filename, str(cut))
        self.assertFalse(target.exists())

    def test_data_that_is_in_no_file(self) -> None:
        with zstd.open_archive(self.bad.read_bytes()) as archive:
            self.assertIsNone(archive.name)
            error = self.failure(zstd.DataError, archive.scan, len)
        self.assertIsNone(error.filename)
        error = self.failure(zstd.DataError, zstd.open(io.BytesIO(self.bad.read_bytes())).read)
        self.assertIsNone(error.filename)


class Shards(Files):
    def test_a_file_of_one_frame(self) -> None:
        whole = self.folder / "whole.zst"
        whole.write_bytes(zstd.compress(bytes(5 << 20), single_frame=True))
        with self.assertWarnsRegex(RuntimeWarning, "is 1 shard and not 10, .*rewrites it") as caught:
            made = zstd.shards([self.good, whole], size=1 << 19)
        self.assertEqual(caught.filename, __file__)
        self.assertEqual([(shard.path, shard.size) for shard in made], [(str(self.good), 4000), (str(whole), 5 << 20)])
        # The line that it tells.
        line = str(caught.warning).partition(": ")[2].rpartition(" rewrites it")[0]
        exec(line, {"zstd": zstd})
        rewritten = self.folder / "whole.frames.zst"
        with warnings.catch_warnings(action="error"):
            made = zstd.shards(rewritten, size=4 << 20)
            self.assertEqual(len(zstd.shards(whole, size=5 << 20)), 1)
        self.assertEqual(sum(shard.size for shard in made), 5 << 20)
        self.assertGreater(len(made), 1)
        self.assertEqual(zstd.decompress(rewritten.read_bytes()), bytes(5 << 20))

    def test_none_of_a_file_without_content(self) -> None:
        empty = self.folder / "empty.zst"
        empty.write_bytes(zstd.compress(b""))
        with warnings.catch_warnings(action="error"):
            self.assertEqual(zstd.shards([empty]), [])


class Refused(Files):
    def test_handles_and_what_has_them(self) -> None:
        with (
            zstd.open_archive(self.good) as archive,
            zstd.open(self.good) as file,
            fastpar.ThreadPoolExecutor(1) as executor,
        ):
            queue, job = fastpar.Queue(1), fastpar.for_start(1, bytes.__class__)
            rows = fastpar.table(bytes(48), "<qq")
            things = [archive, archive._handle, queue, queue._handle, job, executor, executor.submit(int)]
            things += [file, rows, fastpar.pipeline([1], int)]
            things += [archive.read_at, rows["f0"], rows.group_by("f0")]  # by what they belong to
            fastpar.group(lambda group: things.append(group))
            fastpar.team(things.append, 1)
            for thing in things:
                with self.subTest(thing=type(thing)):
                    with self.assertRaisesRegex(TypeError, "cannot pickle or copy '.*' objects: their memory belongs"):
                        pickle.dumps(thing)
            for thing in (archive._handle, rows):
                with self.subTest(copied=type(thing)), self.assertRaisesRegex(TypeError, "cannot pickle or copy"):
                    copy.copy(thing)
            things.clear()  # Windows removes no file that is open
            with self.assertRaisesRegex(TypeError, r"list\(table\)"):
                pickle.dumps(rows)
            self.assertEqual(pickle.loads(pickle.dumps(list(rows))), [(0, 0)] * 3)
