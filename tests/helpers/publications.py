"""What the store's tests publish."""

from collections.abc import Callable

from store import Publication

MADE = {"command": "pytest", "seed": 0}
Publish = Callable[..., Publication]
