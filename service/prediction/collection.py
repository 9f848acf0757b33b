"""Pauses the garbage collector while a large body is parsed.

A collection meanwhile would visit each of the new values again and again. The collector belongs to the process, and
several threads may parse: it is enabled again when none does, if it was enabled before.
"""

import gc
from threading import Lock

_lock = Lock()
_parsing = 0
_was_enabled = True


class WithoutCollection:
    """A context in which no garbage is collected."""

    def __enter__(self) -> None:
        global _parsing, _was_enabled
        with _lock:
            if not _parsing:
                _was_enabled = gc.isenabled()
            _parsing += 1
            gc.disable()

    def __exit__(self, *_: object) -> None:
        global _parsing
        with _lock:
            _parsing -= 1
            if not _parsing and _was_enabled:
                gc.enable()
