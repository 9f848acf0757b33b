"""The workers of one server, which know of each other: how many models each serves, and how many connections it has.

Each worker notes it in its record of the shared memory. The kernel releases the lock of a record when its process dies,
however it dies, so a dead worker counts for nothing after REFRESH_SECONDS.
"""

import logging
import time
from collections.abc import Iterator
from math import inf

from service.metrics.memory import ACCEPTS, CONNECTIONS, READY
from service.metrics.registry import Metrics
from service.prediction.reloader import POLL_SECONDS, CatalogueReloader

REFRESH_SECONDS = 0.5
WAIT_SECONDS = 0.1
PROBLEM_SECONDS = 3 * POLL_SECONDS  # until a problem of the store has been noticed
log = logging.getLogger("npserve")


class Siblings:
    """The records of this worker and of the others. Without shared memory, there seem to be no others."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics, self._own = metrics, metrics.record
        self.connections = 0
        self.refresh()

    def refresh(self) -> None:
        """Look which other workers live."""
        self._others = self._metrics.records_of_others()

    def wait_while_others_serve_more(self, reloader: CatalogueReloader) -> Iterator[None]:
        """Wait before this worker accepts connections, and yield from time to time.

        While the store is away, or a part of it cannot be read, a new worker has fewer models than the others. It would
        answer 404 or 503 to requests that the others can serve. It does not wait for a model that has been removed.
        """
        began, is_noted = time.monotonic(), False
        while self._most_ready > (catalogue := reloader.catalogue).ready_models:
            is_noticed = time.monotonic() > began + PROBLEM_SECONDS
            if catalogue.ready and (catalogue.loading or (is_noticed and not catalogue.problems)):
                return
            if is_noticed and not is_noted:
                log.warning("the other workers serve more models: this one accepts no connections until it has them")
                is_noted = True
            yield
            time.sleep(WAIT_SECONDS)
            self.refresh()

    @property
    def accept(self) -> bool:
        """Whether another worker accepts connections."""
        return any(record[ACCEPTS] for record in self._others)

    @property
    def _most_ready(self) -> int:
        """The models of the worker that serves the most, among the others that accept connections."""
        return max((int(record[READY]) for record in self._others if record[ACCEPTS]), default=0)

    @property
    def fewest_connections(self) -> float:
        """The connections of the worker that has the fewest, among the others that accept."""
        return min((int(record[CONNECTIONS]) for record in self._others if record[ACCEPTS]), default=inf)

    def add_connection(self) -> None:
        self._note_connections(self.connections + 1)

    def remove_connection(self) -> None:
        self._note_connections(self.connections - 1)

    def _note_connections(self, number: int) -> None:
        self.connections = number
        if self._own is not None:
            self._own[CONNECTIONS] = number

    def note(self, *, accepts: bool) -> None:
        """Let the others know whether this worker accepts connections."""
        if self._own is not None:
            self._own[ACCEPTS] = accepts
