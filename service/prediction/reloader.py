"""Updates the catalogue from the store, off the request path: load, check, prepare, replace one reference."""

import logging
import threading

from service.metrics.registry import Metrics
from service.prediction.catalogue import Catalogue, Endpoint
from service.settings import Settings
from store.watch import StoreWatcher

POLL_SECONDS = 1.0
log = logging.getLogger("npserve")


class CatalogueReloader:
    """Keeps `catalogue` up to date with the store. Loaded versions stay if the store becomes unreadable."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._watcher = StoreWatcher(settings.models)
        self._stopped = threading.Event()
        self.catalogue = Catalogue(default_model=settings.default_model)
        self.poll()

    def start(self) -> None:
        """Poll once per POLL_SECONDS in a background thread."""
        threading.Thread(target=self._run, name="follow-the-store", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def poll(self) -> None:
        """Poll the store once. An unexpected error is logged, so that the worker and the polling continue."""
        try:
            self._poll()
        except Exception:
            log.exception("polling the store failed")

    def _run(self) -> None:
        while not self._stopped.wait(POLL_SECONDS):
            self.poll()

    def _poll(self) -> None:
        before = self.catalogue
        for attempt in self._watcher.poll():
            self._metrics.loads.labels(attempt.name, "failed" if attempt.error else "loaded").inc()
            if attempt.error:
                log.error("could not load %s %d: %s", attempt.name, attempt.number, attempt.error)
            else:
                # The startup message lists the versions loaded at startup.
                log.log(logging.INFO if before.models else logging.DEBUG, "loaded %s %d", attempt.name, attempt.number)
        problems = self._watcher.problems
        for name, problem in problems.items():
            if problem != before.problems.get(name):
                log.error("%s", problem)
        if self._watcher.served == before.models and problems == before.problems:
            return
        endpoints = {
            (name, number): before.endpoints.get((name, number))
            or Endpoint.make(version, self._settings, self._metrics)
            for name, served in self._watcher.served.items()
            for number, version in served.versions.items()
        }
        self.catalogue = Catalogue(self._watcher.served, endpoints, self._settings.default_model, problems)
        self._metrics.show_served(
            (served.versions[number], alias)
            for served in self._watcher.served.values()
            for alias, number in served.aliases.items()
        )
