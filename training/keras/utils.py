"""The one source of randomness: what `set_random_seed` seeds, every model and layer draws from."""

import numpy as np

_root = np.random.SeedSequence()


def set_random_seed(seed: int) -> None:
    """Make what is built and trained from here on repeatable on this machine."""
    global _root
    _root = np.random.SeedSequence(seed)


def new_generator() -> np.random.Generator:
    """Return a generator that is independent of all others; SFC64 is the fastest of numpy's."""
    (child,) = _root.spawn(1)
    return np.random.Generator(np.random.SFC64(child))
