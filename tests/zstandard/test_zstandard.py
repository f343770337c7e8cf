"""What fastpar writes the PyPI package `zstandard` reads, and the other way round. Needs that package and ctypes."""

import ctypes
import io
import os
import random
import tempfile
import unittest

import zstandard

library = ctypes.CDLL(os.environ["FASTPAR_LIBRARY"])
size_t = ctypes.c_size_t


class Options(ctypes.Structure):
    _fields_ = [
        ("struct_size", size_t),
        ("level", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
        ("frame_size", size_t),
        ("max_lanes", ctypes.c_uint32),
        ("window_log", ctypes.c_uint32),
        ("max_output", ctypes.c_uint64),
        ("max_memory", ctypes.c_uint64),
        ("dict", ctypes.c_void_p),
        ("cancel", ctypes.c_void_p),
        ("progress", ctypes.c_void_p),
        ("progress_data", ctypes.c_void_p),
    ]


class Item(ctypes.Structure):
    _fields_ = [
        ("src", ctypes.c_void_p),
        ("src_len", size_t),
        ("dst", ctypes.c_void_p),
        ("dst_capacity", size_t),
        ("written", size_t),
        ("status", ctypes.c_int32),
        ("code", ctypes.c_int32),
    ]


def options(**fields):
    return Options(struct_size=ctypes.sizeof(Options), **fields)


def call(name, *arguments):
    status = getattr(library, name)(*arguments, None)
    assert status == 0, f"{name}: {status}"


def compress(data, settings=None):
    settings = settings or options()
    bound, written = size_t(), size_t()
    call("fastpar_compress_bound", ctypes.byref(settings), size_t(len(data)), ctypes.byref(bound))
    place = ctypes.create_string_buffer(bound.value)
    call("fastpar_compress", ctypes.byref(settings), data, size_t(len(data)), place, bound, ctypes.byref(written))
    return place.raw[: written.value]


def decompress(data, size, settings=None):
    settings = settings or options()
    place, written = ctypes.create_string_buffer(size + 1), size_t()
    call("fastpar_decompress", ctypes.byref(settings), data, size_t(len(data)), place, size_t(size), ctypes.byref(written))
    return place.raw[: written.value]


def open_dict(content):
    handle = ctypes.c_void_p()
    call("fastpar_dict_open", content, size_t(len(content)), ctypes.c_int32(0), ctypes.byref(handle))
    return handle


def words(size, seed):
    chooser = random.Random(seed)
    text = " ".join(chooser.choices(["frame", "window", "level", "seek", "table", "lane", "0.25", "17"], k=size // 4))
    return text.encode()[:size]


def record(number):
    chooser = random.Random(number)
    return b'{"id":%d,"kind":"trade","price":%d,"venue":"%s"}' % (
        number,
        chooser.randrange(10**5),
        chooser.choice([b"XETR", b"XLON", b"XNYS"]),
    )


DATA = words(3_000_000, 1)


class Zstandard(unittest.TestCase):
    def test_reads_ours(self):
        for settings in [options(), options(frame_size=100_000), options(level=9, flags=4), options(level=-5, flags=3)]:
            packed = compress(DATA, settings)
            with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed), read_across_frames=True) as reader:
                self.assertEqual(reader.read(), DATA)

    def test_reads_one_frame_at_once(self):
        packed = compress(DATA, options(flags=4))
        self.assertEqual(zstandard.ZstdDecompressor().decompress(packed), DATA)
        self.assertEqual(zstandard.get_frame_parameters(packed).content_size, len(DATA))

    def test_is_read_by_us(self):
        for arguments in [{}, {"level": 19}, {"write_checksum": True}, {"write_content_size": False}, {"threads": 2}]:
            packed = zstandard.ZstdCompressor(**arguments).compress(DATA)
            self.assertEqual(decompress(packed, len(DATA)), DATA)
        stream = io.BytesIO()
        with zstandard.ZstdCompressor(level=3).stream_writer(stream, closefd=False) as writer:
            for start in range(0, len(DATA), 100_000):
                writer.write(DATA[start : start + 100_000])
                writer.flush(zstandard.FLUSH_FRAME if start % 300_000 == 0 else zstandard.FLUSH_BLOCK)
        self.assertEqual(decompress(stream.getvalue(), len(DATA)), DATA)

    def test_archive_over_its_file(self):
        packed = b"".join(
            zstandard.ZstdCompressor(write_content_size=start % 2 == 0).compress(DATA[start : start + 250_001])
            for start in range(0, len(DATA), 250_001)
        )
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "archive.zst")
            with open(path, "wb") as file:
                file.write(packed)
            archive, size, written = ctypes.c_void_p(), ctypes.c_uint64(), size_t()
            call("fastpar_archive_open_file", None, path.encode(), ctypes.byref(archive))
            call("fastpar_archive_size", archive, ctypes.byref(size))
            self.assertEqual(size.value, len(DATA))
            place = ctypes.create_string_buffer(700_000)
            for offset in [0, 1, 249_999, 250_001, 1_234_567, len(DATA) - 10, len(DATA)]:
                arguments = ctypes.c_uint64(offset), place, size_t(700_000), ctypes.byref(written)
                call("fastpar_archive_read", archive, *arguments)
                self.assertEqual(place.raw[: written.value], DATA[offset : offset + 700_000])
            library.fastpar_archive_free(archive)

    def test_dictionaries_both_ways(self):
        records = [record(number) for number in range(4000)]
        theirs = zstandard.train_dictionary(8192, records).as_bytes()
        sizes = (size_t * len(records))(*map(len, records))
        place, written = ctypes.create_string_buffer(8192), size_t()
        samples = b"".join(records)
        call("fastpar_dict_train", samples, sizes, size_t(len(records)), place, size_t(8192), ctypes.byref(written))
        ours = place.raw[: written.value]
        for content in [theirs, ours, words(5000, 7)]:
            handle = open_dict(content)
            dictionary = zstandard.ZstdCompressionDict(content)
            identity = ctypes.c_uint32()
            call("fastpar_dict_id", handle, ctypes.byref(identity))
            self.assertEqual(identity.value, dictionary.dict_id())
            data = record(9999)
            packed = compress(data, options(dict=handle))
            self.assertEqual(zstandard.ZstdDecompressor(dict_data=dictionary).decompress(packed), data)
            packed = zstandard.ZstdCompressor(dict_data=dictionary).compress(data)
            self.assertEqual(decompress(packed, len(data), options(dict=handle)), data)
            library.fastpar_dict_free(handle)

    def test_batches_both_ways(self):
        inputs = [record(number) * (number % 50 + 1) for number in range(500)]
        places = [ctypes.create_string_buffer(len(data) + 1000) for data in inputs]
        items = (Item * len(inputs))()
        for item, data, place in zip(items, inputs, places):
            item.src, item.src_len = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p), len(data)
            item.dst, item.dst_capacity = ctypes.cast(place, ctypes.c_void_p), len(place)
        failed = size_t(7)
        arguments = items, size_t(ctypes.sizeof(Item)), size_t(len(items)), ctypes.byref(failed)
        call("fastpar_compress_batch", None, *arguments)
        self.assertEqual(failed.value, 0)
        for item, data, place in zip(items, inputs, places):
            self.assertEqual(zstandard.ZstdDecompressor().decompress(place.raw[: item.written]), data)
        packed = [zstandard.ZstdCompressor().compress(data) for data in inputs]
        for item, data in zip(items, packed):
            item.src, item.src_len = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p), len(data)
        call("fastpar_decompress_batch", None, *arguments)
        self.assertEqual(failed.value, 0)
        for item, data, place in zip(items, inputs, places):
            self.assertEqual(place.raw[: item.written], data)


if __name__ == "__main__":
    unittest.main()
