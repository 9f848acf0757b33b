"""Notes on a regression whose test predictions are off as a whole, or far beyond what training has seen."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from training.evaluation.scores import EvaluationResult, format_metric

MAX_STANDARD_ERRORS = 4.0  # of the mean error of many rows; for few rows, the number that is as unlikely
CHANCE = 2 * stats.norm.sf(MAX_STANDARD_ERRORS)


def check_predictions(result: EvaluationResult, train_y: NDArray[Any], file_rows: NDArray[np.intp]) -> list[str]:
    """Return the notes on the predictions of test rows, given the targets (N,) of the training set.

    `file_rows` are the numbers of the test rows in their file.
    """
    predicted = result.outputs[:, 0].astype(np.float64)
    return [*_bias(predicted - result.targets), *_beyond(predicted, train_y.astype(np.float64), file_rows)]


def _bias(errors: NDArray[np.float64]) -> Iterator[str]:
    if len(errors) < 2:
        return
    mean, deviation = float(errors.mean()), float(errors.std(ddof=1))
    times = abs(mean) / (deviation / np.sqrt(len(errors))) if deviation else 0.0
    if 2 * stats.t.sf(times, len(errors) - 1) < CHANCE:
        direction = "high" if mean > 0 else "low"
        yield (
            f"predictions of rows that were not trained on are too {direction} by {format_metric(abs(mean))} on average"
            f" ({times:.1f} standard errors); check that these rows were collected like those of the training set"
        )


def _beyond(predicted: NDArray[np.float64], train_y: NDArray[np.float64], file_rows: NDArray[np.intp]) -> Iterator[str]:
    low, high = float(train_y.min()), float(train_y.max())
    outside = np.maximum(low - predicted, predicted - high)
    if count := int((outside > high - low).sum()):
        worst = int(outside.argmax())
        yield (
            f"{count:,} of {len(predicted):,} predictions of rows that were not trained on lie outside the range of the"
            f" training targets ({format_metric(low)} to {format_metric(high)}) by more than its width, for example"
            f" {format_metric(predicted[worst])} in row {file_rows[worst]}; such rows differ from all those"
            " of the training set"
        )
