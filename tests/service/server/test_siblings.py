"""Workers that know of each other: one without models leaves the connections to one that has some."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.helpers.server import Server


@pytest.mark.parametrize("worker_class", ["", "gthread"])
def test_a_new_worker_without_models_leaves_requests_to_one_with_models(worker_class: str, iris: Path) -> None:
    away = iris.with_name("away")
    with Server(iris, workers=2, worker_class=worker_class) as server:
        server.wait_until_ready()
        server.wait_for(lambda: len(server.workers()) == 2)
        time.sleep(1)  # until both are ready
        iris.rename(away)
        killed, survivor = server.workers()
        os.kill(killed, signal.SIGKILL)
        server.wait_for(lambda: len(server.workers()) == 2 and killed not in server.workers())
        time.sleep(2)  # in which the new one has started
        assert [server.post().status_code for _ in range(30)] == [200] * 30
        os.kill(survivor, signal.SIGKILL)
        server.wait_for(lambda: server.post().status_code == 503, seconds=5)  # there is none with models any more
        shutil.copytree(away, iris)
        server.wait_for(lambda: all(server.post().status_code == 200 for _ in range(10)), seconds=10)
        _, log = server.stop()
    assert "Traceback" not in log


@pytest.mark.slow
def test_a_worker_that_hangs_is_replaced(iris: Path) -> None:
    with Server(iris, workers=2) as server:
        server.wait_until_ready()
        hanging = server.workers()[0]
        os.kill(hanging, signal.SIGSTOP)
        server.wait_for(lambda: hanging not in server.workers() and len(server.workers()) == 2, seconds=20)
        server.wait_for(lambda: all(server.post().status_code == 200 for _ in range(10)))
        _, log = server.stop()
    assert "WORKER TIMEOUT" in log
