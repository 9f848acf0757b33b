"""Limits the bytes that a worker holds for its clients.

Each request has one reservation. In the event-loop server it grows with the received, the inflated and the parsed body,
shrinks to the rows and the response, then to the unsent bytes of the response, and is released when those are few; in
other WSGI servers it starts when the body is read. Slow clients time out, but without a limit a dozen of them could
fill the memory before that.

Requests of up to MEDIUM bytes share an eighth of the budget, and larger ones the rest: many of the former cannot take
the memory that few of the latter need, nor the other way round.
"""

from threading import Lock

from service.errors import Overloaded, RequestError, TooLarge

# Smaller reservations are neither counted nor refused: a few rows are accepted regardless of the other clients. With
# 4,096 connections, they are at most 32 MiB.
SMALL = 2**13
MEDIUM = 2**22
MEDIUM_SHARE = 1 / 8
REFUSAL = "the server holds too many bytes of other requests: try again later"


class Pool:
    """A part of the budget, and the bytes of it that are held."""

    __slots__ = ("held", "max_bytes")

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes, self.held = max_bytes, 0


class MemoryBudget:
    """The bytes held by all reservations, and those of bodies that are received or wait to be decoded."""

    def __init__(self, max_bytes: int) -> None:
        medium = min(max(int(max_bytes * MEDIUM_SHARE), MEDIUM), max_bytes // 2)
        self.medium, self.large = Pool(medium), Pool(max_bytes - medium)
        self.max_medium = min(MEDIUM, medium)  # a larger reservation belongs to the large ones
        self.received = 0
        self.lock = Lock()  # large bodies are decoded in threads

    @property
    def held(self) -> int:
        """The bytes held by all reservations."""
        return self.medium.held + self.large.held

    def reserve(self, size: int = 0) -> "Reservation":
        """Return a reservation of `size` bytes. Raises Overloaded, TooLarge."""
        reservation = Reservation(self)
        reservation.resize(size)
        return reservation


class Reservation:
    """The bytes held for one request, until `release`."""

    __slots__ = ("_budget", "_counted", "_is_large", "_pool", "_received", "_released")

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget, self._pool = budget, budget.medium
        self._counted = self._received = 0
        self._is_large = self._released = False

    def expect(self, size: int) -> None:
        """State the size that a body will have: a large one does not share the memory of medium ones while it grows."""
        self._is_large = size > MEDIUM

    @property
    def received_by_others(self) -> int:
        """The bytes of the bodies of all other requests that are received or wait to be decoded."""
        return self._budget.received - self._received

    def refusal(self, size: int) -> RequestError | None:
        """Return Overloaded if a body of this size would not fit beside what others hold, TooLarge if it never fits.

        They are not raised: with the frames of its traceback, the error would keep what has been received.
        """
        with self._budget.lock:
            return self._refusal(size, self._pool_for(size))

    def receive(self, size: int) -> None:
        """Change the size to that of the body that has been received. Raises Overloaded, TooLarge."""
        if size > SMALL:
            self._change(size, size)

    def decoded(self) -> None:
        """State that the body is decoded."""
        self._change(self._counted, 0)

    def resize(self, size: int) -> None:
        """Change the size. Raises Overloaded if it grows beyond what others leave, TooLarge beyond the budget."""
        if size > SMALL or self._counted:
            self._change(size, self._received)

    def grow(self, size: int) -> None:
        """Hold `size` bytes more. Raises Overloaded, TooLarge."""
        self.resize(self._counted + size)

    def settle(self, size: int) -> None:
        """Change the size without a check, for bytes that exist already."""
        if size > SMALL or self._counted:
            self._change(size, self._received, checked=False)

    def release(self) -> None:
        """Release all bytes; later changes of the size are ignored. May be called more than once."""
        if not (self._counted or self._received):
            self._released = True
            return
        budget = self._budget
        with budget.lock:
            self._pool.held -= self._counted
            budget.received -= self._received
            self._counted = self._received = 0
            self._released = True

    def _change(self, size: int, received: int, *, checked: bool = True) -> None:
        """Change both counts. This runs several times for each request that is not small: it calls little."""
        budget = self._budget
        with budget.lock:
            if self._released:
                return
            pool = self._pool_for(size)
            if size <= SMALL:
                size = 0
            elif checked and size > self._counted and (error := self._refusal(size, pool)):
                raise error
            self._pool.held -= self._counted
            pool.held += size
            budget.received += received - self._received
            self._pool, self._counted, self._received = pool, size, received

    def _pool_for(self, size: int) -> Pool:
        budget = self._budget
        return budget.large if self._is_large or size > budget.max_medium else budget.medium

    def _refusal(self, size: int, pool: Pool) -> RequestError | None:
        others = pool.held - (self._counted if pool is self._pool else 0)
        if others + size <= pool.max_bytes:
            return None
        if size <= pool.max_bytes:
            return Overloaded(REFUSAL)
        limit = f"at most {pool.max_bytes} are held for such requests"
        return TooLarge(f"the request needs about {size} bytes of memory; {limit}: send fewer rows")
