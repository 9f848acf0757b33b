"""Batches that a generator or a `Sequence` makes while the model trains, so that the data need not be in memory."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from training.errors import TrainingError
from training.keras.engine.data_adapter import Batch, TargetArray

ReadBatch = Callable[..., Batch]  # receives inputs, targets and perhaps weights, and checks them


class BatchStream:
    """Base class of the sources of batches. `y` are the targets of the first batch, which tell their kind."""

    kind: str
    y: TargetArray

    def __init__(self, read: ReadBatch) -> None:
        self._read = read

    def steps(self, per_epoch: int | None) -> int | None:
        """Return the number of batches in an epoch; None if only the end of the source tells."""
        return per_epoch

    def has_next(self) -> bool:
        """Return whether there is another batch, in this epoch or in a later one."""
        return True

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
    """The batches of an iterator: an epoch goes on where the last one ended, and reads only what it uses."""

    kind = "generator"

    def __init__(self, batches: Iterator[Any], read: ReadBatch) -> None:
        self._items = enumerate(batches)
        item = next(self._items, None)
        if item is None:
            raise TrainingError("`x` is empty: the generator has no batches")
        super().__init__(read)
        self._pending: Batch | None = self._read_item(item[1], 0)
        self.y = self._pending.y

    def has_next(self) -> bool:
        if self._pending is None and (item := next(self._items, None)) is not None:
            self._pending = self._read_item(item[1], item[0])
        return self._pending is not None

    def epoch(self, steps: int | None, rng: np.random.Generator | None) -> Iterator[Batch]:
        taken = 0
        while taken != steps and self.has_next() and self._pending is not None:
            batch, self._pending, taken = self._pending, None, taken + 1
            yield batch


class SequenceStream(BatchStream):
    """The batches of a `Sequence`, made by number: all in every epoch or, with fewer steps, those that come next."""

    kind = "Sequence"

    def __init__(self, sequence: Any, read: ReadBatch) -> None:
        if not len(sequence):
            raise TrainingError("`x` is empty: the Sequence has no batches")
        super().__init__(read)
        self._sequence = sequence
        self.y = self._read_item(sequence[0], 0).y
        self._remaining: list[int] = []

    def steps(self, per_epoch: int | None) -> int | None:
        count = len(self._sequence)
        return count if per_epoch is None else min(per_epoch, count)

    def epoch(self, steps: int | None, rng: np.random.Generator | None) -> Iterator[Batch]:
        if not self._remaining:
            count = len(self._sequence)
            self._remaining = (np.arange(count) if rng is None else rng.permutation(count)).tolist()
        numbers, self._remaining = self._remaining[:steps], self._remaining[steps:] if steps else []
        try:
            for number in numbers:
                yield self._read_item(self._sequence[number], number)
        finally:  # also of an epoch that a callback ends
            self._sequence.on_epoch_end()


def as_stream(x: Any, read: ReadBatch) -> BatchStream | None:
    """Return the batches of a generator or a `Sequence`, or None for any other x. Raises TrainingError."""
    if not makes_batches(x):
        return None
    return GeneratorStream(x, read) if hasattr(x, "__next__") else SequenceStream(x, read)


def makes_batches(x: Any) -> bool:
    """Return whether x is a generator, or has the methods of a `Sequence`, as that of Keras itself has."""
    return hasattr(x, "__next__") or all(hasattr(x, name) for name in ("__getitem__", "__len__", "on_epoch_end"))
