"""Updates the catalogue from the store, off the request path: load, check, prepare, replace one reference."""

import logging
import threading
import time
from collections.abc import Callable

from service.metrics.registry import Metrics
from service.prediction.catalogue import Catalogue, Endpoint
from service.prediction.messages import MAX_LOADING_SECONDS
from service.prediction.model_queue import ModelQueue
from service.process.forks import call_after_fork
from service.settings import Settings
from store import Version
from store.watch import WHOLE_STORE, StoreWatcher

POLL_SECONDS = 1.0
UPDATE_SECONDS = 0.25  # between two catalogues while many models are loaded
FORGET_SECONDS = 10.0  # between two checks whether the metrics have series to forget
MAX_WAITING_THREADS = 2
STILL_READ = "the files of {} are still being read: is the disk slow or away?"
log = logging.getLogger("npserve")


class CatalogueReloader:
    """Keeps `catalogue` up to date with the store. Loaded versions stay if the store becomes unreadable.

    `listeners` are called, in any thread, when the catalogue has been replaced.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._watcher = StoreWatcher(settings.models, self._prepare)
        self._prepared: dict[Version, Endpoint] = {}  # those that are not in the catalogue yet
        self._names: list[str] | None = None  # of all models, when the store has been listed
        self._checked, self._loading, self._preferred = set[str](), {WHOLE_STORE}, set[str]()
        self._queue = ModelQueue(self._check)
        self.catalogue = Catalogue(default_model=settings.default_model, loading=frozenset(self._loading))
        self.listeners: list[Callable[[], object]] = []
        self._reset()

    def _reset(self) -> None:
        self._stopped, self._first_load, self._updating = threading.Event(), threading.Event(), threading.Lock()
        self._shown: Catalogue | None = None  # by the metrics
        self._updated_at = self._forget_at = 0.0
        self._waiters = threading.Semaphore(MAX_WAITING_THREADS)

    def start(self, seconds: float) -> None:
        """Poll once per POLL_SECONDS in a background thread, also in the processes that are forked from this one.

        Wait for the first load, but not longer than that.
        """
        self._start_thread()
        call_after_fork(self._restart)
        self._first_load.wait(seconds)

    def _start_thread(self) -> None:
        threading.Thread(target=self._run, name="follow-the-store", daemon=True).start()

    def _restart(self) -> None:
        is_stopped = self._stopped.is_set()
        self._prepared.clear()  # a load may have been interrupted
        self._reset()
        if not is_stopped:
            self._start_thread()

    def stop(self) -> None:
        self._stopped.set()

    def prefer(self, name: str) -> None:
        """Load a model before others, because a request waits for it."""
        if name not in self._preferred and name != WHOLE_STORE:
            self._preferred.add(name)
            self._queue.prefer(name)

    def wait_for(self, name: str | None, seconds: float) -> None:
        """Wait in this thread until a model (None: the default one) has been loaded, but not longer than some seconds.

        Few threads wait at the same time, so that others are left for the models that are loaded.
        """
        if self.catalogue.awaited(name) is None or not self._waiters.acquire(blocking=False):
            return
        end, replaced = time.monotonic() + seconds, threading.Event()
        self.listeners.append(replaced.set)
        try:
            while (awaited := self.catalogue.awaited(name)) is not None and (left := end - time.monotonic()) > 0:
                self.prefer(awaited)
                replaced.wait(left)
                replaced.clear()
        finally:
            self.listeners.remove(replaced.set)
            self._waiters.release()

    def poll(self) -> None:
        """Poll the store once. An unexpected error is logged, so that the worker and the polling continue."""
        try:
            self._poll()
        except Exception:
            log.exception("polling the store failed")

    def _run(self) -> None:
        self.poll()
        while not self._stopped.wait(POLL_SECONDS if self._queue.is_empty else 0):
            self.poll()

    def _poll(self) -> None:
        names = self._watcher.names()
        if names != self._names:
            if WHOLE_STORE not in self._watcher.problems:
                self._checked.intersection_update(names)
            self._loading = set(names) - self._checked
            self._names = names
        self._queue.add(names)
        self._update()
        self._queue.wait(POLL_SECONDS)
        self._update()
        with self._updating:
            if self._shown is not self.catalogue:
                self._show()
            if (now := time.monotonic()) >= self._forget_at:
                self._forget_at = now + FORGET_SECONDS
                self._metrics.forget_retired()

    def _check(self, name: str) -> None:
        """Look for changes of one model, in a thread of the queue."""
        try:
            attempts = self._watcher.check(name)
            if not attempts and name not in self._loading and name not in self._preferred:
                return
            for attempt in attempts:
                self._metrics.count_load(name, "failed" if attempt.error else "loaded")
                if attempt.error:
                    log.error("could not load %s %d: %s", name, attempt.number, attempt.error)
                else:
                    # The startup message lists the versions loaded at startup.
                    level = logging.INFO if self._first_load.is_set() else logging.DEBUG
                    log.log(level, "loaded %s %d", name, attempt.number)
            self._checked.add(name)
            self._loading.discard(name)
            is_due = self._queue.is_empty or time.monotonic() > self._updated_at + UPDATE_SECONDS
            if is_due or name in self._preferred:
                self._preferred.discard(name)
                self._update()
        except Exception:
            log.exception("checking %s failed", name)

    def _prepare(self, version: Version) -> None:
        self._prepared[version] = self._make(version)

    def _make(self, version: Version) -> Endpoint:
        return Endpoint.make(version, self._settings, self._metrics)

    def _update(self) -> None:
        """Replace the catalogue if something has changed."""
        with self._updating:
            is_replaced = self._replace()
            if not self.catalogue.loading:
                self._first_load.set()
        if is_replaced:
            for listener in tuple(self.listeners):
                listener()

    def _replace(self) -> bool:
        before, served, problems = self.catalogue, self._watcher.served, dict(self._watcher.problems)
        for name in self._queue.overdue(MAX_LOADING_SECONDS):
            problems[name] = STILL_READ.format(self._settings.models / name)
        loading = frozenset(self._loading.difference(problems))
        self._updated_at = time.monotonic()
        if (served, problems, loading) == (before.models, before.problems, before.loading):
            return False
        # Each step can be repeated: the process may be forked at any point (gunicorn's --preload).
        for name, problem in problems.items():
            if problem != before.problems.get(name):
                log.error("%s", problem)
        known = {endpoint.version: endpoint for endpoint in before.endpoints.values()}
        endpoints = {
            (name, number): known.get(version) or self._prepared.get(version) or self._make(version)
            for name, model in served.items()
            for number, version in model.versions.items()
        }
        is_starting = bool(loading) and not self._first_load.is_set()
        self.catalogue = Catalogue(served, endpoints, self._settings.default_model, problems, loading, is_starting)
        for endpoint in endpoints.values():
            self._prepared.pop(endpoint.version, None)
        if not loading:  # while many models are loaded, they are shown once a second
            self._show()
        return True

    def _show(self) -> None:
        """Let the metrics show the served versions."""
        models, problems = self.catalogue.models, self.catalogue.problems
        self._metrics.show_served(
            {*models, *problems},
            [(model.versions[n], alias) for model in models.values() for alias, n in model.aliases.items()],
        )
        self._metrics.show_ready(self.catalogue.ready_models)
        self._shown, self._forget_at = self.catalogue, 0.0
