import threading
import time

import pytest

from service.prediction import model_queue
from service.prediction.model_queue import ModelQueue


class Checks:
    """Notes the names in the order of their checks; the checks of some names hang until `end` is set."""

    def __init__(self, *hanging: str) -> None:
        self.names: list[str] = []
        self.hanging, self.end, self.threads = hanging, threading.Event(), 0
        self.queue = ModelQueue(self)

    def __call__(self, name: str) -> None:
        if name in self.hanging:
            self.end.wait(10)
        self.threads = max(self.threads, threading.active_count())
        self.names.append(name)

    def let_end(self) -> None:
        self.end.set()
        while self.queue.overdue(0):
            self.queue.wait(5)


def test_models_are_checked_in_order_by_one_thread() -> None:
    before, checks = threading.active_count(), Checks()
    checks.queue.add(map(str, range(100)))
    checks.queue.wait(5)
    assert checks.names == [str(number) for number in range(100)]
    assert checks.queue.is_empty
    assert checks.threads <= before + 1


def test_a_preferred_model_is_the_next_one() -> None:
    checks = Checks("first")
    checks.queue.add(["first", "a", "b", "c"])
    checks.queue.prefer("c")
    checks.end.set()
    checks.queue.wait(5)
    assert checks.names[:4] == ["first", "c", "a", "b"]


def test_models_that_hang_do_not_delay_others() -> None:
    checks, began = Checks("bad", "worse"), time.monotonic()
    checks.queue.add(["bad", "a", "worse", "b"])
    checks.queue.wait(5)
    assert checks.names == ["a", "b"]
    assert time.monotonic() - began < 4
    assert checks.queue.overdue(0.2) == ["bad", "worse"]
    checks.queue.add(["a", "bad"])  # bad is not started again meanwhile
    checks.queue.wait(5)
    checks.let_end()
    assert sorted(checks.names) == ["a", "a", "b", "bad", "worse"]


def test_the_threads_that_hang_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_queue, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(model_queue, "MAX_THREADS", 10)
    checks, before = Checks(*map(str, range(12))), threading.active_count()
    checks.queue.add([*checks.hanging, "good"])
    checks.queue.wait(0.5)
    assert threading.active_count() == before + 10
    assert sorted(checks.queue.overdue(0)) == sorted([*checks.hanging, "good"])
    checks.let_end()
    assert sorted(checks.names) == sorted([*checks.hanging, "good"])


def test_a_thread_that_cannot_be_started_is_started_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    checks = Checks()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", _fail)
        checks.queue.add(["a", "b"])
        checks.queue.prefer("b")
    assert "models can't be checked now: can't start new thread" in caplog.text
    checks.queue.wait(5)
    assert checks.names[:2] == ["b", "a"]


def _fail(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
