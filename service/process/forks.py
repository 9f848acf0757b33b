"""What has to be made again in a forked process: it has no threads, and those of its parent may have held locks."""

import os
from collections.abc import Callable
from weakref import WeakMethod


def call_after_fork(method: Callable[[], None]) -> None:
    """Call a method in each process that is forked from this one, as long as its object exists."""
    reference = WeakMethod(method)

    def call() -> None:
        if found := reference():
            found()

    os.register_at_fork(after_in_child=call)
