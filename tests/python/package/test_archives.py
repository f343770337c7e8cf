"""`fastpar.zstd.open_archive`: any offset, frames, several threads."""

import io
import os
import random
import tempfile
import unittest
from compression import zstd as standard

import fastpar
from fastpar import zstd

DATA = random.Random(2).randbytes(1 << 12) * 1500


class Archives(unittest.TestCase):
    packed = zstd.compress(DATA, frame_size=1 << 18)

    def test_any_place(self):
        with zstd.open_archive(self.packed) as archive:
            self.assertEqual(len(archive), len(DATA))
            noise = random.Random(4)
            for _ in range(200):
                place, length = noise.randrange(len(DATA)), noise.randrange(100_000)
                self.assertEqual(archive.seek(place), place)
                self.assertEqual(archive.read(length), DATA[place : place + length])
            self.assertEqual(archive.seek(-7, os.SEEK_END), len(DATA) - 7)
            self.assertEqual(archive.read(), DATA[-7:])
            self.assertEqual(archive.read(5), b"")
            self.assertRaises(ValueError, archive.seek, -1)
            self.assertRaises(ValueError, archive.seek, 0, 9)
        self.assertRaises(ValueError, archive.read, 1)
        self.assertRaises(ValueError, archive.frames)

    def test_frames(self):
        with zstd.open_archive(self.packed) as archive:
            frames = archive.frames()
        self.assertEqual(sum(frame.content_size for frame in frames), len(DATA))
        for frame in frames:
            part = self.packed[frame.offset : frame.offset + frame.size]
            self.assertEqual(standard.decompress(part), DATA[frame.content_offset :][: frame.content_size])

    def test_files_and_threads(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "archive.zst")
            with open(path, "wb") as file:
                file.write(self.packed)
            with zstd.open_archive(path, max_memory=4 << 20) as archive:

                def body(begin, end):
                    out = bytearray(end - begin)
                    self.assertEqual(archive.read_at(begin, out), end - begin)
                    self.assertEqual(out, DATA[begin:end])

                fastpar.for_range(len(DATA), body, segments=100)
                self.assertEqual(archive.read_at(len(DATA), bytearray(5)), 0)
            with self.assertRaises(FileNotFoundError) as caught:
                zstd.open_archive(path + ".none")
            self.assertEqual(caught.exception.filename, path + ".none")
            self.assertRaises(ValueError, zstd.open_archive, path + "\0")
            self.assertRaises(standard.ZstdError, zstd.open_archive, b"this is not zstd")

    def test_as_a_file_object(self):
        with io.BufferedReader(zstd.open_archive(zstd.compress(b"one\ntwo\nthree"))) as file:
            self.assertEqual(file.readlines(), [b"one\n", b"two\n", b"three"])
