"""fastpar under Dask, with real processes: a scheduler and three workers."""

import logging
import os
import select
import signal
import traceback
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import dask
from distributed import Client, wait
from processes import LIMIT, Cluster, Process

import fastpar
import trades
import trades_dask
from fastpar import zstd

ROOT = Path(__file__).parents[2]

#: Rows of each file of trades, and bytes of a row; shards of so many bytes cut each file.
ROWS, ROW, SIZE = 70_000, 48, 500_000

#: What every worker that is whole is started with.
WHOLE = "--preload", "fastpar"


def setUpModule() -> None:
    global folder, files, cluster, client
    # Of failures that are expected here.
    logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)
    temporary = TemporaryDirectory()
    unittest.addModuleCleanup(temporary.cleanup)
    folder = Path(temporary.name)
    files = [folder / f"trades-{number}.zst" for number in range(3)]
    for number, file in enumerate(files):
        file.write_bytes(zstd.compress(trades.make_rows(number * ROWS, (number + 1) * ROWS), frame_size=300_001))
    (folder / "dask").mkdir()
    cluster = Cluster(folder / "dask")
    unittest.addModuleCleanup(cluster.close)
    for _ in range(3):
        cluster.worker(*WHOLE, FASTPAR_THREADS="auto")
    client = unittest.enterModuleContext(Client(cluster.address))
    client.wait_for_workers(3, LIMIT)


def on_workers(function, *items) -> list:
    """The results, in their order."""
    futures = client.map(function, *items, pure=False)
    wait(futures, LIMIT)
    return client.gather(futures)


def volume(rows: memoryview) -> int:
    """A sum over rows."""
    return fastpar.table(rows, "<QQQIH2xq8x")["f2"].sum()


def volume_of(shard: zstd.Shard) -> tuple[int, int]:
    """The sum of a shard, and the process that has made it."""
    with zstd.open_archive(shard.path) as archive:
        total = archive.reduce(volume, record_size=ROW, offset=shard.offset, size=shard.size)
    return total, os.getpid()


def volume_of_killed(shard: zstd.Shard, where: Path) -> tuple[int, int]:
    """The same; but the first process that is in the middle of a shard tells its number, and waits to be killed."""

    def fold(rows: memoryview) -> int:
        try:
            os.close(os.open(where / "begun", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return volume(rows)
        (where / "process").write_text(str(os.getpid()))
        return int((where / "never").read_text())

    with zstd.open_archive(shard.path) as archive:
        total = archive.reduce(fold, record_size=ROW, offset=shard.offset, size=shard.size)
    return total, os.getpid()


def run_example(*arguments: object) -> str:
    """What the example prints as its last lines."""
    process = Process(str(ROOT / "examples" / "python" / "trades_dask.py"), *map(str, arguments))
    try:
        code, output = process.end(), process.output
    finally:
        process.kill()
    if code != 0:
        raise AssertionError(output)
    return output


class Work(unittest.TestCase):
    def shards(self) -> list[zstd.Shard]:
        made = zstd.shards(files, record_size=ROW, size=SIZE)
        self.assertGreater(len(made), 12)
        return made

    def test_sums_are_those_of_one_process(self) -> None:
        shards = self.shards()
        done = on_workers(volume_of, shards)
        self.assertEqual([total for total, _ in done], [volume_of(shard)[0] for shard in shards])
        self.assertGreater(len({pid for _, pid in done}), 1)

    def test_bars(self) -> None:
        expected, _ = trades.with_standard_library(files)
        here = trades_dask.bars(lambda function, items: list(map(function, items)), folder, SIZE)
        self.assertEqual(here, expected)
        self.assertEqual(trades_dask.bars(on_workers, folder, SIZE), expected)

    def test_the_example_with_a_scheduler(self) -> None:
        told = run_example("--scheduler", cluster.address, "--size", SIZE, "bars", folder)
        expected, _ = trades.with_standard_library(files)
        opened, high, low, close, volume = expected[2]
        self.assertIn(f"minute 2: open {opened}, high {high}, low {low}, close {close}, volume {volume}\n", told)

    def test_the_example_with_workers_of_its_own(self) -> None:
        run_example("--workers", 2, "large", folder, folder / "large")
        for file in files:
            rows = trades.ROW.iter_unpack(zstd.decompress(file.read_bytes()))
            expected = b"".join(trades.ROW.pack(*row) for row in rows if row[2] > trades.LARGE)
            self.assertEqual(zstd.decompress((folder / "large" / file.name).read_bytes()), expected)

    def test_settings_of_workers_reach_them(self) -> None:
        with dask.config.set(trades_dask.QUIET), Client(n_workers=1, threads_per_worker=1) as client:
            self.assertIsNone(client.submit(os.environ.get, "MALLOC_TRIM_THRESHOLD_").result(LIMIT))

    def test_parts_of_a_folder_are_joined(self) -> None:
        source, target = folder / "source", folder / "packed.zst"
        source.mkdir()
        contents = [os.urandom(700_000), b"", bytes(9 << 20), b"the last one"]
        for number, content in enumerate(contents):
            (source / f"{number}").write_bytes(content)
        written = trades_dask.pack(on_workers, source, target)
        self.assertEqual(target.stat().st_size, written)
        self.assertEqual(zstd.decompress(target.read_bytes()), b"".join(contents))
        self.assertFalse(target.with_name("packed.zst.parts").exists())

    def test_a_task_that_runs_twice(self) -> None:
        target = folder / "twice"
        target.mkdir()
        pairs = [(file, target / "the same.zst") for file in files[:1] * 6]
        stats = on_workers(trades_dask.large_of_file, pairs)
        self.assertEqual(len({one.bytes_out for one in stats}), 1)
        self.assertEqual([path.name for path in target.iterdir()], ["the same.zst"])
        self.assertEqual(pairs[0][1].stat().st_size, stats[0].bytes_out)


class Failures(unittest.TestCase):
    def test_damage_is_told_with_its_file_and_place(self) -> None:
        damaged = folder / "damaged.zst"
        packed = bytearray(files[1].read_bytes())
        with zstd.open_archive(files[1]) as archive:
            frame = archive.frames()[4]
        packed[frame.offset + frame.size - 1] ^= 1
        damaged.write_bytes(packed)
        shards = zstd.shards([files[0], damaged, files[2]], record_size=ROW, size=SIZE)
        with self.assertRaises(zstd.DataError) as here:
            [volume_of(shard) for shard in shards]
        with self.assertRaises(zstd.DataError) as there:
            on_workers(volume_of, shards)
        self.assertEqual(str(there.exception), str(here.exception))
        self.assertIn(str(damaged), str(there.exception))
        for name in ("status", "code", "position", "filename"):
            self.assertEqual(getattr(there.exception, name), getattr(here.exception, name), name)
        self.assertEqual(there.exception.filename, str(damaged))
        self.assertIsNotNone(there.exception.position)

    def test_a_file_that_a_worker_does_not_see(self) -> None:
        shard = zstd.Shard(str(folder / "only here.zst"), 0, 48, 0, 1)
        with self.assertRaises(FileNotFoundError) as caught:
            on_workers(volume_of, [shard])
        self.assertEqual(caught.exception.filename, shard.path)

    def test_handles_stay_where_they_are(self) -> None:
        with zstd.open_archive(files[0]) as archive:
            with self.assertRaises(TypeError) as caught:
                client.submit(len, archive).result(LIMIT)
        told = "".join(traceback.format_exception(caught.exception))
        self.assertIn("cannot pickle or copy 'Archive' objects", told)

    def test_a_killed_worker(self) -> None:
        where = folder / "killed"
        where.mkdir()
        for name in ("process", "never"):
            os.mkfifo(where / name)
        shards = zstd.shards(files, record_size=ROW, size=SIZE)
        futures = client.map(volume_of_killed, shards, [where] * len(shards), pure=False)
        told = os.open(where / "process", os.O_RDWR)
        self.addCleanup(os.close, told)
        self.assertTrue(select.select([told], [], [], LIMIT)[0], "no worker has begun")
        pid = int(os.read(told, 100))
        os.kill(pid, signal.SIGKILL)
        self.assertEqual(cluster.worker_of(pid).end(), -signal.SIGKILL)
        wait(futures, LIMIT)
        done = client.gather(futures)
        self.assertEqual([total for total, _ in done], [volume_of(shard)[0] for shard in shards])
        self.assertNotIn(pid, {worker for _, worker in done})
        cluster.worker(*WHOLE, FASTPAR_THREADS="auto")
        client.wait_for_workers(3, LIMIT)


class WithoutTheLibrary(unittest.TestCase):
    """Such a worker ends, and says why; others do the work."""

    def refused(self, worker: Process, *texts: str) -> None:
        self.assertNotEqual(worker.end(), 0)
        for text in texts:
            self.assertIn(text, worker.output)
        self.assertEqual(on_workers(len, ["whole"]), [5])

    #: Where modules are, without the package.
    PATH = os.pathsep.join(place for place in os.environ["PYTHONPATH"].split(os.pathsep) if "bindings" not in place)

    def test_no_package(self) -> None:
        self.refused(cluster.worker(*WHOLE, PYTHONPATH=self.PATH), "No module named 'fastpar'")

    def test_a_scheduler_without_it(self) -> None:
        alone = Cluster(folder / "alone", PYTHONPATH=self.PATH)
        self.addCleanup(alone.close)
        with self.assertRaisesRegex(AssertionError, "No module named 'fastpar'"):
            run_example("--scheduler", alone.address, "bars", folder)

    def test_no_library(self) -> None:
        worker = cluster.worker(*WHOLE, FASTPAR_LIBRARY="/nowhere/libfastpar.so")
        self.refused(worker, "the fastpar library cannot be loaded from '/nowhere/libfastpar.so'")

    def test_a_plugin_instead_of_flags(self) -> None:
        client.register_plugin(trades_dask.Setup(), name="setup")
        try:
            worker = cluster.worker(FASTPAR_LIBRARY="/nowhere/libfastpar.so")
            self.refused(worker, "the fastpar library cannot be loaded from '/nowhere/libfastpar.so'")
            late = cluster.worker()
            self.addCleanup(late.kill)
            client.wait_for_workers(4, LIMIT)
            threads = client.run(fastpar.pool_threads)
            self.assertEqual(list(threads.values()), [fastpar.cpus()] * 4)
        finally:
            client.unregister_worker_plugin("setup")
