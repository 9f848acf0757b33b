"""The evaluation of a training run: on a test set, or by cross-validation on all rows, beside two simpler models."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nn import Model
from training.data.dataset import DataSet, Split
from training.evaluation.confidence import Interval, confidence_intervals
from training.evaluation.scores import EvaluationResult, evaluate_model

MIN_PROBABILITY = 1e-15  # of a class that no training row has

Scores = dict[str, float]


@dataclass(frozen=True)
class Evaluation:
    """The result on rows that the model was not trained on; `split` is the name of its metrics in the manifest.

    `baselines` has the scores of simpler models on the same rows. If there are folds, each row was predicted by the
    model of its fold; `deviations` has the standard deviation of each metric over the folds.
    """

    split: str
    rows: Split
    result: EvaluationResult
    scores: Scores
    intervals: dict[str, Interval]
    baselines: dict[str, Scores] = field(default_factory=dict)
    deviations: Scores = field(default_factory=dict)
    folds: int = 0

    @classmethod
    def of(
        cls, result: EvaluationResult, task: str, rows: Split, split: str, simpler: Mapping[str, EvaluationResult]
    ) -> Self:
        """Return the evaluation of a model from its result on rows, beside the results of simpler models."""
        baselines = {name: baseline.scores(task) for name, baseline in simpler.items()}
        return cls(split, rows, result, result.scores(task), confidence_intervals(result, task), baselines)


def simpler_models(linear: Model, train: Split, rows: Split) -> dict[str, EvaluationResult]:
    """Return the results of the linear model, and of the same prediction for all rows."""
    y = rows.y
    constant = constant_result(train.y, y, len(linear.labels))
    name = "most common class" if linear.labels else "mean of the training set"
    return {"linear model": evaluate_model(linear, rows.chunks()), name: constant}


def constant_result(train_y: NDArray[Any], y: NDArray[Any], classes: int) -> EvaluationResult:
    """Return the result of predicting, for every row, the class frequencies or the mean of the training set."""
    if not classes:
        mean = float(train_y.mean(dtype=np.float64))
        return EvaluationResult(np.full((len(y), 1), mean, np.float32), np.square(y.astype(np.float64) - mean), y)
    shares = np.maximum(np.bincount(train_y, minlength=classes) / len(train_y), MIN_PROBABILITY)
    return EvaluationResult(np.tile(shares.astype(np.float32), (len(y), 1)), -np.log(shares[y]), y)


def cross_validate(data: DataSet, folds: int, fit_fold: Callable[[int], tuple[Model, Model, DataSet]]) -> Evaluation:
    """Evaluate models on the folds that they were not trained on.

    `fit_fold` returns model, linear model and data of a fold; its test rows have the numbers that they have in `data`.
    """
    numbers, results = [], []
    simpler: dict[str, list[EvaluationResult]] = {}
    task = data.targets.task
    for fold in range(folds):
        model, linear, part = fit_fold(fold)
        numbers.append(part.test.rows)
        results.append(evaluate_model(model, part.test.chunks()))
        for name, result in simpler_models(linear, part.train, part.test).items():
            simpler.setdefault(name, []).append(result)
    each = [result.scores(task) for result in results]
    deviations = {name: float(np.std([scores[name] for scores in each], ddof=1)) for name in each[0] if name != "rows"}
    rows = data.train.choose(np.concatenate(numbers))
    order = np.argsort(rows.rows)
    order = order[rows.complete[order]]  # the model of all rows may require values that a fold's model did not
    result = EvaluationResult.concatenate(results).take(order)
    combined = {name: EvaluationResult.concatenate(parts).take(order) for name, parts in simpler.items()}
    evaluation = Evaluation.of(result, task, rows.choose(rows.rows[order]), "folds", combined)
    return replace(evaluation, deviations=deviations, folds=folds)
