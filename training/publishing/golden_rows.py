"""Choosing golden rows: real rows, and made ones, until no weight could be wrong unnoticed.

A kernel entry is exercised by a row in which its input is not zero and its unit reaches the
logits, for then the logits depend on it. Real rows leave entries out (a pixel that is black in all
of them, a unit that is seldom awake), so rows are made from real ones: each number is moved, by so
little that the units which the row wakes stay awake, and some categories are exchanged. Larger
moves come last, for pairs of units that no real row wakes together. What is then left belongs to
dead units, or to such pairs still.
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
POOL = 2048  # rows looked at in all, and made for each distance
BLOCK = 256  # candidates weighed against each other at a time
SHARE = 1e-3  # of the most that a real row brings; less is next to nothing
NUDGES = (0.25, 0.0625, 0.015625, 1.0, 4.0)  # in the unit of the scaled inputs
CHANGED = 0.25  # of the cells of a category or a boolean, and of those that may be missing

Mask = npt.NDArray[np.float32]  # of zeros and ones, so that products count


def choose(model: Model, codes: Codes, rng: np.random.Generator) -> Golden:
    """Choose golden rows for a model from the codes of rows (B, K) that it may meet."""
    # The products are small: a second BLAS thread costs more in waiting than it computes.
    with threadpool_limits(1, user_api="blas"):
        return _choose(model, codes, rng)


def _choose(model: Model, codes: Codes, rng: np.random.Generator) -> Golden:
    pool = codes[rng.permutation(len(codes))[:POOL]].astype("f4" if model.features.only_numbers else "f8")
    chosen = [*pool[:REAL_ROWS]]
    wanted = [np.ones(layer.kernel.shape, np.float32) for layer in model.network.layers]
    enough = [SHARE * np.abs(flow).max(axis=0) for flow in _flows(model, pool)]
    exercise = _Exercise.of(_flows(model, pool[:REAL_ROWS]), enough)
    for row in range(len(chosen)):
        exercise.strike(wanted, row)
    for candidates in _candidates(model, pool, rng):
        if not any(entries.any() for entries in wanted):
            break
        exercise = _Exercise.of(_flows(model, candidates), enough)
        while (gains := exercise.gains(wanted)).max(initial=0) > 0:
            best = int(gains.argmax())
            exercise.strike(wanted, best)
            chosen.append(candidates[best])
    return Golden.measure(model, model.features.to_cells(np.stack(chosen)))


def _candidates(model: Model, codes: Codes, rng: np.random.Generator) -> Iterator[Codes]:
    """Yield blocks of made rows, moved by one distance after the other."""
    columns = model.features.columns
    unit = np.array([_unit(column) for column in columns], np.float32)
    others = [j for j, column in enumerate(columns) if isinstance(column, Boolean | Category) or column.missing]
    for nudge in NUDGES:
        for start in range(0, POOL, BLOCK):
            # Few rows come several times: each time something else is made of them.
            block = codes[np.arange(start, start + BLOCK) % len(codes)]
            sign = rng.choice(np.array([-1, 1], np.float32), block.shape)
            share = rng.uniform(0.5, 1, block.shape).astype(np.float32)
            # A number that a client sends is rounded to float32.
            made = np.where(unit > 0, (block + nudge * unit * sign * share).astype(np.float32), block)
            for j in others:
                made[:, j] = _exchange(columns[j], made[:, j], rng)
            yield made[np.isfinite(model.logits(made)).all(axis=1)]


def _unit(column: Column) -> float:
    """Return one unit of the scaled input in the units of the codes; 0 for what can't be moved a little."""
    scale = 0.0 if isinstance(column, Boolean | Category) else column.transforms[0].scale
    return 1 / scale if scale else 0.0


def _exchange(column: Column, codes: Codes, rng: np.random.Generator) -> Codes:
    """Put another value in the place of some, and nothing in the place of others where that may be."""
    changed = rng.random(len(codes)) < CHANGED
    if isinstance(column, Boolean | Category):
        codes = np.where(changed, rng.integers(0, column.one_hot_width or 2, len(codes)), codes)
    if column.missing:
        codes = np.where(rng.random(len(codes)) < CHANGED, np.nan, codes)
    return codes


@dataclass(frozen=True)
class _Exercise:
    """For each layer and each row: which inputs are not zero (B, I), which units reach the logits (B, U)."""

    inputs: list[Mask]
    units: list[Mask]

    @classmethod
    def of(cls, flows: list[Array], enough: list[Array]) -> Self:
        """Count what is not next to nothing beside what real rows bring (such as a saturated tanh)."""
        masks = [(np.abs(flow) > least).astype(np.float32) for flow, least in zip(flows, enough, strict=True)]
        return cls(masks[0::2], masks[1::2])

    def gains(self, wanted: list[Mask]) -> Mask:
        """Count the wanted entries that each row exercises: (B,)."""
        gains = [((x @ entries) * u).sum(axis=1) for x, u, entries in zip(self.inputs, self.units, wanted, strict=True)]
        return np.asarray(np.sum(gains, axis=0), np.float32)

    def strike(self, wanted: list[Mask], row: int) -> None:
        """Want no longer what a row exercises."""
        for x, u, entries in zip(self.inputs, self.units, wanted, strict=True):
            entries[np.ix_(x[row] > 0, u[row] > 0)] = 0


def _flows(model: Model, codes: Codes) -> list[Array]:
    """Run rows forward, and a gradient of the logits back: each layer's inputs (B, I) and gradient (B, U)."""
    layers = model.network.layers
    x: Array = model.features.inputs(codes).astype(np.float64)
    inputs, kept = [x], []
    for layer in layers[:-1]:
        z = layer.preactivation(x)
        x = layer.function.forward(z.copy())
        kept.append(z if layer.function.from_input else x)
        inputs.append(x)
    # Any direction that is not perpendicular to a gradient shows it: units of irrational ratio.
    g: Array = np.sqrt(np.arange(2.0, 2 + model.network.outputs)) * np.ones((len(codes), 1))
    gradients = [g]
    for layer, after, v in zip(layers[-2::-1], layers[:0:-1], reversed(kept), strict=True):
        g = layer.function.backward(g @ after.kernel.T.astype(np.float64), v)
        gradients.insert(0, g)
    return [flow for pair in zip(inputs, gradients, strict=True) for flow in pair]
