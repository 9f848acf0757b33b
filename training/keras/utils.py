"""The seed of all models and layers, and one-hot targets: `keras.utils`."""

import numpy as np
import numpy.typing as npt

from training.errors import TrainingError
from training.keras.lookup import no_other

_seed_sequence = np.random.SeedSequence()


def set_random_seed(seed: int) -> None:
    """Make the models built and trained from here on repeatable on this machine."""
    global _seed_sequence
    _seed_sequence = np.random.SeedSequence(seed)


def new_generator() -> np.random.Generator:
    """Return a generator that is independent of all others; SFC64 draws the fastest."""
    (child,) = _seed_sequence.spawn(1)
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
