"""Following the store off the request path: load, check, make ready, swap one reference."""

import logging
import threading

from service.metrics.registry import Metrics
from service.prediction.catalogue import Catalogue, Endpoint
from service.settings import Settings
from store.watch import StoreWatcher

SECONDS = 1.0
log = logging.getLogger("npserve")


class Follower:
    """Keeps `catalogue` as the store says. Whatever happens to the store, what is loaded stays."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._watch = StoreWatcher(settings.models)
        self._stopped = threading.Event()
        self.catalogue = Catalogue(default_model=settings.default_model)
        self.look()

    def start(self) -> None:
        """Look about once a second, from a thread of its own."""
        threading.Thread(target=self._run, name="follow-the-store", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def look(self) -> None:
        """Look once. A mistake of ours is logged; it must not end the worker, nor the following."""
        try:
            self._look()
        except Exception:
            log.exception("looking at the store failed")

    def _run(self) -> None:
        while not self._stopped.wait(SECONDS):
            self.look()

    def _look(self) -> None:
        before = self.catalogue
        for load in self._watch.poll():
            self._metrics.loads.labels(load.name, "failed" if load.error else "loaded").inc()
            if load.error:
                log.error("could not load %s %d: %s", load.name, load.number, load.error)
            else:
                # Of what is there at the start, the greeting speaks.
                log.log(logging.INFO if before.models else logging.DEBUG, "loaded %s %d", load.name, load.number)
        problems = self._watch.problems
        for name, problem in problems.items():
            if problem != before.problems.get(name):
                log.error("%s", problem)
        if self._watch.served == before.models and problems == before.problems:
            return
        endpoints = {
            (name, number): before.endpoints.get((name, number))
            or Endpoint.make(version, self._settings, self._metrics)
            for name, served in self._watch.served.items()
            for number, version in served.versions.items()
        }
        self.catalogue = Catalogue(self._watch.served, endpoints, self._settings.default_model, problems)
        self._metrics.show_served(
            (served.versions[number], alias)
            for served in self._watch.served.values()
            for alias, number in served.aliases.items()
        )
