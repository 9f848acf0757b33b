"""Chooses golden rows: real and synthetic rows that together exercise every weight of a network.

A row exercises an entry of a kernel if the input of the entry is not zero and a change of its unit reaches the
logits: then the logits depend on the entry. Real rows leave entries unexercised (a pixel that is black in all of
them, a unit that is rarely active), so synthetic rows are made from real ones: each number is moved by so little
that the active units stay active, and some categories are exchanged. Larger moves come last, for pairs of units
that no real row activates together. The entries that are left belong to dead units, or to such pairs.

`_Exercise` holds which entries a block of rows exercises, `uncovered` which entries no chosen row exercises yet. The
choice is greedy: always the row that exercises the most uncovered entries.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from nn import Boolean, Category, Golden, Model
from nn.activations import Array
from nn.columns import Column
from nn.features import Codes

REAL_ROWS = 16
POOL_ROWS = 2048  # real rows to draw from, and synthetic rows for each step size
CANDIDATE_ROWS = 256  # candidates compared at a time
MIN_FLOW_SHARE = 1e-3  # of the largest value in a real row; smaller values and gradients count as zero
STEP_SIZES = (0.25, 0.0625, 0.015625, 1.0, 4.0)  # in units of the scaled inputs
EXCHANGE_RATE = 0.25  # of the cells of a category or a boolean, and of cells that may be missing

Mask = npt.NDArray[np.float32]  # of zeros and ones, so that products count


def choose_golden_rows(model: Model, codes: Codes, rng: np.random.Generator) -> Golden:
    """Choose golden rows for a model from the codes (B, K) of real rows."""
    # The products are small: a second BLAS thread costs more in waiting than it computes.
    with threadpool_limits(1, user_api="blas"):
        return _choose(model, codes, rng)


def _choose(model: Model, codes: Codes, rng: np.random.Generator) -> Golden:
    pool = codes[rng.permutation(len(codes))[:POOL_ROWS]].astype("f4" if model.features.only_numbers else "f8")
    chosen = [*pool[:REAL_ROWS]]
    uncovered = [np.ones(layer.kernel.shape, np.float32) for layer in model.network.layers]
    thresholds = [MIN_FLOW_SHARE * np.abs(flow).max(axis=0) for flow in _flows(model, pool)]
    exercise = _Exercise.of(_flows(model, pool[:REAL_ROWS]), thresholds)
    for row in range(len(chosen)):
        exercise.cover(uncovered, row)
    for candidates in _candidates(model, pool, rng):
        if not any(entries.any() for entries in uncovered):
            break
        exercise = _Exercise.of(_flows(model, candidates), thresholds)
        while (gains := exercise.gains(uncovered)).max(initial=0) > 0:
            best = int(gains.argmax())
            exercise.cover(uncovered, best)
            chosen.append(candidates[best])
    return Golden.measure(model, model.features.to_cells(np.stack(chosen)))


def _candidates(model: Model, codes: Codes, rng: np.random.Generator) -> Iterator[Codes]:
    """Yield blocks of synthetic rows, for one step size after the other."""
    columns = model.features.columns
    units = np.array([_input_unit(column) for column in columns], np.float32)
    exchangeable = [j for j, column in enumerate(columns) if isinstance(column, Boolean | Category) or column.missing]
    for step_size in STEP_SIZES:
        for start in range(0, POOL_ROWS, CANDIDATE_ROWS):
            # A small pool is repeated: each time other random moves are made.
            block = codes[np.arange(start, start + CANDIDATE_ROWS) % len(codes)]
            sign = rng.choice(np.array([-1, 1], np.float32), block.shape)
            share = rng.uniform(0.5, 1, block.shape).astype(np.float32)
            # A number that a client sends is rounded to float32.
            synthetic = np.where(units > 0, (block + step_size * units * sign * share).astype(np.float32), block)
            for j in exchangeable:
                synthetic[:, j] = _exchange(columns[j], synthetic[:, j], rng)
            yield synthetic[np.isfinite(model.logits(synthetic)).all(axis=1)]


def _input_unit(column: Column) -> float:
    """Return one unit of the scaled input in the units of the codes; 0 where values can't be moved."""
    scale = 0.0 if isinstance(column, Boolean | Category) else column.transforms[0].scale
    return 1 / scale if scale else 0.0


def _exchange(column: Column, codes: Codes, rng: np.random.Generator) -> Codes:
    """Replace some values by random ones, and some by a missing value where the column allows it."""
    exchanged = rng.random(len(codes)) < EXCHANGE_RATE
    if isinstance(column, Boolean | Category):
        codes = np.where(exchanged, rng.integers(0, column.one_hot_width or 2, len(codes)), codes)
    if column.missing:
        codes = np.where(rng.random(len(codes)) < EXCHANGE_RATE, np.nan, codes)
    return codes


@dataclass(frozen=True)
class _Exercise:
    """For each layer and each row: which inputs are not zero (B, I), which units reach the logits (B, U)."""

    inputs: list[Mask]
    units: list[Mask]

    @classmethod
    def of(cls, flows: list[Array], thresholds: list[Array]) -> Self:
        """Compare values and gradients with thresholds, so that nearly zero ones (a saturated tanh) do not count."""
        pairs = zip(flows, thresholds, strict=True)
        masks = [(np.abs(flow) > threshold).astype(np.float32) for flow, threshold in pairs]
        return cls(masks[0::2], masks[1::2])

    def gains(self, uncovered: list[Mask]) -> Mask:
        """Count the uncovered entries that each row exercises: (B,)."""
        layers = zip(self.inputs, self.units, uncovered, strict=True)
        gains = [((x @ entries) * u).sum(axis=1) for x, u, entries in layers]
        return np.asarray(np.sum(gains, axis=0), np.float32)

    def cover(self, uncovered: list[Mask], row: int) -> None:
        """Mark the entries that a row exercises as covered."""
        for x, u, entries in zip(self.inputs, self.units, uncovered, strict=True):
            entries[np.ix_(x[row] > 0, u[row] > 0)] = 0


def _flows(model: Model, codes: Codes) -> list[Array]:
    """Run rows forward and a gradient of the logits backward; return each layer's inputs (B, I) and gradient (B, U)."""
    layers = model.network.layers
    x: Array = model.features.inputs(codes).astype(np.float64)
    inputs, kept = [x], []
    for layer in layers[:-1]:
        z = layer.preactivation(x)
        x = layer.function.forward(z.copy())
        kept.append(z if layer.function.from_input else x)
        inputs.append(x)
    # The direction must not be perpendicular to a gradient: its components have irrational ratios.
    g: Array = np.sqrt(np.arange(2.0, 2 + model.network.outputs)) * np.ones((len(codes), 1))
    gradients = [g]
    for layer, after, v in zip(layers[-2::-1], layers[:0:-1], reversed(kept), strict=True):
        g = layer.function.backward(g @ after.kernel.T.astype(np.float64), v)
        gradients.insert(0, g)
    return [flow for pair in zip(inputs, gradients, strict=True) for flow in pair]
