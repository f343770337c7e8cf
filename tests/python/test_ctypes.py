"""The shared library through ctypes, as any Python from 3.9 on can use it without a package."""

import ctypes
import ctypes.util
import os
import random
import threading
import unittest
import zlib

LIBRARY = os.environ.get("FASTPAR_LIBRARY", "target/fastpar/lib/libfastpar.so.1")

OK, INVALID_ARGUMENT, BUFFER_TOO_SMALL, NOT_ZSTD, CALLBACK, CANCELLED = 0, 10, 12, 34, 40, 41


class Error(ctypes.Structure):
    _fields_ = [
        ("status", ctypes.c_int32),
        ("code", ctypes.c_int32),
        ("position", ctypes.c_uint64),
        ("message", ctypes.c_char * 240),
    ]


class Chunk(ctypes.Structure):
    _fields_ = [
        ("index", ctypes.c_size_t),
        ("begin", ctypes.c_size_t),
        ("end", ctypes.c_size_t),
        ("lane", ctypes.c_uint32),
        ("lanes", ctypes.c_uint32),
    ]


class LoopOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("schedule", ctypes.c_uint32),
        ("max_lanes", ctypes.c_uint32),
        ("segments", ctypes.c_size_t),
        ("grain", ctypes.c_size_t),
        ("item_size", ctypes.c_size_t),
        ("cache_bytes", ctypes.c_size_t),
        ("cancel", ctypes.POINTER(ctypes.c_int32)),
        ("progress", ctypes.c_void_p),
        ("progress_data", ctypes.c_void_p),
    ]


ChunkFunction = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.POINTER(Chunk))


def load():
    """The library, with the types of the functions that are used here."""
    lib = ctypes.CDLL(LIBRARY)
    size, pointer, status = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int32
    sizes = ctypes.POINTER(ctypes.c_size_t)
    signatures = {
        "fastpar_version_string": (ctypes.c_char_p, []),
        "fastpar_abi_version": (ctypes.c_uint32, []),
        "fastpar_zstd_version_string": (ctypes.c_char_p, []),
        "fastpar_status_name": (ctypes.c_char_p, [status]),
        "fastpar_pool_threads": (ctypes.c_uint32, []),
        "fastpar_pool_worker": (ctypes.c_int32, []),
        "fastpar_for": (status, [pointer, size, ChunkFunction, pointer, pointer]),
        "fastpar_cancel": (None, [pointer]),
        "fastpar_compress_bound": (status, [pointer, size, sizes, pointer]),
        "fastpar_compress": (status, [pointer, pointer, size, pointer, size, sizes, pointer]),
        "fastpar_decompressed_size": (status, [pointer, size, ctypes.POINTER(ctypes.c_uint64), pointer]),
        "fastpar_decompress": (status, [pointer, pointer, size, pointer, size, sizes, pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


lib = load()


def loop(body, count, options=None):
    """Runs `body(chunk)` for every chunk; its return value, None for 0, is the callback's. Returns status and error."""
    error = Error()
    function = ChunkFunction(lambda _, chunk: body(chunk.contents) or 0)
    status = lib.fastpar_for(ctypes.byref(options) if options else None, count, function, None, ctypes.byref(error))
    return status, error


def compress(data):
    bound, written, error = ctypes.c_size_t(), ctypes.c_size_t(), Error()
    status = lib.fastpar_compress_bound(None, len(data), ctypes.byref(bound), ctypes.byref(error))
    if status == OK:
        out = ctypes.create_string_buffer(bound.value)
        status = lib.fastpar_compress(
            None, data, len(data), out, len(out), ctypes.byref(written), ctypes.byref(error)
        )
    if status != OK:
        raise ValueError(error.message.decode())
    return out.raw[: written.value]


def decompress(data, capacity=None):
    size, written, error = ctypes.c_uint64(), ctypes.c_size_t(), Error()
    if capacity is None:
        status = lib.fastpar_decompressed_size(data, len(data), ctypes.byref(size), ctypes.byref(error))
        if status != OK:
            return status, error
        capacity = size.value
    out = ctypes.create_string_buffer(capacity)
    status = lib.fastpar_decompress(None, data, len(data), out, capacity, ctypes.byref(written), ctypes.byref(error))
    return (out.raw[: written.value], None) if status == OK else (status, error)


class Library(unittest.TestCase):
    def test_versions(self):
        self.assertEqual(lib.fastpar_abi_version(), 1)
        self.assertRegex(lib.fastpar_version_string().decode(), r"^\d+\.\d+\.\d+$")
        self.assertRegex(lib.fastpar_zstd_version_string().decode(), r"^1\.\d+\.\d+$")
        self.assertEqual(lib.fastpar_status_name(CANCELLED), b"FASTPAR_ERR_CANCELLED")


class Loops(unittest.TestCase):
    def test_every_item_once(self):
        for count in (0, 1, 5, 24, 25, 1000):
            seen, lock = [], threading.Lock()

            def body(chunk):
                with lock:
                    seen.extend(range(chunk.begin, chunk.end))

            self.assertEqual(loop(body, count)[0], OK)
            self.assertEqual(sorted(seen), list(range(count)))

    def test_callbacks_run_on_workers_too(self):
        workers = set()
        together = threading.Barrier(2)

        def body(chunk):
            workers.add(lib.fastpar_pool_worker())
            together.wait(60)

        options = LoopOptions(struct_size=ctypes.sizeof(LoopOptions), segments=2)
        self.assertEqual(loop(body, 2, options)[0], OK)
        self.assertEqual(len(workers), 2)
        self.assertLess(max(workers), lib.fastpar_pool_threads())

    def test_stopping(self):
        status, error = loop(lambda chunk: 7 if chunk.index == 3 else 0, 1000)
        self.assertEqual((status, error.status, error.code, error.position), (CALLBACK, CALLBACK, 7, 3))
        self.assertIn(b"7", error.message)

    def test_cancelling(self):
        flag = ctypes.c_int32()
        options = LoopOptions(struct_size=ctypes.sizeof(LoopOptions), segments=1000, cancel=ctypes.pointer(flag))
        calls = []

        def body(chunk):
            calls.append(chunk.index)
            lib.fastpar_cancel(ctypes.byref(flag))

        self.assertEqual(loop(body, 1000, options)[0], CANCELLED)
        self.assertLess(len(calls), 1000)

    def test_nested(self):
        total, lock = [0], threading.Lock()

        def inner(chunk):
            with lock:
                total[0] += chunk.end - chunk.begin

        def outer(chunk):
            return loop(inner, 100)[0]

        self.assertEqual(loop(outer, 24)[0], OK)
        self.assertEqual(total[0], 2400)

    def test_many_python_threads(self):
        results = []
        threads = [threading.Thread(target=lambda: results.append(loop(lambda c: 0, 100)[0])) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, [OK] * 16)

    def test_wrong_options(self):
        status, error = loop(lambda chunk: 0, 10, LoopOptions(struct_size=1))
        self.assertEqual(status, INVALID_ARGUMENT)
        self.assertIn(b"struct_size", error.message)


class Codec(unittest.TestCase):
    def test_round_trips(self):
        noise = random.Random(1)
        for data in (b"", b"x", b"fastpar " * 1000, bytes(1 << 20), noise.randbytes(3 << 20)):
            packed = compress(data)
            self.assertLessEqual(len(packed), len(data) + len(data) // 100 + 1000)
            self.assertEqual(decompress(packed), (data, None))

    def test_same_bytes_every_time(self):
        data = random.Random(2).randbytes(1 << 16) * 200
        self.assertEqual(len({zlib.crc32(compress(data)) for _ in range(5)}), 1)

    def test_not_zstd(self):
        self.assertEqual(decompress(b"this is not zstd at all", 100)[0], NOT_ZSTD)

    def test_damaged(self):
        packed = bytearray(compress(b"fastpar " * 10000))
        packed[len(packed) // 2] ^= 1
        status, error = decompress(bytes(packed), 80000)
        self.assertTrue(status != OK or error is None)

    def test_too_small(self):
        status, error = decompress(compress(bytes(1000)), 999)
        self.assertEqual((status, error.status), (BUFFER_TOO_SMALL, BUFFER_TOO_SMALL))
        self.assertTrue(error.message)


if __name__ == "__main__":
    unittest.main()
