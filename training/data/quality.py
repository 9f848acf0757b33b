"""What is strange about the data, found before training: warnings, for what can't be trained on was refused before."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from nn import Category
from nn.columns import Column
from training.data.dataset import DataSet, Part

SAMPLE_ROWS = 50_000  # of each part, by which columns are judged
FEW_ROWS = 10  # of a class
GIVEN_AWAY = 0.999  # of the validation rows (or of the variance) that one column alone explains
BINS = 64
SHIFTED, CHANCE = (
    0.1,
    1e-4,
)  # the largest difference of two distributions that passes, and the chance of one by accident

Codes = npt.NDArray[Any]


def check(data: DataSet) -> list[str]:
    """Return the findings, one sentence each."""
    return [*data.notes, *_rare_classes(data), *_missing(data), *_duplicates(data), *_columns(data)]


def _rare_classes(data: DataSet) -> Iterator[str]:
    if data.targets.task == "classification":
        counts = np.bincount(data.train.y, minlength=len(data.targets.labels))
        for label, count in zip(data.targets.labels, counts.tolist(), strict=True):
            if count < FEW_ROWS:
                yield f"class {label!s} has {count} rows to learn from: expect little of it"


def _missing(data: DataSet) -> Iterator[str]:
    wanted = [j for j, column in enumerate(data.features.columns) if column.missing]
    if not wanted:
        return
    counts = sum(np.isnan(codes[:, wanted]).sum(axis=0) for codes, _ in data.train.chunks())
    for j, count in zip(wanted, np.asarray(counts).tolist(), strict=True):
        yield f"column {data.features.columns[j].name}: {count:,} of {len(data.train):,} values are missing"


def _duplicates(data: DataSet) -> Iterator[str]:
    multipliers = np.random.default_rng(0).integers(1, 2**63, len(data.features), dtype=np.uint64) | np.uint64(1)
    train, test = (_hashes(part, multipliers) for part in (data.train, data.test))
    values, counts = np.unique(train, return_counts=True)
    if repeated := len(train) - len(values):
        yield f"{repeated:,} training rows repeat another one"
        conflicts = _conflicts(train, data.train.y, values[counts > 1])
        if conflicts and data.targets.task == "classification":
            yield f"{conflicts:,} training rows have the same values as another one, but another label"
    if leaked := int(np.isin(test, values).sum()):
        yield f"{leaked:,} of {len(test):,} test rows are training rows too: the test flatters the model"


def _hashes(part: Part, multipliers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return a number for each row that is the same for the same codes, and else hardly ever."""
    hashes = [np.empty(0, np.uint64)]
    for codes, _ in part.chunks():
        whole = np.ascontiguousarray(codes + 0 if codes.dtype.kind == "f" else codes)  # -0.0 is 0.0
        bits = whole.view(f"u{whole.itemsize}").astype(np.uint64)
        bits ^= bits >> np.uint64(32)
        hashes.append((bits * multipliers).sum(axis=1, dtype=np.uint64))
    return np.concatenate(hashes)


def _conflicts(hashes: npt.NDArray[np.uint64], y: Codes, repeated: npt.NDArray[np.uint64]) -> int:
    """Count the rows whose codes come with more than one label."""
    rows = np.isin(hashes, repeated)
    groups, group_of = np.unique(hashes[rows], return_inverse=True)
    lowest, highest = np.full(len(groups), np.inf), np.full(len(groups), -np.inf)
    np.minimum.at(lowest, group_of, y[rows])
    np.maximum.at(highest, group_of, y[rows])
    return int((lowest != highest)[group_of].sum())


def _columns(data: DataSet) -> Iterator[str]:
    """Look at each column by itself; in an image none says much."""
    if data.image is not None or not len(data.validation) or not len(data.test):
        return
    train, validation, test = (_sample(part) for part in (data.train, data.validation, data.test))
    yield from _target_shift(data, train[1], test[1])
    for j, column in enumerate(data.features.columns):
        places = [_places(column, part[0][:, j], train[0][:, j]) for part in (train, validation, test)]
        told = _explained(data.targets.task, places[0], train[1], places[1], validation[1])
        if data.targets.task == "regression" and not isinstance(column, Category):
            told = max(told, _rank_correlation(validation[0][:, j], validation[1]) ** 2)
        if told > GIVEN_AWAY:
            yield (
                f"column {column.name} alone gives the target away ({told:.2%} of the validation part):"
                " will it be known when predictions are made?"
            )
        if _differ(places[0], places[2]):
            yield f"column {column.name} is distributed otherwise in the test part than in the training part"


def _sample(part: Part) -> tuple[Codes, Codes]:
    step = -(-len(part) // SAMPLE_ROWS)
    rows = part.rows[::step]
    return part.codes[rows].astype(np.float64), part.targets[rows]


def _target_shift(data: DataSet, train: Codes, test: Codes) -> Iterator[str]:
    if data.targets.task == "regression":
        edges = np.unique(np.quantile(train, np.linspace(0, 1, BINS + 1)[1:-1]))
        train, test = np.searchsorted(edges, train), np.searchsorted(edges, test)
    if _differ(train, test):
        yield "the target is distributed otherwise in the test part than in the training part"


def _places(column: Column, codes: Codes, reference: Codes) -> npt.NDArray[np.intp]:
    """Sort codes into places: the categories, or bins of equally many training rows; one for what is missing."""
    missing = np.isnan(codes)
    if isinstance(column, Category):
        places = np.where(missing, column.one_hot_width, codes)
    else:
        edges = np.unique(np.nanquantile(reference, np.linspace(0, 1, BINS + 1)[1:]))
        # What lies beyond all training rows belongs to the last bin.
        bins = np.minimum(np.searchsorted(edges, codes), len(edges) - 1)
        places = np.where(missing, len(edges), bins)
    return places.astype(np.intp)


def _explained(task: str, places: npt.NDArray[np.intp], y: Codes, other: npt.NDArray[np.intp], other_y: Codes) -> float:
    """Return the share of other rows that the commonest class (of their variance that the mean) of a place explains."""
    count = max(int(places.max()), int(other.max())) + 1
    if task == "classification":
        table = np.zeros((count, int(max(y.max(), other_y.max())) + 1))
        np.add.at(table, (places, y), 1)
        if np.bincount(other_y).max() > GIVEN_AWAY * len(other_y):
            return 0.0
        return float((table.argmax(axis=1)[other] == other_y).mean())
    rows = np.bincount(places, minlength=count)
    means = np.bincount(places, y, count) / np.maximum(rows, 1)
    variance = float(np.var(other_y))
    return 1 - float(np.square(other_y - means[other]).mean()) / variance if variance else 0.0


def _rank_correlation(codes: Codes, y: Codes) -> float:
    """Return Spearman's, of the rows that have a value: bins of a skewed target can't explain all of it."""
    known = ~np.isnan(codes)
    if min(len(np.unique(codes[known])), len(np.unique(y[known]))) < 2:
        return 0.0
    return float(stats.spearmanr(codes[known], y[known]).statistic)


def _differ(train: npt.NDArray[Any], test: npt.NDArray[Any]) -> bool:
    """Tell whether two samples of places differ by much, and by more than chance (chi-squared test)."""
    count = int(max(train.max(), test.max())) + 1
    table = np.array([np.bincount(train, minlength=count), np.bincount(test, minlength=count)])
    table = table[:, table.sum(axis=0) > 0]
    shares = table / table.sum(axis=1, keepdims=True)
    if np.abs(shares[0] - shares[1]).sum() / 2 < SHIFTED or table.shape[1] < 2:
        return False
    return bool(stats.chi2_contingency(table).pvalue < CHANCE)
