"""fastpar.zstd against compression.zstd."""

import array
import io
import mmap
import random
import threading
import unittest
from compression import zstd as standard
from compression.zstd import CompressionParameter, DecompressionParameter

import fastpar
from fastpar import zstd


def inputs():
    noise = random.Random(1)
    yield b""
    yield b"x"
    yield b"fastpar " * 1000
    yield bytes(1 << 20)
    yield noise.randbytes(3 << 20)
    yield noise.randbytes(1 << 12) * 1500


DATA = random.Random(2).randbytes(1 << 12) * 1500

DICT = standard.train_dict([b"trade %d price %d quantity %d" % (i, i * 7, i % 13) for i in range(5000)], 4000)


class Memory(unittest.TestCase):
    def test_both_read_both(self):
        for data in inputs():
            for packed in (zstd.compress(data), zstd.compress(data, frame_size=1 << 16), zstd.compress(data, single_frame=True)):
                self.assertEqual(standard.decompress(packed), data)
                self.assertEqual(zstd.decompress(packed), data)
                self.assertEqual(zstd.decompressed_size(packed), len(data))
                self.assertLessEqual(len(packed), zstd.compress_bound(len(data), frame_size=1 << 16))
            self.assertEqual(zstd.decompress(standard.compress(data)), data)

    def test_one_frame_in_sections(self):
        data = random.Random(3).randbytes(3 << 20) * 3
        packed = zstd.compress(data, 1, single_frame=True)
        decompressor = standard.ZstdDecompressor()
        self.assertEqual(decompressor.decompress(packed), data)
        self.assertTrue(decompressor.eof)
        self.assertEqual(decompressor.unused_data, b"")
        self.assertEqual(zstd.compress(data, 1, single_frame=True, max_lanes=1), packed)
        stream = io.BytesIO()
        with zstd.open(stream, "wb", level=1, single_frame=True) as file:
            for start in range(0, len(data), 1_000_000):
                file.write(data[start : start + 1_000_000])
        decompressor = standard.ZstdDecompressor()
        self.assertEqual(decompressor.decompress(stream.getvalue()), data)
        self.assertTrue(decompressor.eof)

    def test_what_has_to_end_with_a_table(self):
        data = DATA[:10_000]
        for packed in (zstd.compress(data, complete=True), zstd.compress(data, single_frame=True, complete=True)):
            self.assertEqual(zstd.decompress(packed, complete=True), data)
            self.assertEqual(standard.decompress(packed), data)
        without = zstd.compress(data)
        with self.assertRaises(standard.ZstdError):
            zstd.decompress(without, complete=True)
        with zstd.open(io.BytesIO(without), complete=True) as file, self.assertRaises(EOFError):
            file.read()

    def test_surface(self):
        for name in standard.__all__:
            self.assertTrue(hasattr(zstd, name), name)
        self.assertIs(zstd.ZstdError, standard.ZstdError)
        self.assertIs(zstd.ZstdDict, standard.ZstdDict)

    def test_levels_and_options(self):
        for arguments in (
            {"level": 1},
            {"level": 12},
            {"level": -5},
            {"options": {CompressionParameter.compression_level: 5, CompressionParameter.checksum_flag: 0}},
            {"options": {CompressionParameter.window_log: 20}},
            {"options": {CompressionParameter.strategy: standard.Strategy.lazy, CompressionParameter.nb_workers: 2}},
            {"options": {CompressionParameter.content_size_flag: 0}},
            {"options": {CompressionParameter.enable_long_distance_matching: 1}},
            {"options": {CompressionParameter.enable_long_distance_matching: 1, CompressionParameter.window_log: 20}},
            {"options": {CompressionParameter.nb_workers: 2, CompressionParameter.job_size: 1 << 20}},
            {"options": {CompressionParameter.hash_log: 12}},
            {"options": {CompressionParameter.hash_log: 0}},
        ):
            with self.subTest(**arguments):
                self.assertEqual(standard.decompress(zstd.compress(DATA, **arguments)), DATA)
        self.assertLess(len(zstd.compress(DATA, 19)), len(zstd.compress(DATA, -50)))
        checked, unchecked = zstd.compress(b"a" * 99), zstd.compress(b"a" * 99, options={CompressionParameter.checksum_flag: 0})
        self.assertEqual(len(checked) - len(unchecked), 4)

    def test_refuses_the_same(self):
        for arguments in (
            {"level": 100},
            {"level": "3"},
            {"options": 3},
            {"options": {1: 2}},
            {"options": {CompressionParameter.window_log: 99}},
            {"level": 3, "options": {CompressionParameter.window_log: 20}},
            {"zstd_dict": b"no dictionary"},
        ):
            with self.subTest(**arguments):
                with self.assertRaises(Exception) as expected:
                    standard.compress(b"data", **arguments)
                with self.assertRaises(type(expected.exception)):
                    zstd.compress(b"data", **arguments)
        self.assertRaises(TypeError, zstd.compress, "text")
        self.assertRaises(TypeError, zstd.compress, b"", nonsense=1)
        self.assertRaises(ValueError, zstd.compress, b"", frame_size=-1)

    def test_dictionaries(self):
        data = b"trade 77 price 539 quantity 12"
        packed = zstd.compress(data, zstd_dict=DICT)
        self.assertLess(len(packed), len(zstd.compress(data)))
        self.assertEqual(standard.decompress(packed, DICT), data)
        self.assertEqual(zstd.decompress(standard.compress(data, zstd_dict=DICT), DICT), data)
        for way in (DICT.as_digested_dict, DICT.as_undigested_dict, DICT.as_prefix):
            packed = zstd.compress(data, zstd_dict=way)
            self.assertEqual(standard.decompress(packed, way), data)
            self.assertEqual(zstd.decompress(packed, way), data)
        raw = standard.ZstdDict(b"some raw content " * 10, is_raw=True)
        self.assertEqual(standard.decompress(zstd.compress(data, zstd_dict=raw), raw), data)
        with self.assertRaises(standard.ZstdError):
            zstd.decompress(zstd.compress(data, zstd_dict=DICT))

    def test_several_dictionaries(self):
        other = standard.train_dict([b"order %d of %d items at %d" % (i, i % 7, i * 13) for i in range(5000)], 2000)
        items = [b"trade 77 price 539 quantity 12", b"order 5 of 5 items at 65"]
        packed = zstd.compress(items[0], zstd_dict=DICT) + zstd.compress(items[1], zstd_dict=other)
        for arguments in ({"dicts": [other, DICT, other]}, {"zstd_dict": DICT, "dicts": iter([other])}):
            self.assertEqual(zstd.decompress(packed, **arguments), b"".join(items))
        with self.assertRaises(zstd.DataError) as caught:
            zstd.decompress(packed, dicts=[DICT])
        self.assertEqual(caught.exception.code & 0xFFFFFFFF, other.dict_id)
        self.assertRaises(TypeError, zstd.decompress, packed, dicts=[b"no dictionary"])

    def test_frames_that_the_content_cuts(self):
        data = random.Random(1).randbytes(1_000_000)
        before = zstd.compress(data, rsyncable=True, frame_size=50_000)
        self.assertEqual(standard.decompress(before), data)
        after = zstd.compress(b"more" + data, rsyncable=True, frame_size=50_000)
        frames = [set(packed.split(b"\x28\xb5\x2f\xfd")) for packed in (before, after)]
        self.assertGreater(len(frames[0] & frames[1]), len(frames[0]) - 5)
        self.assertRaises(ValueError, zstd.compress, data, rsyncable=True, single_frame=True)

    def test_prefixes(self):
        old = bytes(DATA)
        new = old[: len(old) // 2] + b"something new" + old[len(old) // 2 :]
        packed = zstd.compress(new, prefix=bytearray(old))
        self.assertLess(len(packed), 1000 + len(new) // 1000)
        self.assertEqual(zstd.decompress(packed, prefix=old), new)
        as_prefix = standard.ZstdDict(old, is_raw=True).as_prefix
        self.assertEqual(standard.decompress(packed, as_prefix), new)
        self.assertEqual(zstd.decompress(standard.compress(new, zstd_dict=as_prefix), as_prefix), new)
        with io.BytesIO() as file:
            with zstd.open(file, "wb", prefix=old) as writer:
                writer.write(new)
            self.assertLess(len(file.getvalue()), 1000 + len(new) // 1000)
            file.seek(0)
            with zstd.open(file, prefix=memoryview(old)) as reader:
                self.assertEqual(reader.read(), new)
        self.assertRaises(TypeError, zstd.compress, new, prefix="text")
        with self.assertRaises(ValueError):
            zstd.compress(new, prefix=old, zstd_dict=DICT)

    def test_bad_data(self):
        packed = zstd.compress(DATA)
        damaged = bytearray(packed)
        damaged[len(packed) // 2] ^= 0xFF
        for bad in (b"", b"\x28", b"this is not zstd", packed[:-1000], packed[: len(packed) // 2], packed + b"more", damaged):
            with self.assertRaises(standard.ZstdError) as caught:
                zstd.decompress(bad)
            self.assertTrue(str(caught.exception))
        with self.assertRaises(zstd.DataError) as caught:
            zstd.decompress(packed[: len(packed) // 2])
        self.assertEqual(fastpar.status_name(caught.exception.status), "FASTPAR_ERR_TRUNCATED")
        self.assertIsInstance(caught.exception, fastpar.Error)

    def test_a_few_kilobytes(self):
        noise = random.Random(3).randbytes(70_000)
        plain = {CompressionParameter.checksum_flag: 0}
        for length in (0, 1, 1000, 1 << 16, (1 << 16) + 1):
            data = noise[:length]
            for level in (None, 0, 1, 19, -3):
                with self.subTest(length=length, level=level):
                    packed = zstd.compress(data, level)
                    options = plain | {CompressionParameter.compression_level: level or 3}
                    self.assertEqual(len(packed) - len(zstd.compress(data, options=options)), 4, "it has a checksum")
                    self.assertEqual(zstd.decompressed_size(packed), length)
                    for whole in (packed, bytearray(packed), memoryview(packed)):
                        self.assertEqual(zstd.decompress(whole), data)
                    self.assertEqual(zstd.decompress(packed + packed), data + data)
                    for bad in (packed[:-1], packed + b"more", packed[:-1] + bytes([packed[-1] ^ 1])):
                        self.assertRaises(zstd.DataError, zstd.decompress, bad)

    def test_what_a_frame_tells(self):
        packed = zstd.compress(DATA[:5000])
        info = zstd.frame_read(packed)
        self.assertEqual((info.size, info.compressed_size, info.dict_id), (5000, len(packed), 0))
        self.assertTrue(info.checksum and not info.skippable and info.window >= 1024)
        skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc"
        self.assertEqual(zstd.frame_read(skippable + packed), zstd.ZstdInfo(0, 11, 0, 0, False, True))
        self.assertIsNone(zstd.frame_read(b"\x28\xb5\x2f\xfd\x02\x00\x34\x12\x01\x00\x00").size)
        for bad in (b"", packed[:9], packed[:-1], b"not zstd"):
            self.assertRaises(zstd.DataError, zstd.frame_read, bad)

    def test_sizes_that_are_not_told(self):
        out = io.BytesIO()
        with standard.ZstdFile(out, "wb") as file:
            file.write(DATA)
        self.assertIsNone(zstd.decompressed_size(out.getvalue()))
        self.assertEqual(zstd.decompress(out.getvalue()), DATA)
        self.assertRaises(fastpar.LimitError, zstd.decompress, out.getvalue(), max_output=len(DATA) - 1)
        self.assertEqual(zstd.decompress(out.getvalue(), max_output=len(DATA)), DATA)

    def test_limits(self):
        packed = zstd.compress(DATA)
        self.assertRaises(fastpar.LimitError, zstd.decompress, packed, max_output=len(DATA) - 1)
        self.assertEqual(zstd.decompress(packed, max_output=len(DATA)), DATA)
        flag = fastpar.CancelFlag()
        flag.cancel()
        self.assertRaises(fastpar.CancelledError, zstd.compress, DATA, cancel=flag)
        options = {DecompressionParameter.window_log_max: 10}
        single = standard.compress(DATA, options={CompressionParameter.content_size_flag: 0})
        self.assertRaises((fastpar.LimitError, standard.ZstdError), zstd.decompress, single, None, options)

    def test_every_kind_of_buffer(self):
        data = DATA[: 1 << 16]
        with mmap.mmap(-1, len(data)) as memory:
            memory[:] = data
            for buffer in (data, bytearray(data), memoryview(data), memory, array.array("Q", data)):
                packed = zstd.compress(buffer)
                self.assertEqual(zstd.decompress(bytearray(packed)), data)
                self.assertEqual(zstd.decompress(memoryview(packed)), data)
        for target in (bytearray(len(data)), array.array("Q", bytes(len(data))), mmap.mmap(-1, len(data))):
            self.assertEqual(zstd.decompress_into(packed, target), len(data))
            self.assertEqual(bytes(memoryview(target).cast("B")), data)
        with self.assertRaises(BufferError):
            zstd.decompress_into(packed, bytes(10))
        with self.assertRaises(BufferError):
            zstd.compress(memoryview(data)[::2])

    def test_into(self):
        for length in (-1, 2**64 + 1):
            self.assertRaises(ValueError, zstd.compress_bound, length)
        out = bytearray(zstd.compress_bound(len(DATA)))
        written = zstd.compress_into(DATA, out)
        self.assertEqual(out[:written], zstd.compress(DATA))
        back = bytearray(len(DATA) + 5)
        self.assertEqual(zstd.decompress_into(memoryview(out)[:written], back), len(DATA))
        self.assertEqual(back[: len(DATA)], DATA)
        with self.assertRaises(fastpar.BufferTooSmallError) as caught:
            zstd.decompress_into(out[:written], bytearray(10))
        self.assertEqual(caught.exception.needed, len(DATA))
        with self.assertRaises(fastpar.BufferTooSmallError):
            zstd.compress_into(random.Random(3).randbytes(1000), bytearray(10))

    def test_a_buffer_in_use_cannot_be_resized(self):
        data = bytearray(DATA)
        packed = zstd.compress(data)
        data += b"free again"
        self.assertEqual(zstd.decompress(packed), DATA)

    def test_from_many_threads(self):
        results = fastpar.map(lambda data: zstd.decompress(zstd.compress(data)), [DATA[i:] for i in range(48)], segments=48)
        self.assertEqual([len(result) for result in results], [len(DATA) - i for i in range(48)])


class Batches(unittest.TestCase):
    items = [random.Random(i).randbytes(10) * i for i in range(300)]

    def test_both_read_both(self):
        packed = zstd.compress_batch(self.items, 5)
        self.assertEqual([standard.decompress(item) for item in packed], self.items)
        self.assertEqual(zstd.decompress_batch(packed), self.items)
        self.assertEqual(zstd.decompress_batch([]), [])

    def test_dictionary(self):
        items = [b"trade %d price %d quantity %d" % (i, i, i) for i in range(100)]
        packed = zstd.compress_batch(items, zstd_dict=DICT)
        self.assertEqual(zstd.decompress_batch(packed, DICT), items)

    def test_bad_items(self):
        packed = zstd.compress_batch(self.items)
        packed[7] = packed[7][:-1] + bytes([packed[7][-1] ^ 1])
        packed[9] = b"nothing of zstd"
        with self.assertRaises(ExceptionGroup) as caught:
            zstd.decompress_batch(packed, errors="group")
        self.assertEqual([error.position for error in caught.exception.exceptions], [7, 9])
        with self.assertRaises(zstd.ZstdError) as caught:
            zstd.decompress_batch(packed)
        self.assertEqual(caught.exception.position, 7)
        self.assertRaises(ValueError, zstd.compress_batch, [b"a"], errors="all")


class Interrupted(unittest.TestCase):
    def test_cancelled_from_another_thread(self):
        flag = fastpar.CancelFlag()
        timer = threading.Timer(0.05, flag.cancel)
        timer.start()
        with self.assertRaises(fastpar.CancelledError):
            while True:
                zstd.compress(DATA, 9, cancel=flag)
        timer.join()
