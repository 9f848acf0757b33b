"""Updates the catalogue from the store, off the request path: load, check, prepare, replace one reference."""

import logging
import threading

from service.metrics.registry import Metrics
from service.prediction.catalogue import Catalogue, Endpoint
from service.process.forks import call_after_fork
from service.settings import Settings
from store import Version
from store.watch import StoreWatcher

POLL_SECONDS = 1.0
log = logging.getLogger("npserve")


class CatalogueReloader:
    """Keeps `catalogue` up to date with the store. Loaded versions stay if the store becomes unreadable."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._watcher = StoreWatcher(settings.models, self._prepare)
        self._prepared: dict[tuple[str, int], Endpoint] = {}
        self._stopped = threading.Event()
        self.catalogue = Catalogue(default_model=settings.default_model)
        self._is_shown = False  # whether the metrics show it
        self.poll()

    def start(self) -> None:
        """Poll once per POLL_SECONDS in a background thread, also in the processes that are forked from this one."""
        self._start_thread()
        call_after_fork(self._restart)

    def _start_thread(self) -> None:
        threading.Thread(target=self._run, name="follow-the-store", daemon=True).start()

    def _restart(self) -> None:
        if not self._stopped.is_set():
            self._stopped, self._is_shown = threading.Event(), False
            self._start_thread()

    def stop(self) -> None:
        self._stopped.set()

    def poll(self) -> None:
        """Poll the store once. An unexpected error is logged, so that the worker and the polling continue."""
        try:
            self._poll()
            self._metrics.forget_retired()
        except Exception:
            log.exception("polling the store failed")

    def _run(self) -> None:
        while not self._stopped.wait(POLL_SECONDS):
            self.poll()

    def _prepare(self, version: Version) -> None:
        self._prepared[version.name, version.number] = Endpoint.make(version, self._settings, self._metrics)

    def _poll(self) -> None:
        before = self.catalogue
        for attempt in self._watcher.poll():
            self._metrics.count_load(attempt.name, "failed" if attempt.error else "loaded")
            if attempt.error:
                log.error("could not load %s %d: %s", attempt.name, attempt.number, attempt.error)
            else:
                # The startup message lists the versions loaded at startup.
                log.log(logging.INFO if before.models else logging.DEBUG, "loaded %s %d", attempt.name, attempt.number)
        problems = self._watcher.problems
        for name, problem in problems.items():
            if problem != before.problems.get(name):
                log.error("%s", problem)
        if self._is_shown and self._watcher.served == before.models and problems == before.problems:
            return
        endpoints = {
            (name, number): self._prepared[name, number]
            for name, served in self._watcher.served.items()
            for number in served.versions
        }
        self._prepared = dict(endpoints)
        self._is_shown = False
        self.catalogue = Catalogue(self._watcher.served, endpoints, self._settings.default_model, problems)
        self._metrics.show_served(
            {*self._watcher.served, *problems},
            [
                (served.versions[number], alias)
                for served in self._watcher.served.values()
                for alias, number in served.aliases.items()
            ],
        )
        self._is_shown = True
