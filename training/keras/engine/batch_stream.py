"""Batches that a generator or a `Sequence` makes while the model trains, so that the data need not be in memory."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from training.errors import TrainingError
from training.keras.engine.data_adapter import Batch

ReadBatch = Callable[..., Batch]  # receives inputs, targets and perhaps weights, and checks them


class BatchStream:
    """Base class of the sources of batches. `y` are the targets of the first batch, which tell their kind."""

    kind: str
    exhausted = False  # whether there is no other batch, in this epoch or in a later one

    def __init__(self, read: ReadBatch, first: Any) -> None:
        self._read = read
        self.first = self._read_item(first, 0)
        self.y = self.first.y

    def steps(self, per_epoch: int | None) -> int | None:
        """Return the number of batches in an epoch; None if only the end of the source tells."""
        return per_epoch

    def epoch(self, steps: int | None, rng: np.random.Generator | None) -> Iterator[Batch]:
        """Yield the batches of an epoch, at most `steps`; given `rng`, in random order if the source has an order."""
        raise NotImplementedError

    def _read_item(self, item: Any, number: int) -> Batch:
        if not isinstance(item, tuple | list) or len(item) not in (2, 3):
            raise TrainingError(
                f"batch {number} of the {self.kind} must be a tuple (x, y) or (x, y, sample_weight)."
                f" Received: {type(item).__name__}"
            )
        try:
            return self._read(*item)
        except TrainingError as error:
            raise TrainingError(f"batch {number} of the {self.kind}: {error}") from error


class GeneratorStream(BatchStream):
    """The batches of an iterator, read one ahead: an epoch goes on where the last one ended."""

    kind = "generator"

    def __init__(self, batches: Iterator[Any], read: ReadBatch) -> None:
        self._batches = enumerate(batches)
        _, first = next(self._batches, (0, None))
        if first is None:
            raise TrainingError("`x` is empty: the generator has no batches")
        super().__init__(read, first)
        self._next = self.first

    def epoch(self, steps: int | None, rng: np.random.Generator | None) -> Iterator[Batch]:
        taken = 0
        while not self.exhausted and taken != steps:
            batch, taken = self._next, taken + 1
            following = next(self._batches, None)
            self.exhausted = following is None
            if following is not None:
                self._next = self._read_item(following[1], following[0])
            yield batch


class SequenceStream(BatchStream):
    """The batches of a `Sequence`, which are made by number: all of them in every epoch, or the first steps."""

    kind = "Sequence"

    def __init__(self, sequence: Any, read: ReadBatch) -> None:
        if not len(sequence):
            raise TrainingError("`x` is empty: the Sequence has no batches")
        super().__init__(read, sequence[0])
        self._sequence = sequence

    def steps(self, per_epoch: int | None) -> int | None:
        count = len(self._sequence)
        return count if per_epoch is None else min(per_epoch, count)

    def epoch(self, steps: int | None, rng: np.random.Generator | None) -> Iterator[Batch]:
        count = len(self._sequence)
        order = np.arange(count) if rng is None else rng.permutation(count)
        for number in order[:steps].tolist():
            yield self._read_item(self._sequence[number], number)
        self._sequence.on_epoch_end()


def as_stream(x: Any, read: ReadBatch) -> BatchStream | None:
    """Return the batches of a generator or a `Sequence`, or None for any other x. Raises TrainingError."""
    if not makes_batches(x):
        return None
    return GeneratorStream(x, read) if hasattr(x, "__next__") else SequenceStream(x, read)


def makes_batches(x: Any) -> bool:
    """Return whether x is a generator, or has the methods of a `Sequence`, as that of Keras itself has."""
    return hasattr(x, "__next__") or all(hasattr(x, name) for name in ("__getitem__", "__len__", "on_epoch_end"))
