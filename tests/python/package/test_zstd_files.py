"""Files of fastpar.zstd against those of compression.zstd."""

import contextlib
import io
import os
import random
import struct
import sys
import tempfile
import unittest
from compression import zstd as standard
from compression.zstd import CompressionParameter

import fastpar
import support
from fastpar import zstd

DATA = random.Random(2).randbytes(1 << 12) * 1500


def with_table(parts):
    """Frames without checksums, and a table that tells them, as zstd's own seekable writer makes them."""
    frames, entries = b"", b""
    for part in parts:
        frame = standard.compress(part)
        summed = standard.compress(part, options={CompressionParameter.checksum_flag: 1})
        entries += struct.pack("<II", len(frame), len(part)) + summed[-4:]
        frames += frame
    rest = entries + struct.pack("<IB", len(parts), 0x80) + b"\xb1\xea\x92\x8f"
    return frames + b"\x5e\x2a\x4d\x18" + struct.pack("<I", len(rest)) + rest


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "dätä.zst")

    def test_both_read_both(self):
        with zstd.open(self.path, "wb") as file:
            for start in range(0, len(DATA), 100_001):
                self.assertEqual(file.write(DATA[start : start + 100_001]), min(100_001, len(DATA) - start))
        with standard.open(self.path) as file:
            self.assertEqual(file.read(), DATA)
        for write in (standard.open, zstd.open):
            with write(self.path, "wb") as file:
                file.write(DATA)
            with zstd.open(self.path) as file:
                self.assertEqual(file.read(), DATA)
                self.assertEqual(file.read(), b"")

    def test_checksums_of_a_table(self):
        parts = [random.Random(seed).randbytes(50_000) for seed in range(3)]
        good = with_table(parts)
        damaged = bytearray(good)
        damaged[70_000] ^= 1

        class Plain:
            def __init__(self, data):
                self.read = io.BytesIO(data).read

        with zstd.open(io.BytesIO(good)) as file:
            self.assertEqual(file.read(), b"".join(parts))
        with open(self.path, "wb") as file:
            file.write(damaged)
        for source in (self.path, io.BytesIO(damaged)):
            with zstd.open(source) as file, self.assertRaises(zstd.DataError) as caught:
                file.read()
            self.assertIn("seek table", str(caught.exception))
        self.assertRaises(zstd.DataError, zstd.decompress_file, self.path, self.path + ".back")
        # What is not an ordinary file is not looked at.
        with zstd.open(Plain(damaged)) as file:
            self.assertEqual(len(file.read()), 150_000)
        with zstd.open(Plain(damaged), check_table=True) as file:
            self.assertRaises(zstd.DataError, file.read)

    def test_reading(self):
        with zstd.ZstdFile(self.path, "w") as file:
            file.write(DATA)
        with zstd.ZstdFile(self.path) as file:
            self.assertEqual((file.mode, file.name), ("rb", self.path))
            self.assertEqual((file.readable(), file.writable(), file.seekable()), (True, False, True))
            self.assertEqual(file.read(10), DATA[:10])
            self.assertEqual(file.peek(1)[:1], DATA[10:11])
            self.assertEqual(file.tell(), 10)
            self.assertEqual(file.seek(5_000_000), 5_000_000)
            self.assertEqual(file.read(10), DATA[5_000_000:5_000_010])
            self.assertEqual(file.seek(-10, os.SEEK_END), len(DATA) - 10)
            self.assertEqual(file.read(), DATA[-10:])
            self.assertEqual(file.seek(3), 3)
            buffer = bytearray(100)
            self.assertEqual(file.readinto(buffer), 100)
            self.assertEqual(buffer, DATA[3:103])
            self.assertRaises(io.UnsupportedOperation, file.write, b"")
        self.assertTrue(file.closed)
        self.assertRaises(ValueError, file.read)

    def test_lines_and_text(self):
        lines = [f"Zeile {i} ä\n" for i in range(10000)]
        with zstd.open(self.path, "wt", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
        with zstd.open(self.path, "rt", encoding="utf-8", newline="\n") as file:
            self.assertEqual(list(file), lines)
        with zstd.open(self.path) as file:
            self.assertEqual([line.decode() for line in file], lines)

    def test_append_and_exclusive(self):
        for part in (b"one", b"two"):
            with zstd.open(self.path, "ab") as file:
                file.write(part)
        self.assertEqual(standard.open(self.path).read(), b"onetwo")
        self.assertRaises(FileExistsError, zstd.open, self.path, "xb")

    def test_file_objects(self):
        out = io.BytesIO()
        with zstd.ZstdFile(out, "wb") as file:
            file.write(b"part")
            file.flush()
            self.assertEqual(zstd.decompress(out.getvalue()), b"part")
            file.write(b" and part")
        self.assertFalse(out.closed)
        self.assertEqual(standard.decompress(out.getvalue()), b"part and part")
        out.seek(0)
        with zstd.ZstdFile(out) as file:
            self.assertEqual(file.read(), b"part and part")

    def test_file_objects_that_fail(self):
        class Full(io.RawIOBase):
            def write(self, data):
                raise OSError(28, "no room")

            def read(self, size=-1):
                raise LookupError("gone")

        with self.assertRaises(OSError) as caught:
            with zstd.ZstdFile(Full(), "wb") as file:
                file.write(DATA)
        self.assertEqual(caught.exception.errno, 28)
        with self.assertRaises(LookupError):
            zstd.ZstdFile(Full()).read()

    def test_what_the_standard_module_does(self):
        options = {CompressionParameter.strategy: 3}
        with zstd.open(self.path, "wb", options=options) as file:
            file.write(DATA)
        with zstd.open(self.path) as file:
            self.assertEqual(file.read(), DATA)

    def test_cut_off_and_empty(self):
        with zstd.open(self.path, "wb"):
            pass
        self.assertEqual(os.path.getsize(self.path), 0)
        with zstd.open(self.path) as file:
            self.assertRaises(EOFError, file.read)
        packed = zstd.compress(DATA, frame_size=1 << 20)
        with zstd.open(io.BytesIO(packed[: len(packed) // 2])) as file:
            self.assertRaises(EOFError, file.read)

    @support.where(sys.platform != "win32")  # its pipes have no such mode that Wine knows
    def test_files_that_do_not_wait(self):
        data = DATA[:200_000]
        packed = zstd.compress(data, frame_size=50_000)
        for opened in (lambda end: open(end, "rb", buffering=0), lambda end: open(end, "rb")):
            incoming, outgoing = os.pipe()
            os.set_blocking(incoming, False)
            with opened(incoming) as pipe, zstd.open(pipe) as file:
                self.assertIsNone(file.read(10))
                with self.assertRaises(io.UnsupportedOperation):
                    file.seek(10)
                parts, pauses = [], 0
                for start in range(0, len(packed), 9000):
                    os.write(outgoing, packed[start : start + 9000])
                    while (part := file.read(70_000)) is not None:
                        parts.append(part)
                    self.assertIsNone(file.readinto(bytearray(10)))
                    pauses += 1
                os.close(outgoing)
                parts.append(file.read())
                self.assertEqual(b"".join(parts), data)
                self.assertEqual(file.read(), b"")

    def test_seeking_where_there_is_nothing_yet(self):
        class Late(io.RawIOBase):
            def readable(self):
                return True

            def seekable(self):
                return True

            def readinto(self, buffer):
                return None

        with zstd.ZstdFile(Late()) as file, self.assertRaises(BlockingIOError):
            file.seek(10)

    def test_pipes_give_what_is_there(self):
        incoming, outgoing = os.pipe()
        with open(incoming, "rb") as pipe, zstd.open(pipe) as file:
            for number in range(3):
                os.write(outgoing, zstd.compress(b"record %d" % number))
                self.assertEqual(file.read1(), b"record %d" % number)
            os.close(outgoing)
            self.assertEqual(file.read1(), b"")

    def test_one_large_frame(self):
        text = b"".join(b"%d\n" % number for number in range(1_500_000))
        packed = standard.compress(text, level=1)
        before = fastpar.pool_stats().helpers
        for _ in range(1000):
            with zstd.open(io.BytesIO(packed)) as file:
                self.assertTrue(file.read() == text)
            # Other threads help where there are other CPUs, sooner or later.
            if fastpar.pool_stats().helpers > before or fastpar.cpus() == 1:
                break
        else:
            self.fail("nobody helped")
        # Cut, it gives out what is whole.
        with zstd.open(io.BytesIO(packed[: len(packed) * 9 // 10])) as file:
            read = bytearray()
            with self.assertRaises(EOFError):
                while True:
                    read += file.read1()
        self.assertTrue(text.startswith(read))
        self.assertTrue(len(text) // 2 < len(read) < len(text), len(read))

    def test_wrong_arguments(self):
        self.assertRaises(ValueError, zstd.open, self.path, "rw")
        self.assertRaises(ValueError, zstd.open, self.path, "rbt")
        self.assertRaises(ValueError, zstd.open, self.path, "rb", encoding="utf-8")
        self.assertRaises(TypeError, zstd.open, self.path, "rb", level=3)
        self.assertRaises(TypeError, zstd.open, 12.5)
        self.assertRaises(TypeError, zstd.open, self.path, "wb", options=3)

    def test_whole_files(self):
        source, back = self.path + ".in", self.path + ".back"
        with open(source, "wb") as file:
            file.write(DATA)
        stats = zstd.compress_file(source, self.path, 1)
        self.assertEqual((stats.bytes_in, stats.bytes_out), (len(DATA), os.path.getsize(self.path)))
        self.assertEqual(standard.open(self.path).read(), DATA)
        self.assertEqual(zstd.decompress_file(self.path, back).bytes_out, len(DATA))
        with open(back, "rb") as file:
            self.assertEqual(file.read(), DATA)
        for source, target, missing in (
            (self.path + ".none", self.path, self.path + ".none"),
            (__file__, os.path.join(self.path + ".none", "x"), os.path.join(self.path + ".none", "x")),
        ):
            for call in (zstd.compress_file, zstd.decompress_file):
                if call is zstd.decompress_file and source == __file__:
                    continue
                with self.assertRaises(FileNotFoundError) as caught:
                    call(source, target)
                self.assertEqual(caught.exception.filename, missing)
                self.assertNotIn(missing, caught.exception.strerror)
                self.assertNotIn("os error", caught.exception.strerror)
        with self.assertRaises(FileNotFoundError):
            zstd.compress_file(self.path + ".none", back)
        with self.assertRaises(standard.ZstdError):
            zstd.decompress_file(source, back)
        # C would take the name up to the NUL, of another file.
        for names in ((source + "\0.none", back), (source, back + "\0.none")):
            self.assertRaises(ValueError, zstd.compress_file, *names)
            self.assertRaises(ValueError, zstd.decompress_file, *names)
        with open(back, "rb") as file:
            self.assertEqual(file.read(), DATA)

    def test_names_in_errors(self):
        """Names that look like the end of a message, are longer than it, or no UTF-8."""
        with contextlib.chdir(os.path.dirname(self.path)):
            with open("a", "wb") as file:
                file.write(b"no zstd at all")
            for target in ("data", "b"):
                with self.assertRaises(zstd.DataError) as caught:
                    zstd.decompress_file("a", target)
                self.assertEqual(caught.exception.filename, "a")
                self.assertRegex(str(caught.exception), r": not zstd data: a \(")
            names = ["ab" * 100 + "/" + "cd" * 100]
            if sys.platform == "linux":
                names.append(os.fsdecode(b"none\xff"))
            for name in names:
                for source, target in ((name, "b"), ("a", os.path.join(name, "b"))):
                    with self.assertRaises(FileNotFoundError) as caught:
                        zstd.compress_file(source, target)
                    self.assertEqual(caught.exception.filename, name if source == name else target)
                    self.assertRegex(caught.exception.strerror, r"^(opening|creating) failed: [^:(]+$")
