"""The global random seed, data sets that make batches, and one-hot encoding of class indices: `keras.utils`."""

from typing import Any

import numpy as np
import numpy.typing as npt

from training.errors import TrainingError
from training.keras.lookup import module_getattr

_seed_sequence = np.random.SeedSequence()


def set_random_seed(seed: int) -> None:
    """Sets the seed from which the random generators of models are derived.

    Models that are created after this call are initialized and trained reproducibly on the same machine. Unlike in
    Keras, the global generators of Python and NumPy are not seeded.

    Args:
        seed: A non-negative integer.
    """
    global _seed_sequence
    _seed_sequence = np.random.SeedSequence(seed)


def new_generator() -> np.random.Generator:
    """Return a generator that is independent of all others; of NumPy's bit generators SFC64 is the fastest."""
    (child,) = _seed_sequence.spawn(1)
    return np.random.Generator(np.random.SFC64(child))


class PyDataset:
    """Base class of data sets that make batches by number, `keras.utils.Sequence` in older scripts.

    A subclass defines `__len__`, the number of batches, and `__getitem__(index)`, which returns a batch (x, y) or
    (x, y, sample_weight). `on_epoch_end` is called at the end of every epoch, such as to shuffle the samples.

    Args:
        parallel: `workers`, `use_multiprocessing` and `max_queue_size`, which are accepted for compatibility:
            batches are made one after the other.
    """

    def __init__(self, **parallel: Any) -> None:
        if unknown := sorted(parallel.keys() - {"workers", "use_multiprocessing", "max_queue_size"}):
            raise TypeError(f"unexpected keyword argument {unknown[0]!r}")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define __len__, the number of batches")

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__, which returns a batch")

    def on_epoch_end(self) -> None:
        """Called at the end of every epoch."""


Sequence = PyDataset


def to_categorical(x: npt.ArrayLike, num_classes: int | None = None) -> npt.NDArray[np.float64]:
    """Converts class indices (B,) to a one-hot matrix (B, C).

    Args:
        x: Array-like with class indices from 0 to `num_classes - 1`.
        num_classes: Number of classes; `max(x) + 1` by default.

    Returns:
        The one-hot encoding.
    """
    classes = np.asarray(x).astype(np.intp)
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    count = int(classes.max()) + 1 if num_classes is None else num_classes
    if classes.size and not (classes.min() >= 0 and classes.max() < count):
        raise TrainingError(
            f"`x` must contain class indices from 0 to {count - 1}. Received: values from {classes.min()} to"
            f" {classes.max()}"
        )
    return np.eye(count)[classes]


__getattr__ = module_getattr(__name__, ["PyDataset", "Sequence", "set_random_seed", "to_categorical"])
