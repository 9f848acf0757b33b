"""A running server on a separate core: start, check, measure, and stop it with all its child processes."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import requests

from benchmarks.bodies import Body, Protocol, Written
from benchmarks.load import Load
from benchmarks.networks import make_network, make_rows
from benchmarks.servers import Server

CORE = "0"
START_SECONDS = 120.0  # the limit for the start of a server
TOLERANCE = 1e-4  # of a probability


class NotMeasuredError(Exception):
    """The server does not start, or does not return the expected predictions; the message gives the reason."""


class Running:
    """A server with one network; `ready` is the seconds from its start to its first prediction."""

    def __init__(self, server: Server, peers: Path, store: Path, network: str, **environment: str) -> None:
        self.server, self.network, self.ready = server, network, 0.0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._url = f"http://127.0.0.1:{port}"
        words = {"store": str(store), "network": network, "port": str(port)}
        program, *arguments = (word.format(**words) for word in server.command)
        self._command = ["taskset", "-c", CORE, str(server.bin(peers) / program), *arguments]
        own = {name: word.format(**words) for name, word in server.environment.items()}
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._environment = {**inherited, **threads, "MODEL": str(store.with_suffix(".onnx")), **own, **environment}

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile()
        began = time.perf_counter()
        self._process = subprocess.Popen(
            self._command,
            cwd=self.server.folder,
            env=self._environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self._wait()
            self.ready = time.perf_counter() - began
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _wait(self) -> None:
        """Request a prediction until one succeeds. Raises NotMeasuredError."""
        first = Body(self.network, 1)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if self._post(first).status_code == 200:
                    return
            except requests.ConnectionError:
                pass
            time.sleep(0.01)
        self._log.seek(0)
        *_, last = [b"no output", *self._log.read().strip().splitlines()]
        raise NotMeasuredError(f"does not start: {last.decode(errors='replace')}")

    def _protocol(self, body: Body) -> Protocol:
        return self.server.protocols[body.format]

    def url(self, body: Body) -> str:
        """Return the URL for the predictions of a body."""
        return self._url + self._protocol(body).path.format(network=self.network)

    def write(self, body: Body) -> Written:
        """Encode a body in the protocol of this server."""
        return self._protocol(body).write(make_rows(body.network, body.rows))

    def _post(self, body: Body) -> requests.Response:
        written = self.write(body)
        return requests.post(self.url(body), written.content, headers=dict(written.headers), timeout=60)

    def check(self, body: Body) -> None:
        """Compare a response with the output of the network. Raises NotMeasuredError."""
        response, read = self._post(body), self._protocol(body).read
        if response.status_code != 200:
            raise NotMeasuredError(f"returns status {response.status_code}: {response.text[:100]}")
        if read is None:
            return
        expected = make_network(body.network).predict(make_rows(body.network, body.rows))
        found = np.asarray(read(response))
        if found.shape != expected.shape or np.abs(found - expected).max() > TOLERANCE:
            raise NotMeasuredError("returns probabilities that differ from the network's")

    def load(self, body: Body, connections: int, seconds: int) -> Load:
        """Measure a body under load, after a second of warm-up."""
        url, written = self.url(body), self.write(body)
        Load.measure(url, written, connections, 1)
        self._post(body)  # waits until a slow server has finished the abandoned requests of the warm-up
        return Load.measure(url, written, connections, seconds)

    def processes(self) -> list[int]:
        """Return the process ID of the server and those of its descendants."""
        found = [self._process.pid]
        for pid in found:  # the list grows during the iteration
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                found += map(int, children.read_text().split())
        return found

    def mebibytes(self) -> float:
        """Return the memory of all processes, with shared pages counted once (PSS)."""
        rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.processes()]
        return sum(int(rollup.split("\nPss:")[1].split()[0]) for rollup in rollups) / 1024

    def _stop(self) -> None:
        left = [_handle(pid) for pid in self.processes()]
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for process in filter(None, left):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, signal.SIGKILL)
            os.close(process)
        self._log.close()


def _handle(pid: int) -> int | None:
    """Return a file descriptor of the process, which stays valid even if its ID is reused; None if it has ended."""
    with suppress(ProcessLookupError):
        return os.pidfd_open(pid)
    return None
