"""Types and provenance for the tests of the store."""

from collections.abc import Callable

from store import Publication
from store.watch import LoadAttempt, StoreWatcher

PROVENANCE = {"command": "pytest", "seed": 0}
Publish = Callable[..., Publication]


def poll(watcher: StoreWatcher) -> list[LoadAttempt]:
    """Check all models of a store once, one after the other."""
    return [attempt for name in watcher.names() for attempt in watcher.check(name)]
