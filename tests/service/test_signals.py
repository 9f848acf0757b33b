"""The table of signals in docs/settings.md, each under load: new and open connections, direct and behind nginx."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from store import publish
from tests.helpers.load import LoadGenerator
from tests.helpers.models import make_constant
from tests.helpers.nginx import Nginx
from tests.helpers.server import BODY, Server
from tests.helpers.wire import JSON, Wire, http_request

pytestmark = pytest.mark.slow
TABLE = (Path(__file__).parents[2] / "docs/settings.md").read_text().split("## Signals")[1].split("\n## ")[0]
TESTED = {"TERM", "INT", "QUIT", "HUP", "USR2", "TTIN", "TTOU", "USR1", "WINCH", "KILL"}


class LoadedServer:
    """A server with two workers under load."""

    def __init__(self, models: Path) -> None:
        publish(models, "abc", make_constant(0), {}, {})
        with ExitStack() as stack:
            self.server = stack.enter_context(Server(models, prefix=["setsid"]))
            self.server.wait_until_ready()
            self.nginx = stack.enter_context(Nginx(self.server.port))
            self._stack = stack.pop_all()
        self._loads = ExitStack()
        self.loads = [
            self._loads.enter_context(LoadGenerator(url, 2, keep_alive=keep_alive))
            for url in (self.server.url, self.nginx.url)
            for keep_alive in (False, True)
        ]
        time.sleep(0.5)

    def close(self) -> None:
        self._loads.close()
        self._stack.close()

    def send(self, number: signal.Signals, target: str = "master") -> None:
        (os.kill if target == "master" else os.killpg)(self.server.process.pid, number)

    def failures(self) -> list[str]:
        """End the load, and return what failed, but for connections that were refused. nginx answers 502 to those."""
        self._loads.close()
        assert all(len(load.versions) > 10 for load in self.loads)
        failures = [failure for load in self.loads for failure in load.failures]
        return [each for each in failures if "refused" not in each and "502" not in each] + self.nginx.errors

    def refusals(self) -> list[str]:
        return [failure for load in self.loads for failure in load.failures]


@pytest.fixture
def loaded(models: Path) -> Iterator[LoadedServer]:
    loaded = LoadedServer(models)
    yield loaded
    loaded.close()


def test_each_signal_of_the_documentation_is_tested() -> None:
    rows = re.findall(r"^\| ([A-Z0-9, ]+) \|", TABLE, re.MULTILINE)
    assert {name for row in rows for name in row.split(", ")} == TESTED


@pytest.mark.parametrize("target", ["master", "group"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_to_stop(number: signal.Signals, target: str, loaded: LoadedServer) -> None:
    server = loaded.server
    sent = http_request("POST", "/predict", BODY.encode(), Content_Type=JSON)
    with ExitStack() as stack:
        slow, *probes = [stack.enter_context(Wire(server.port)) for _ in range(12)]
        slow.send(sent[:-10])
        for probe in probes:
            probe.send(http_request("GET", "/livez")).read_response()
        loaded.send(number, target)
        answers = []
        for probe in probes:
            time.sleep(0.05)
            answers.append(probe.send(http_request("GET", "/readyz")).read_response())
        stopping = [answer for answer in answers if answer and answer.status == 503]
        assert stopping
        assert {answer.headers["connection"] for answer in stopping} == {"close"}
        assert {answer.body for answer in stopping} == {b'{"error":"not ready: the server is stopping"}'}
        answer = slow.send(sent[-10:]).read_response()
        assert answer is not None
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        answered = time.monotonic()
        printed, log = server.process.communicate(timeout=20)
        assert time.monotonic() - answered < 3  # one second, on a machine that is not busy
    assert loaded.failures() == []
    assert (server.process.returncode, log) == (0, "")
    assert printed.endswith("\nStopped\n")


def test_a_half_sent_body_ends_at_its_deadline_while_the_server_stops(models: Path) -> None:
    publish(models, "abc", make_constant(0), {}, {})
    with Server(models, workers=1, NPSERVE_BODY_SECONDS="3") as server, ExitStack() as stack:
        server.wait_until_ready()
        wire = stack.enter_context(Wire(server.port))
        wire.send(http_request("POST", "/predict", BODY.encode(), Content_Type=JSON)[:-10])
        began = time.monotonic()
        time.sleep(1)
        server.process.send_signal(signal.SIGTERM)
        answer = wire.read_response()
        assert answer is not None
        assert answer.status == 408
        assert 2 < time.monotonic() - began < 4
        server.process.communicate(timeout=10)


@pytest.mark.parametrize("target", ["master", "group"])
def test_reloads(target: str, loaded: LoadedServer) -> None:
    for _ in range(3):
        old = loaded.server.workers()
        loaded.send(signal.SIGHUP, target)
        loaded.server.wait_for(lambda old=old: not {*old} & {*loaded.server.workers()})  # type: ignore[misc]
        time.sleep(0.3)
    assert loaded.failures() == loaded.refusals() == []
    assert len(loaded.server.workers()) == 2


@pytest.mark.parametrize("target", ["master", "group"])
def test_an_upgrade(target: str, loaded: LoadedServer) -> None:
    server = loaded.server
    old = server.workers()
    loaded.send(signal.SIGUSR2, target)
    server.wait_for(lambda: len(server.workers()) == 3)
    (new,) = {*server.workers()} - {*old}
    children = Path(f"/proc/{new}/task/{new}/children")
    try:
        server.wait_for(lambda: len(children.read_text().split()) == 2)
        time.sleep(1)
        loaded.send(signal.SIGTERM)
        server.process.wait(timeout=20)
        time.sleep(0.5)
        assert server.post().status_code == 200
        assert loaded.failures() == loaded.refusals() == []
    finally:
        os.kill(new, signal.SIGTERM)
        server.process.communicate(timeout=20)


@pytest.mark.parametrize("target", ["master", "group"])
def test_workers_are_added_and_removed(target: str, loaded: LoadedServer) -> None:
    for number, workers in (
        (signal.SIGTTIN, 3),
        (signal.SIGUSR1, 3),
        (signal.SIGTTOU, 2),
        (signal.SIGWINCH, 2),
        (signal.SIGTTOU, 1),
        (signal.SIGTTIN, 2),
    ):
        loaded.send(number, target)
        loaded.server.wait_for(lambda workers=workers: len(loaded.server.workers()) == workers)  # type: ignore[misc]
        time.sleep(0.3)
    assert loaded.failures() == loaded.refusals() == []


def test_a_killed_master_ends_its_workers(loaded: LoadedServer) -> None:
    workers = loaded.server.workers()
    loaded.send(signal.SIGKILL)
    killed = time.monotonic()
    loaded.server.process.wait()
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() - killed < 5  # two seconds, on a machine that is not busy
        time.sleep(0.02)
    loaded.server.process.communicate(timeout=10)
    assert loaded.failures() == []
