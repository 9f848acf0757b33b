"""Checks models in a thread, one after the other. A disk that hangs delays only its own model.

Theory of operation
-------------------
A model is waiting, or it has been started by a thread, or neither. There is one thread while models are waiting,
because several would only compete for the interpreter. If a model was started more than PATIENCE_SECONDS ago (a read
from a network disk may hang for hours, and cannot be cancelled), another thread continues with the others; sooner, the
more models hang. A thread that hung ends when its model is done.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from service.process.forks import call_after_fork

PATIENCE_SECONDS = 0.5
MAX_THREADS = 200  # that hang
log = logging.getLogger("npserve")


class ModelQueue:
    """Calls `check`, which must not raise, with the names that are added; never with one name in two threads."""

    def __init__(self, check: Callable[[str], object]) -> None:
        self._check = check
        self._reset()
        call_after_fork(self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting: deque[str] = deque()
        self._started: dict[str, float] = {}  # when, by name

    @property
    def is_empty(self) -> bool:
        """Whether no model is waiting."""
        return not self._waiting

    def add(self, names: Iterable[str]) -> None:
        """Add models, except those that are waiting already."""
        with self._lock:
            self._waiting.extend(sorted(set(names).difference(self._waiting)) if self._waiting else names)
            self._continue()

    def prefer(self, name: str) -> None:
        """Let a model be the next one, if any are waiting."""
        with self._lock:
            if self._waiting:
                self._waiting.appendleft(name)
                self._continue()

    def wait(self, seconds: float) -> None:
        """Wait until all models are done, except those that hang, but not longer than some seconds."""
        end = time.monotonic() + seconds
        with self._lock:
            while (self._waiting or self._is_active()) and (left := end - time.monotonic()) > 0:
                self._continue()
                self._changed.wait(min(left, self._patience()))

    def overdue(self, seconds: float) -> list[str]:
        """Return the models that were started more than some seconds ago; if all threads hang, also those waiting."""
        with self._lock:
            now = time.monotonic()
            blocked = self._waiting if len(self._started) == MAX_THREADS else ()
            return [*(name for name, since in self._started.items() if now - since > seconds), *blocked]

    def _is_active(self) -> bool:
        """Return whether a thread is busy with a model, and does not hang."""
        latest = time.monotonic() - self._patience()
        return any(since >= latest for since in self._started.values())

    def _patience(self) -> float:
        return PATIENCE_SECONDS / max(len(self._started), 1)

    def _continue(self) -> None:
        if not self._is_active() and len(self._started) < MAX_THREADS and (name := self._start_next()):
            try:
                threading.Thread(target=self._run, args=(name,), name="check-models", daemon=True).start()
            except RuntimeError as error:  # too many processes
                log.error("models can't be checked now: %s", error)  # noqa: TRY400  # the place is known
                del self._started[name]
                self._waiting.appendleft(name)

    def _run(self, name: str) -> None:
        while True:
            self._check(name)
            with self._lock:
                del self._started[name]
                if (self._started and self._is_active()) or not (started := self._start_next()):
                    self._changed.notify_all()
                    return
            name = started

    def _start_next(self) -> str | None:
        """Note and return the next model, if there is one."""
        while self._waiting:
            if (name := self._waiting.popleft()) not in self._started:
                self._started[name] = time.monotonic()
                return name
        return None
