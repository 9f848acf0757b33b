"""The server in its own process, started as a user starts it, and a parser for its metrics."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

import service
from service.metrics.memory import SharedMemory
from service.server.batching.batcher import COUNT_SECONDS
from tests.helpers.models import ROW
from tests.helpers.wire import JSON

# The memory of a worker above idle, besides NPSERVE_MAX_HELD_BYTES. The memory limit in k8s/ is based on it.
SPARE_BYTES = 64 * 2**20

BODY = json.dumps({"instances": [ROW]})

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """`python -m service` on a free port, or gunicorn with another worker class; the server is stopped on exit."""

    def __init__(
        self,
        models: Path,
        workers: int = 2,
        worker_class: str = "",
        prefix: Sequence[str] = (),  # a command that runs the server, such as nice
        bind: str = "",
        output: str = "",  # the path of a file for stdout and stderr; a pipe is full after some time
        **environment: str,
    ) -> None:
        self.models, self._prefix, self._output = models, prefix, output
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        options = {"models": str(models), "bind": bind or f"127.0.0.1:{self.port}", "workers": str(workers)}
        if worker_class:
            configuration = str(Path(service.__file__).with_name("gunicorn.conf.py"))
            self._command = ["gunicorn", "-c", configuration, "-k", worker_class, "service.app:create_app()"]
            environment |= {f"NPSERVE_{name.upper()}": value for name, value in options.items()}
        else:
            self._command = ["service", *(part for name, value in options.items() for part in (f"--{name}", value))]
        self._environment = {**os.environ, **environment}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            output = stack.enter_context(Path(self._output).open("w")) if self._output else subprocess.PIPE
            self.process = subprocess.Popen(
                [*self._prefix, sys.executable, "-m", *self._command],
                env=self._environment,
                stdout=output,
                stderr=output,
                text=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.stop()

    def stop(self) -> tuple[str, str]:
        """Stop gracefully; return stdout and stderr."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.communicate(timeout=40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def workers(self) -> list[int]:
        """Return the process ids of the running workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    @contextmanager
    def open_memory(self) -> Iterator[SharedMemory]:
        """Open the memory in which the processes of the server count."""
        files = Path(f"/proc/{self.process.pid}/fd").iterdir()
        file = os.open(next(file for file in files if "npserve-metrics" in str(file.readlink())), os.O_RDWR)
        try:
            yield SharedMemory(file)
        finally:
            os.close(file)

    def wait_until_ready(self) -> None:
        self.wait_for(lambda: requests.get(f"{self.url}/readyz", timeout=5).status_code == 200)

    def wait_for(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                if condition():
                    return
            except requests.RequestException:
                pass
            if self.process.poll() is not None:
                raise AssertionError(f"the server has stopped: {self.process.communicate()}")
            assert time.monotonic() < deadline, "the condition was not met in time"
            time.sleep(0.05)

    def post(self, path: str = "/predict", body: bytes | str = BODY) -> requests.Response:
        return requests.post(self.url + path, data=body, headers={"Content-Type": JSON}, timeout=10)

    def scrape(self) -> Series:
        """Return every series of /metrics: (name, labels) -> value, after all workers have written their counts."""
        if len(self.workers()) > 1:
            time.sleep(2 * COUNT_SECONDS)
        response = requests.get(f"{self.url}/metrics", timeout=5)
        assert response.status_code == 200, response.text
        return parse_metrics(response.text)


def parse_metrics(exposition: str) -> Series:
    """Return every series: (name, labels) -> value. This is 20 times faster than the parser of prometheus_client."""
    lines = (line.rpartition(" ") for line in exposition.splitlines() if line and line[0] != "#")
    return {_series(series): float(value) for series, _, value in lines}


@cache  # every scrape has the same series
def _series(text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Parse `name{label="value",…}`; in values, \\\\, \\" and \\n are a backslash, a quote and a newline."""
    name, _, labels = text.partition("{")
    found = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels)
    return name, tuple(sorted((label, re.sub(r"\\(.)", _unescape, value)) for label, value in found))


def _unescape(match: re.Match[str]) -> str:
    return {"n": "\n"}.get(match[1], match[1])


def total(series: Series, name: str, **labels: str) -> float:
    """Return the sum of the series with this name and these labels."""
    return sum(value for (n, found), value in series.items() if n == name and labels.items() <= dict(found).items())
