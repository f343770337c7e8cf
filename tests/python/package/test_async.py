"""Calls that an event loop waits for."""

import asyncio
import concurrent.futures
import contextvars
import os
import tempfile
import threading
import time
import unittest

import fastpar
from fastpar import zstd

NOISE = os.urandom(24_000_000)
name = contextvars.ContextVar("name", default="nothing")


class Async(unittest.IsolatedAsyncioTestCase):
    async def test_to_thread(self):
        name.set("caller")
        loop_thread = threading.get_ident()
        self.assertNotEqual(await fastpar.to_thread(threading.get_ident), loop_thread)
        self.assertEqual(await fastpar.to_thread(name.get), "caller")
        self.assertEqual(await fastpar.to_thread(dict, a=1), {"a": 1})
        with self.assertRaises(ZeroDivisionError):
            await fastpar.to_thread(divmod, 1, 0)
        self.assertEqual(await asyncio.gather(*(fastpar.to_thread(pow, i, 2) for i in range(100))), [i**2 for i in range(100)])

    async def test_event_loops_in_threads(self):
        """More than the pool has threads, each of which waits for calls of a loop of its own."""

        def work(i):
            return asyncio.run(fastpar.to_thread(pow, i, 2)), len(zstd.decompress(asyncio.run(zstd.compress_async(bytes(i)))))

        made = await asyncio.gather(*(fastpar.to_thread(work, i) for i in range(2 * fastpar.pool_threads())))
        self.assertEqual(made, [(i**2, i) for i in range(len(made))])

    async def test_jobs(self):
        total = fastpar.AtomicInt()
        self.assertIsNone(await fastpar.for_start(1000, lambda begin, end: total.add(end - begin)))
        self.assertEqual(total.load(), 1000)
        with self.assertRaises(ZeroDivisionError):
            await fastpar.for_start(1, lambda begin, end: 1 / 0)

    async def test_a_job_is_cancelled_with_its_task(self):
        started = asyncio.Event()
        loop = asyncio.get_running_loop()

        def body(begin, end):
            loop.call_soon_threadsafe(started.set)
            time.sleep(0.001)

        job = fastpar.for_start(10**6, body, schedule=fastpar.Schedule.GRAIN, grain=1)

        async def wait():
            await job

        task = asyncio.create_task(wait())
        await started.wait()
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task
        with self.assertRaises(concurrent.futures.CancelledError):
            job.result()
        self.assertTrue(job.cancelled())

    async def test_codec(self):
        packed = await zstd.compress_async(NOISE, 1)
        self.assertEqual(await zstd.decompress_async(packed), NOISE)
        out = bytearray(zstd.compress_bound(1000))
        length = await zstd.compress_into_async(NOISE[:1000], out)
        back = bytearray(1000)
        self.assertEqual(await zstd.decompress_into_async(bytes(out[:length]), back), 1000)
        self.assertEqual(back, NOISE[:1000])
        items = [NOISE[:1000], NOISE[:7]]
        self.assertEqual(await zstd.decompress_batch_async(await zstd.compress_batch_async(items)), items)
        with self.assertRaises(zstd.ZstdError):
            await zstd.decompress_async(b"nothing of zstd")

    async def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            source, packed, back = (os.path.join(folder, file) for file in "abc")
            with open(source, "wb") as file:
                file.write(NOISE[:5_000_000])
            self.assertEqual((await zstd.compress_file_async(source, packed)).bytes_in, 5_000_000)
            self.assertEqual((await zstd.decompress_file_async(packed, back)).bytes_out, 5_000_000)
            await zstd.concat_files_async([packed, packed], back)
            with zstd.open_archive(back) as archive:
                self.assertEqual(len(archive), 10_000_000)
                await zstd.transform_file_async(archive, source, lambda view: view[:1], piece_size=1_000_000)
                self.assertEqual(await archive.reduce_async(len), 10_000_000)
            with zstd.open_archive(source) as archive:
                self.assertLess(len(archive), 100)

    async def test_archives(self):
        with zstd.open_archive(zstd.compress(NOISE[:1_000_000], frame_size=100_000)) as archive:
            self.assertEqual(await archive.read_at_async(99_000, 2000), NOISE[99_000:101_000])
            total = fastpar.AtomicInt()
            await archive.scan_async(lambda view: total.add(len(view)))
            await archive.lines_async(lambda view: total.add(len(view)), max_lanes=2)
            self.assertEqual(total.load(), 2_000_000)
            self.assertEqual(await archive.reduce_async(len, lambda a, b: a + b, 5, record_size=10), 1_000_005)
            with self.assertRaises(ZeroDivisionError):
                await archive.scan_async(lambda view: 1 / 0)
            started = asyncio.Event()
            loop = asyncio.get_running_loop()

            def body(view):
                loop.call_soon_threadsafe(started.set)
                while not fastpar.is_cancelled():
                    time.sleep(0.001)

            scan = asyncio.create_task(archive.scan_async(body, piece_size=1000))
            await started.wait()
            scan.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await scan

    async def test_a_call_is_cancelled_with_its_task_and_has_ended_then(self):
        out = bytearray(zstd.compress_bound(len(NOISE)))
        call = asyncio.create_task(zstd.compress_into_async(NOISE, out, 19))
        await asyncio.sleep(0.05)
        call.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await call
        # Nothing holds the buffer any more.
        out.append(0)

    async def test_both_flags(self):
        flag = fastpar.CancelFlag()
        flag.cancel()
        with self.assertRaises(fastpar.CancelledError):
            await zstd.compress_async(NOISE, cancel=flag)
