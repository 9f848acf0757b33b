"""Limits the bytes that a worker holds for its clients.

Each request has one reservation. In the event-loop server it grows with the received, the inflated and the parsed body,
shrinks to the rows and the response, then to the unsent bytes of the response, and is released when those are few; in
other WSGI servers it starts when the body is read. Slow clients time out, but without a limit a dozen of them could
fill the memory before that.

Requests of up to MEDIUM bytes share a quarter of the budget: many of them cannot take the memory that few large ones
need, nor the other way round.
"""

from threading import Lock

from service.errors import Overloaded, TooLarge

# Smaller reservations are neither counted nor refused: a few rows are accepted regardless of the other clients.
SMALL = 2**16
MEDIUM = 2**22
MEDIUM_SHARE = 1 / 4
REFUSAL = "the server holds too many bytes of other requests: try again later"


class MemoryBudget:
    """The bytes held by all reservations, and by those of up to MEDIUM bytes."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes, self.max_medium_bytes = max_bytes, max(int(max_bytes * MEDIUM_SHARE), MEDIUM)
        self.held = self.medium_held = 0
        self.lock = Lock()  # large bodies are decoded in threads

    def reserve(self, size: int = 0) -> "Reservation":
        """Return a reservation of `size` bytes. Raises Overloaded, TooLarge."""
        reservation = Reservation(self)
        reservation.resize(size)
        return reservation


class Reservation:
    """The bytes held for one request, until `release`."""

    __slots__ = ("_budget", "_counted", "_is_large", "_released")

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget, self._counted = budget, 0
        self._is_large = self._released = False

    def expect(self, size: int) -> None:
        """State the size that a body will have: a large one does not share the memory of medium ones while it grows."""
        self._is_large = size > MEDIUM

    def resize(self, size: int) -> None:
        """Change the size. Raises Overloaded if it grows beyond what others leave, TooLarge beyond the budget."""
        if size <= SMALL and not self._counted:
            return
        budget = self._budget
        with budget.lock:
            if size > max(self._counted, SMALL):
                if size > budget.max_bytes:
                    limit = f"at most {budget.max_bytes} are held for all requests"
                    raise TooLarge(f"the request needs about {size} bytes of memory; {limit}: send fewer rows")
                medium = self._medium(size)
                others = budget.medium_held - self._medium(self._counted)
                if (
                    medium and others + medium > budget.max_medium_bytes
                ) or budget.held - self._counted + size > budget.max_bytes:
                    raise Overloaded(REFUSAL)
            self._count(size)

    def grow(self, size: int) -> None:
        """Hold `size` bytes more. Raises Overloaded, TooLarge."""
        self.resize(self._counted + size)

    def settle(self, size: int) -> None:
        """Change the size without a check, for bytes that exist already."""
        if size > SMALL or self._counted:
            with self._budget.lock:
                self._count(size)

    def release(self) -> None:
        """Release all bytes; later changes of the size are ignored. May be called more than once."""
        self.settle(0)
        self._released = True

    def _count(self, size: int) -> None:
        if not self._released:
            counted = size if size > SMALL else 0
            self._budget.held += counted - self._counted
            self._budget.medium_held += self._medium(counted) - self._medium(self._counted)
            self._counted = counted

    def _medium(self, size: int) -> int:
        return 0 if self._is_large or size > MEDIUM else size
