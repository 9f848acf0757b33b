"""What the store's tests publish."""

from collections.abc import Callable

from store import Publication

PROVENANCE = {"command": "pytest", "seed": 0}
Publish = Callable[..., Publication]
