"""Loops over what is compressed: pieces, lines, reductions, transforms, shards, joined files."""

import pickle
import struct
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import fastpar
from fastpar import zstd


def content(count: int) -> bytes:
    return b"".join(struct.pack("<dqii", 1 / (number + 1), number, number % 100, 0) for number in range(count))


class Array(bytearray):
    """As the arrays of NumPy: with an `__index__` that most of them refuse."""

    def __index__(self):
        raise TypeError("only scalar arrays can be converted to an index")


class Scans(unittest.TestCase):
    def setUp(self) -> None:
        self.data = content(20_000)
        self.packed = zstd.compress(self.data, frame_size=50_001)

    def test_records_come_whole(self) -> None:
        with zstd.open_archive(self.packed) as archive:
            seen = []

            def body(view: memoryview) -> None:
                self.assertTrue(view.readonly)
                self.assertEqual(len(view) % 24, 0)
                seen.append((struct.unpack_from("<q", view, 8)[0], bytes(view)))

            archive.scan(body, record_size=24)
            self.assertEqual(b"".join(part for _, part in sorted(seen)), self.data)
            seen.clear()
            archive.scan(body, record_size=24, piece_size=240, offset=2400, size=4800, max_lanes=1)
            self.assertEqual(b"".join(part for _, part in seen), self.data[2400:7200])
            with self.assertRaises(fastpar.InvalidArgumentError):
                archive.scan(body, record_size=7)
            with self.assertRaises(TypeError):
                archive.scan(body, record_sise=24)

    def test_a_view_is_gone_afterwards(self) -> None:
        with zstd.open_archive(self.packed) as archive:
            kept = []
            archive.scan(kept.append, size=24)
            with self.assertRaises(ValueError):
                kept[0].tobytes()
            with self.assertRaises(BufferError):
                archive.scan(lambda view: kept.append(view[1:]), size=24)

    def test_reductions_are_the_same_on_any_number_of_lanes(self) -> None:
        with zstd.open_archive(self.packed) as archive:
            fold = lambda view: sum(price for price, *_ in struct.iter_unpack("<dqii", view))
            sums = {archive.reduce(fold, record_size=24, max_lanes=lanes) for lanes in (1, 2, 24)}
            self.assertEqual(len(sums), 1)
            self.assertEqual(archive.reduce(len, lambda a, b: a + b, 5), len(self.data) + 5)
            with self.assertRaises(TypeError):
                archive.reduce(len, offset=len(self.data))

    def test_lines(self) -> None:
        text = b"\n".join(b"line %d" % number for number in range(50_000))
        with zstd.open_archive(zstd.compress(text, frame_size=30_000)) as archive:
            counted = archive.reduce(lambda view: bytes(view).count(b"\n"), lines=True)
            self.assertEqual(counted, 49_999)
            parts = []
            archive.lines(lambda view: parts.append(bytes(view)), piece_size=1000)
            self.assertEqual(b"".join(sorted(parts, key=lambda part: int(part.split()[1]))), text)

    def test_what_a_body_raises(self) -> None:
        with zstd.open_archive(self.packed) as archive:
            def body(view: memoryview) -> None:
                if struct.unpack_from("<q", view, 8)[0] > 5000:
                    raise KeyError(struct.unpack_from("<q", view, 8)[0])

            with self.assertRaises(KeyError):
                archive.scan(body, record_size=24)
            with self.assertRaises(ExceptionGroup):
                archive.scan(body, record_size=24, errors="group")
            flag = fastpar.CancelFlag()
            flag.cancel()
            with self.assertRaises(fastpar.CancelledError):
                archive.scan(len, cancel=flag)

    def test_bytes_at_an_offset(self) -> None:
        with zstd.open_archive(self.packed) as archive:
            self.assertEqual(archive.read_at(100, 50), self.data[100:150])
            array = Array(bytes(50))
            self.assertEqual((archive.read_at(100, array), array), (50, self.data[100:150]))
            self.assertEqual(archive.read_at(len(self.data) - 3, 50), self.data[-3:])

    def test_a_source_that_is_a_function(self) -> None:
        def read(offset: int, view: memoryview) -> None:
            view[:] = self.packed[offset : offset + len(view)]

        with zstd.open_source(read, len(self.packed)) as archive:
            self.assertEqual(archive.reduce(len), len(self.data))

    def test_files(self) -> None:
        with TemporaryDirectory() as folder:
            source, target = Path(folder, "all.zst"), Path(folder, "some.zst")
            source.write_bytes(self.packed)
            with zstd.open_archive(source) as archive:
                def body(view: memoryview) -> bytes:
                    return b"".join(view[at : at + 24] for at in range(0, len(view), 24) if view[at + 16] == 7)

                stats = zstd.transform_file(archive, target, body, record_size=24)
                self.assertEqual(stats.bytes_out, target.stat().st_size)
                expected = b"".join(self.data[at : at + 24] for at in range(7 * 24, len(self.data), 2400))
                self.assertEqual(zstd.decompress(target.read_bytes()), expected)
                with self.assertRaises(ZeroDivisionError):
                    zstd.transform_file(archive, target, lambda view: 1 // 0)
                self.assertEqual(zstd.decompress(target.read_bytes()), expected)
            made = zstd.shards([source, target], record_size=24, size=100_000)
            self.assertEqual(pickle.loads(pickle.dumps(made)), made)
            joined = b""
            for shard in made:
                with zstd.open_archive(shard.path) as archive:
                    joined += archive.reduce(bytes, record_size=24, offset=shard.offset, size=shard.size)
            self.assertEqual(joined, self.data + expected)
            zstd.concat_files([source, target], Path(folder, "joined.zst"))
            self.assertEqual(zstd.decompress(Path(folder, "joined.zst").read_bytes()), joined)
            zstd.concat_files([source, target], source)
            self.assertEqual(zstd.decompress(source.read_bytes()), joined)
            with self.assertRaises(FileNotFoundError):
                zstd.concat_files([Path(folder, "none")], target)

