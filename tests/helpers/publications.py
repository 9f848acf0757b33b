"""Types and provenance for the tests of the store."""

from collections.abc import Callable

from store import Publication

PROVENANCE = {"command": "pytest", "seed": 0}
Publish = Callable[..., Publication]
