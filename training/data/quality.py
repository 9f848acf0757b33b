"""Data quality checks before training: a warning for each problem that does not prevent training."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from nn import Category
from nn.columns import Column
from nn.features import Codes
from training.data.dataset import DataSet, Split

CHECK_SAMPLE_ROWS = 50_000  # of each split, for the checks of single columns
MIN_CLASS_ROWS = 10
LEAKAGE_SHARE = 0.999  # of the validation rows (or of their variance), explained by one column
QUANTILE_BINS = 64
MAX_SHIFT = 0.1  # total variation distance between training set and test set
SIGNIFICANCE = 1e-4  # of a test, divided by the number of columns that are tested: in one of many, luck is likely
Bins = NDArray[np.intp]


def check_quality(data: DataSet) -> list[str]:
    """Return the notes of loading and the data quality warnings, one sentence each."""
    return [*data.notes, *_rare_classes(data), *_missing_values(data), *_duplicates(data), *_column_warnings(data)]


def _rare_classes(data: DataSet) -> Iterator[str]:
    if data.targets.task == "classification":
        counts = np.bincount(data.train.y, minlength=len(data.targets.labels))
        for label, count in zip(data.targets.labels, counts.tolist(), strict=True):
            if count < MIN_CLASS_ROWS:
                yield f"class {label!s} has few rows in the training set ({count}); its predictions may be unreliable"


def _missing_values(data: DataSet) -> Iterator[str]:
    if any(column.missing for column in data.features.columns):
        counts = np.sum([np.isnan(codes).sum(axis=0) for codes, _ in data.train.chunks()], axis=0)
        for column, count in zip(data.features.columns, counts.tolist(), strict=True):
            if count:
                yield f"column {column.name}: {count:,} of {len(data.train):,} training values are missing"


def _duplicates(data: DataSet) -> Iterator[str]:
    multipliers = np.random.default_rng(0).integers(1, 2**63, len(data.features), dtype=np.uint64) | np.uint64(1)
    train, test = (_hashes(split, multipliers) for split in (data.train, data.test))
    values, group_of = np.unique(train, return_inverse=True)
    if repeated := len(train) - len(values):
        yield f"duplicate rows in the training set: {repeated:,} of {len(train):,}"
        if classes := len(data.targets.labels):
            pairs = np.unique(group_of * classes + data.train.y)
            has_several = np.bincount(pairs // classes) > 1
            if conflicts := np.count_nonzero(has_several[group_of]):
                yield f"training rows with equal values but different labels: {conflicts:,}"
    if leaked := int(np.isin(test, values).sum()):
        yield f"test metrics may be too optimistic: the training set has {leaked:,} of the {len(test):,} test rows"


def _hashes(split: Split, multipliers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return a 64-bit hash of the codes of each row (N,)."""
    hashes = [np.empty(0, np.uint64)]
    for codes, _ in split.chunks():
        block = np.ascontiguousarray(codes + 0 if codes.dtype.kind == "f" else codes)  # -0.0 becomes 0.0
        bits = block.view(f"u{block.itemsize}").astype(np.uint64)
        bits ^= bits >> np.uint64(32)
        hashes.append((bits * multipliers).sum(axis=1, dtype=np.uint64))
    return np.concatenate(hashes)


def _column_warnings(data: DataSet) -> Iterator[str]:
    """Check each column on its own; not for images, where a single pixel carries little information."""
    if data.image is not None or not len(data.validation):
        return
    train, validation, test = (_sample(split) for split in (data.train, data.validation, data.test))
    if len(data.test):
        yield from _target_shift(data, train[1], test[1])
    significance = SIGNIFICANCE / len(data.features)
    for j, column in enumerate(data.features.columns):
        bins = [_bin_codes(column, codes[:, j], train[0][:, j]) for codes, _ in (train, validation, test)]
        explained = _explained_share(data.targets.task, bins[0], train[1], bins[1], validation[1])
        if data.targets.task == "regression" and not isinstance(column, Category):
            explained = max(explained, _rank_correlation(validation[0][:, j], validation[1]) ** 2)
        if explained > LEAKAGE_SHARE and _chance(data.targets.task, explained, validation[1]) < significance:
            yield (
                f"column {column.name} may leak the target: it alone explains {explained:.2%} of the validation set;"
                " check that its value is known at prediction time"
            )
        if len(data.test) and _distributions_differ(bins[0], bins[2], significance):
            yield f"column {column.name} is distributed differently in the test set and the training set"


def _sample(split: Split) -> tuple[Codes, Codes]:
    codes, targets = split.take(slice(None, None, max(-(-len(split) // CHECK_SAMPLE_ROWS), 1)))
    return codes.astype(np.float64), targets


def _target_shift(data: DataSet, train: Codes, test: Codes) -> Iterator[str]:
    if data.targets.task == "regression":
        edges = np.unique(np.quantile(train, np.linspace(0, 1, QUANTILE_BINS + 1)[1:-1]))
        train, test = np.searchsorted(edges, train), np.searchsorted(edges, test)
    if _distributions_differ(train, test, SIGNIFICANCE):
        yield "the target is distributed differently in the test set and the training set"


def _bin_codes(column: Column, codes: Codes, reference: Codes) -> Bins:
    """Assign codes to bins: categories, or quantile bins of the training set; missing values have a separate bin."""
    missing = np.isnan(codes)
    if isinstance(column, Category):
        bins = np.where(missing, column.one_hot_width, codes)
    else:
        edges = np.unique(np.nanquantile(reference, np.linspace(0, 1, QUANTILE_BINS + 1)[1:]))
        # Values above the training maximum belong to the last bin.
        quantile_bins = np.minimum(np.searchsorted(edges, codes), len(edges) - 1)
        bins = np.where(missing, len(edges), quantile_bins)
    return bins.astype(np.intp)


def _explained_share(task: str, train_bins: Bins, train_y: Codes, validation_bins: Bins, validation_y: Codes) -> float:
    """Predict the most common class (or mean) of each training bin; return the accuracy (or r²) on validation rows."""
    count = max(int(train_bins.max()), int(validation_bins.max())) + 1
    if task == "classification":
        table = np.zeros((count, int(max(train_y.max(), validation_y.max())) + 1))
        np.add.at(table, (train_bins, train_y), 1)
        if np.bincount(validation_y).max() > LEAKAGE_SHARE * len(validation_y):
            return 0.0
        return float((table.argmax(axis=1)[validation_bins] == validation_y).mean())
    rows = np.bincount(train_bins, minlength=count)
    means = np.bincount(train_bins, train_y, count) / np.maximum(rows, 1)
    variance = float(np.var(validation_y))
    return 1 - float(np.square(validation_y - means[validation_bins]).mean()) / variance if variance else 0.0


def _chance(task: str, explained: float, y: Codes) -> float:
    """Return the probability that a column without information explains this share of the targets y (B,).

    For a classification, each row is guessed right with the share of the largest class. For a regression, r² of B
    points has a beta distribution.
    """
    if task == "classification":
        right = round(explained * len(y))
        return float(stats.binom.sf(right - 1, len(y), np.bincount(y.astype(np.intp)).max() / len(y)))
    return float(stats.beta.sf(explained, 0.5, (len(y) - 2) / 2)) if len(y) > 2 else 1.0


def _rank_correlation(codes: Codes, y: Codes) -> float:
    """Return Spearman's rank correlation over the rows with a value.

    Bins cannot explain all of a skewed target, even if the column is a copy of it.
    """
    present = ~np.isnan(codes)
    if min(len(np.unique(codes[present])), len(np.unique(y[present]))) < 2:
        return 0.0
    return float(stats.spearmanr(codes[present], y[present]).statistic)


def _distributions_differ(train: NDArray[Any], test: NDArray[Any], significance: float) -> bool:
    """Return whether two samples of bins differ by more than MAX_SHIFT, and significantly (chi-squared test)."""
    count = int(max(train.max(), test.max())) + 1
    table = np.array([np.bincount(train, minlength=count), np.bincount(test, minlength=count)])
    table = table[:, table.sum(axis=0) > 0]
    shares = table / table.sum(axis=1, keepdims=True)
    if np.abs(shares[0] - shares[1]).sum() / 2 < MAX_SHIFT or table.shape[1] < 2:
        return False
    return bool(stats.chi2_contingency(table).pvalue < significance)
