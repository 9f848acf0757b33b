"""Limits the bytes that a worker holds for its clients.

Each request has one reservation. In the event-loop server it grows with the body and with the decoded rows, shrinks to
the unsent bytes of the response, and is released when those are few; in other WSGI servers it starts when the body is
read. Slow clients time out, but without a limit a dozen of them could fill the memory before that.
"""

from threading import Lock

from service.errors import Overloaded

# Smaller reservations are neither counted nor refused: a few rows are accepted regardless of the other clients.
SMALL = 2**16
REFUSAL = "the server holds too many bytes of other requests: try again later"


class MemoryBudget:
    """The bytes held by all reservations. A reservation may grow while all others together hold at most `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes, self.held = max_bytes, 0
        self.lock = Lock()  # a WSGI server has several threads

    def reserve(self, size: int = 0) -> "Reservation":
        """Return a reservation of `size` bytes. Raises Overloaded."""
        reservation = Reservation(self)
        reservation.resize(size)
        return reservation


class Reservation:
    """The bytes held for one request, until `release`."""

    __slots__ = ("_budget", "_counted", "_released")

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget, self._counted, self._released = budget, 0, False

    def resize(self, size: int) -> None:
        """Change the size. Raises Overloaded if it grows while the other reservations hold too much."""
        if size > max(self._counted, SMALL) and self._budget.held - self._counted > self._budget.max_bytes:
            raise Overloaded(REFUSAL)
        self.settle(size)

    def settle(self, size: int) -> None:
        """Change the size without a check, for bytes that exist already."""
        counted = size if size > SMALL else 0
        if counted != self._counted and not self._released:
            with self._budget.lock:
                self._budget.held += counted - self._counted
            self._counted = counted

    def release(self) -> None:
        """Release all bytes; later changes of the size are ignored. May be called more than once."""
        self.settle(0)
        self._released = True
