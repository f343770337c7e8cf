"""Dask as people start it: a scheduler and workers, each a process of its own."""

import os
import subprocess
import sys
import threading
from pathlib import Path

#: Seconds that nothing takes, on a busy machine too: only what hangs is found out by it.
LIMIT = 120

#: Only this machine can reach them, at any port that is free.
HERE = "--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"


class Process:
    """A program, and the lines that it has written."""

    def __init__(self, *arguments: str, **environment: str | None) -> None:
        variables = {**os.environ, **environment}
        self.popen = subprocess.Popen(
            [sys.executable, "-W", "ignore", *arguments],
            env={name: value for name, value in variables.items() if value is not None},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.popen.stdout:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()
        self.popen.wait()
        with self._changed:
            self._changed.notify_all()

    @property
    def output(self) -> str:
        """All that it has written."""
        with self._changed:
            return "".join(self._lines)

    def line(self, text: str) -> str:
        """Waits for a line with this text."""

        def found() -> bool:
            return any(text in line for line in self._lines) or self.popen.returncode is not None

        with self._changed:
            self._changed.wait_for(found, LIMIT)
            for line in self._lines:
                if text in line:
                    return line
        raise AssertionError(f"no {text!r}:\n{self.output}")

    def end(self) -> int:
        """Waits for its end: the exit code."""
        code = self.popen.wait(LIMIT)
        self._reader.join()
        return code

    def kill(self) -> None:
        """Ends it, whatever it does."""
        self.popen.kill()
        self.end()
        self.popen.stdout.close()


class Cluster:
    """A scheduler, and workers that were started by hand."""

    def __init__(self, folder: Path, **environment: str | None) -> None:
        """`environment`: of the scheduler."""
        self._folder = folder
        self._processes: list[Process] = []
        scheduler = self._start("distributed.cli.dask_scheduler", "--port", "0", **environment)
        self.address = scheduler.line("Scheduler at:").split()[-1]

    def worker(self, *flags: str, **environment: str | None) -> Process:
        """Starts a worker; it may not be there yet."""
        where = "--local-directory", str(self._folder)
        return self._start(
            "distributed.cli.dask_worker", self.address, "--nthreads", "1", "--no-nanny", *where, *flags, **environment
        )

    def worker_of(self, pid: int) -> Process:
        """The worker that is this process."""
        return next(process for process in self._processes if process.popen.pid == pid)

    def _start(self, module: str, *arguments: str, **environment: str | None) -> Process:
        process = Process("-m", module, *arguments, *HERE, **environment)
        self._processes.append(process)
        return process

    def close(self) -> None:
        """Ends all of it."""
        for process in self._processes:
            process.kill()
