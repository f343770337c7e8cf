"""Measures one of Python's packages compressing or decompressing a file in memory, and prints one line of JSON, as driver.c does.

    peers.py MODE FILE ORIGINAL_BYTES LEVEL THREADS REPEAT

MODE: zstandard-compress, blosc2-compress          FILE is the original
      zstandard-decompress                         FILE is frames of zstd
      blosc2-decompress                            FILE is the original, which is compressed first: blosc2 has a format of its own
      zstandard-write                              compress to FILE.zst
"""

import json
import statistics
import sys
import time

# One measurement is at least so many bytes, so that it takes some milliseconds.
BATCH = 4 << 20


def memory_kib(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))


def forget_peak():
    """From here on VmHWM is the peak since now."""
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")


def zstandard_way(decompressing, data, original, level, threads):
    import zstandard

    if not decompressing:
        # The package's word for "this thread alone" is 0.
        compressor = zstandard.ZstdCompressor(level=level, threads=threads if threads > 1 else 0, write_checksum=True)
        return lambda: compressor.compress(data)
    decompressor = zstandard.ZstdDecompressor()
    back = memoryview(bytearray(b"\1") * original)

    def decompress():
        with decompressor.stream_reader(data, read_across_frames=True) as reader:
            at = 0
            while got := reader.readinto(back[at:]):
                at += got
        if at != original:
            raise RuntimeError(f"{at} bytes came out, not {original}")
        return back

    return decompress


def blosc2_way(decompressing, data, original, level, threads):
    import blosc2

    blosc2.set_nthreads(threads)
    # Its levels stand for those of zstd: 1 for 1, 2 for 3, 5 for 9, and 9 for 22, as it has none between 15
    # and that.
    clevel = {1: 1, 3: 2, 9: 5, 19: 9}[level]
    # Words of eight bytes, their bytes shuffled: what the package does by itself.
    options = {"codec": blosc2.Codec.ZSTD, "clevel": clevel, "typesize": 8, "nthreads": threads}
    if not decompressing:
        return lambda: blosc2.compress2(data, **options)
    back = bytearray(b"\1") * original
    packed = blosc2.compress2(data, **options)

    def decompress():
        blosc2.decompress2(packed, dst=back)
        return back

    return decompress


def main():
    mode, path, original, level, threads, repeat = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:7])
    package, what = mode.split("-")
    with open(path, "rb") as file:
        data = file.read()
    way = {"zstandard": zstandard_way, "blosc2": blosc2_way}[package]
    run = way(what == "decompress", data, original, level, threads)
    before = memory_kib("VmRSS")
    forget_peak()
    result = run()  # contexts and threads
    if package == "blosc2" and what == "decompress" and result != data:
        raise RuntimeError("the data differ")
    size = len(result)
    if what == "write":
        with open(path + ".zst", "wb") as file:
            file.write(result)
    del result
    calls = max(1, BATCH // original)
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        for _ in range(calls):
            run()
        times.append((time.perf_counter() - start) / calls)
    working = memory_kib("VmHWM") - before - (size >> 10 if what == "compress" else 0)
    print(json.dumps({"seconds": statistics.median(times), "bytes": size, "working_kib": working}))


if __name__ == "__main__":
    main()
