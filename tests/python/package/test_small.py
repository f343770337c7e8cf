"""fastpar.zstd with small buffers, which go a way of their own."""

import concurrent.futures
import random
import unittest
from compression import zstd as standard
from unittest import mock

import fastpar
from fastpar import _native as n
from fastpar import zstd
from fastpar.zstd import _small

NOISE = random.Random(3)
TEXT = b"".join(b"trade %d price %d quantity %d\n" % (i, NOISE.randrange(9999), i % 13) for i in range(10_000))


class Small(unittest.TestCase):
    def test_sizes(self):
        limit = _small.LIMIT
        for size in (0, 1, 13, 1000, limit - 1, limit, limit + 1, 2 * limit):
            for data in (TEXT[:size], NOISE.randbytes(size), bytes(size)):
                with self.subTest(size=size):
                    packed = zstd.compress(data)
                    self.assertEqual(standard.decompress(packed), data)
                    self.assertEqual(zstd.decompress(packed), data)
                    self.assertEqual(zstd.decompress(standard.compress(data)), data)
                    self.assertEqual(zstd.compress(bytearray(data)), packed)

    def test_the_way_is_taken(self):
        with mock.patch.object(zstd._codec, "Settings", side_effect=AssertionError("the long way")):
            packed = zstd.compress(TEXT[:1000])
            self.assertEqual(zstd.decompress(packed), TEXT[:1000])
            self.assertEqual(zstd.compress_into(TEXT[:1000], bytearray(2000)), len(packed))
            self.assertEqual(zstd.decompress_into(packed, bytearray(2000)), 1000)

    def test_into(self):
        for size in (1, 1000, _small.LIMIT):
            data, room = TEXT[:size], zstd.compress_bound(size)
            packed, back = bytearray(room), bytearray(size)
            length = zstd.compress_into(data, packed)
            self.assertEqual(packed[:length], zstd.compress(data))
            self.assertEqual(zstd.decompress_into(bytes(packed[:length]), back), size)
            self.assertEqual(back, data)
            back.append(0)  # nothing holds it any more
            level = zstd.compress_into(data, packed, 19)
            self.assertEqual(packed[:level], zstd.compress(bytearray(data), 19))
            with self.assertRaises(fastpar.BufferTooSmallError) as caught:
                zstd.decompress_into(bytes(packed[:level]), bytearray(size - 1))
            self.assertEqual(caught.exception.needed, size)
        with self.assertRaises(fastpar.BufferTooSmallError) as caught:
            zstd.compress_into(TEXT[:1000], bytearray(5))
        self.assertEqual(caught.exception.needed, zstd.compress_bound(1000))
        with self.assertRaises(fastpar.BufferTooSmallError):
            zstd.compress_into(TEXT[:1000], bytearray())
        with self.assertRaises((TypeError, ValueError, BufferError)):
            zstd.compress_into(TEXT[:1000], bytes(5000))

    def test_levels(self):
        data, lowest = TEXT[:50_000], zstd.CompressionParameter.compression_level.bounds()[0]
        for level in (None, lowest, -1, 0, 1, 3, 12, 22):
            with self.subTest(level=level):
                packed = zstd.compress(data, level)
                self.assertEqual(standard.decompress(packed), data)
                self.assertEqual(zstd.compress(bytearray(data), level), packed)
        self.assertGreater(len(zstd.compress(data, -7)), len(zstd.compress(data, 19)))
        for level in (23, lowest - 1, 2**32 + 3, -(2**70), 3.5, "3"):
            with self.subTest(level=level), self.assertRaises((TypeError, ValueError)):
                zstd.compress(data, level)

    def test_more_comes_out(self):
        data = bytes(50 * _small.LIMIT)
        packed = standard.compress(data)
        self.assertLess(len(packed), 10_000)
        self.assertEqual(zstd.decompress(packed), data)
        compressor = standard.ZstdCompressor()
        unsized = compressor.compress(data) + compressor.flush()
        self.assertEqual(zstd.decompress(unsized), data)
        self.assertEqual(zstd.decompress(zstd.compress(TEXT[:100]) * 500), TEXT[:100] * 500)

    def test_damage(self):
        packed = zstd.compress(TEXT[:1000])
        kinds = {
            packed[:-1]: n.FASTPAR_ERR_TRUNCATED,
            packed[:3]: n.FASTPAR_ERR_TRUNCATED,
            packed + b"x": n.FASTPAR_ERR_NOT_ZSTD,
            b"x": n.FASTPAR_ERR_NOT_ZSTD,
            b"no zstd": n.FASTPAR_ERR_NOT_ZSTD,
            b"": n.FASTPAR_ERR_TRUNCATED,
            packed[:-1] + bytes([packed[-1] ^ 1]): n.FASTPAR_ERR_CHECKSUM,
        }
        for damaged, kind in kinds.items():
            for data in (damaged, bytearray(damaged)):
                with self.subTest(damaged=damaged[-4:], type=type(data)):
                    with self.assertRaises(zstd.ZstdError) as caught:
                        zstd.decompress(data)
                    self.assertEqual(caught.exception.status, kind)
                    if damaged:
                        with self.assertRaises(zstd.ZstdError):
                            zstd.decompress_into(data, bytearray(2000))
        self.assertEqual(zstd.decompress(packed), TEXT[:1000])

    def test_another_call_comes_in_between(self):
        """A signal's handler, or a finalizer."""
        content = _small._Place.content

        def interrupted(place):
            with mock.patch.object(_small._Place, "content", content):
                self.assertEqual(zstd.decompress(zstd.compress(b"other" * 100)), b"other" * 100)
            return content(place)

        with mock.patch.object(_small._Place, "content", interrupted):
            packed = zstd.compress(TEXT[:1000])
            self.assertEqual(zstd.decompress(packed), TEXT[:1000])

    def test_many_threads(self):
        def work(seed):
            noise = random.Random(seed)
            for _ in range(200):
                at = noise.randrange(len(TEXT) - 5000)
                data = TEXT[at : at + noise.randrange(5000)]
                self.assertEqual(zstd.decompress(zstd.compress(data)), data)

        with concurrent.futures.ThreadPoolExecutor(24) as executor:
            for done in [executor.submit(work, seed) for seed in range(24)]:
                done.result()
