"""How many bytes a worker holds for its clients: large bodies until they are answered, responses until they are read.

Clients that send too slowly or read nothing are disconnected in the end; until then a dozen of them could fill the
memory.
"""

from dataclasses import dataclass

# What takes no more bytes than this is always accepted: however much others hold, a few rows are always answered.
SMALL = 2**16


@dataclass(slots=True)
class MemoryBudget:
    """The bytes held, and the most that other clients may hold when one begins to hold more."""

    max_bytes: int
    held: int = 0

    def is_exhausted(self, own: int) -> bool:
        """Tell whether clients other than the one that holds `own` bytes hold too much."""
        return self.held - own > self.max_bytes
