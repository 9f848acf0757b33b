"""The one source of randomness: what `set_random_seed` seeds, every model and layer draws from."""

import numpy as np
import numpy.typing as npt

from training.errors import TrainingError
from training.keras.lookup import no_other

_root = np.random.SeedSequence()


def set_random_seed(seed: int) -> None:
    """Make what is built and trained from here on repeatable on this machine."""
    global _root
    _root = np.random.SeedSequence(seed)


def new_generator() -> np.random.Generator:
    """Return a generator that is independent of all others; SFC64 is the fastest of numpy's."""
    (child,) = _root.spawn(1)
    return np.random.Generator(np.random.SFC64(child))


def to_categorical(x: npt.ArrayLike, num_classes: int | None = None) -> npt.NDArray[np.float64]:
    """Class numbers (B,) -> one-hot (B, C)."""
    classes = np.asarray(x).astype(np.intp)
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    count = int(classes.max()) + 1 if num_classes is None else num_classes
    if classes.size and not (classes.min() >= 0 and classes.max() < count):
        raise TrainingError(
            f"to_categorical: class numbers go from 0 to {count - 1}, got {classes.min()} to {classes.max()}"
        )
    return np.eye(count)[classes]


__getattr__ = no_other("utility", ["set_random_seed", "to_categorical"])
