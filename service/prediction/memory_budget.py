"""How many bytes a worker holds for its clients, and the reservations that count them.

A request has one reservation. In the event-loop server it grows with the body and with what is decoded from it, shrinks
to the bytes of the response that are not sent yet, and is released when those are few; in other WSGI servers it begins
when the body is read. Clients that send or read too slowly are disconnected in the end; until then a dozen of them
could fill the memory.
"""

from threading import Lock

from service.errors import Overloaded

# Fewer bytes than this are not counted and never refused: however much others hold, a few rows are always answered.
SMALL = 2**16
SENDING = "too much is being sent at once: try again"
ASKING = "too much is asked for at once: try again"


class MemoryBudget:
    """The bytes that all reservations hold, and the most that other clients may hold when one begins to hold more."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes, self.held = max_bytes, 0
        self.lock = Lock()  # under a WSGI server there are several threads

    def reserve(self, size: int = 0) -> "Reservation":
        """Return a reservation of so many bytes. Raises Overloaded."""
        reservation = Reservation(self)
        reservation.resize(size)
        return reservation


class Reservation:
    """The bytes that one request holds, until it is released."""

    __slots__ = ("_budget", "_counted", "_released")

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget, self._counted, self._released = budget, 0, False

    def resize(self, size: int, refusal: str = SENDING) -> None:
        """Hold so many bytes instead. Raises Overloaded where that is more, and other clients hold too much."""
        if size > max(self._counted, SMALL) and self._budget.held - self._counted > self._budget.max_bytes:
            raise Overloaded(refusal)
        self.settle(size)

    def settle(self, size: int) -> None:
        """Hold so many bytes instead, of what exists already and can't be refused."""
        counted = size if size > SMALL else 0
        if counted != self._counted and not self._released:
            with self._budget.lock:
                self._budget.held += counted - self._counted
            self._counted = counted

    def release(self) -> None:
        """Hold nothing from now on; may be called again."""
        self.settle(0)
        self._released = True
