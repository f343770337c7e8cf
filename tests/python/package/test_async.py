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
