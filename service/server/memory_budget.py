"""How many bytes a worker keeps for its clients: large bodies until they are answered, answers until they are taken.

Who sends too slowly, or takes nothing, is cut in the end; until then a dozen such clients could fill the memory.
"""

from dataclasses import dataclass

# What takes no more bytes than this is taken all the same: however many hold much, a few rows are always answered.
SMALL = 2**16


@dataclass(slots=True)
class Budget:
    """The bytes that are held, and the most that others may hold of them when a client begins to hold more."""

    most: int
    held: int = 0

    def is_spent(self, own: int) -> bool:
        """Tell whether too much is held by others than the client that holds `own` bytes of it."""
        return self.held - own > self.most
