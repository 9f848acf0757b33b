"""Counts the values of categories that training has not seen."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn import Features

Chunk = tuple[NDArray[Any], NDArray[Any]]


class UnseenValues:
    """The number of unseen values in each column of categories."""

    def __init__(self, features: Features) -> None:
        self._features = features
        self._counts = np.zeros(len(features.category_names), np.intp)

    def add(self, codes: NDArray[Any]) -> None:
        """Count those in codes (B, K)."""
        if len(self._counts):
            self._counts += self._features.count_unseen(codes)

    def watch(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Yield chunks of codes (B, K) and targets (B,), and count on the way."""
        for codes, y in chunks:
            self.add(codes)
            yield codes, y

    @property
    def counts(self) -> dict[str, int]:
        """The number by column, of the columns that have some."""
        pairs = zip(self._features.category_names, self._counts.tolist(), strict=True)
        return {name: count for name, count in pairs if count}

    @property
    def notes(self) -> list[str]:
        """A sentence for each column that has some."""
        values = {name: f"{count:,} value{'s were' if count > 1 else ' was'}" for name, count in self.counts.items()}
        return [f"column {name}: {some} not seen in training" for name, some in values.items()]
