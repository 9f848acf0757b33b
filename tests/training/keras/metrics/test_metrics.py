"""Metrics by hand, and against scikit-learn's."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_score, recall_score, roc_auc_score, top_k_accuracy_score

from training import TrainingError
from training.keras import metrics
from training.keras.metrics import (
    AUC,
    Precision,
    Recall,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    get_metric,
)

Y = np.array([0, 2, 1, 1])
P = np.array([[0.8, 0.1, 0.1], [0.1, 0.5, 0.4], [0.2, 0.3, 0.5], [0.1, 0.7, 0.2]])


def _result(metric: metrics.Metric, y: np.ndarray, p: np.ndarray) -> float:
    """Gather in two batches."""
    for part in (slice(0, 2), slice(2, None)):
        metric.update(y[part], p[part])
    return metric.result()


def test_accuracy_in_all_its_forms() -> None:
    assert _result(get_metric("accuracy", Y, 3), Y, P) == 0.5
    assert _result(get_metric("Accuracy", Y, 3), Y, P) == 0.5
    assert _result(get_metric("acc", np.eye(3)[Y], 3), np.eye(3)[Y], P) == 0.5
    one = P[:, :1]
    assert _result(get_metric("accuracy", Y[:, None], 1), np.array([[1], [0], [1], [0]]), one) == 0.75
    assert _result(metrics.Accuracy(), Y, np.array([[0.0], [2], [0], [1]])) == 0.75
    # Exactly one half is no yes.
    assert _result(metrics.BinaryAccuracy(), np.ones((4, 1)), np.full((4, 1), 0.5)) == 0


def test_top_k(rng: np.random.Generator) -> None:
    y, p = rng.integers(0, 8, 300), rng.random((300, 8))
    expected = top_k_accuracy_score(y, p, k=3, labels=range(8))
    assert _result(SparseTopKCategoricalAccuracy(k=3), y, p) == pytest.approx(expected)
    assert _result(TopKCategoricalAccuracy(k=3), np.eye(8)[y], p) == pytest.approx(expected)


def test_distances() -> None:
    y, p = np.array([[0.0], [1], [2], [3]]), np.array([[1.0], [1], [0], [3]])
    assert _result(get_metric("mae", y, 1), y, p) == 0.75
    assert _result(get_metric("mse", y, 1), y, p) == 1.25


def test_of_positives_and_negatives(rng: np.random.Generator) -> None:
    y = rng.integers(0, 2, (2000, 1))
    p = np.clip(rng.normal(0.4 + 0.2 * y, 0.2), 0, 1)
    at_half = p[:, 0] > 0.5
    assert _result(Precision(), y, p) == pytest.approx(precision_score(y, at_half))
    assert _result(Recall(), y, p) == pytest.approx(recall_score(y, at_half))
    assert _result(AUC(), y, p) == pytest.approx(roc_auc_score(y, p), abs=1e-3)
    expected = average_precision_score(y, p)
    assert _result(AUC(curve="PR"), y, p) == pytest.approx(expected, abs=5e-3)


def test_without_positives_they_are_zero() -> None:
    y, p = np.zeros((4, 1)), np.zeros((4, 1))
    for metric in (Precision(), Recall(), AUC(), AUC(curve="PR")):
        assert _result(metric, y, p) == 0


def test_with_positives_alone() -> None:
    # As Keras has it.
    y, p = np.ones((4, 1)), np.array([[0.2], [0.5], [0.9], [1]])
    assert _result(AUC(curve="PR"), y, p) == pytest.approx(1)
    assert _result(AUC(), y, p) == 0


def test_thresholds() -> None:
    y, p = np.array([[0], [0], [1], [1]]), np.array([[0.1], [0.4], [0.4], [0.9]])
    assert _result(metrics.BinaryAccuracy(threshold=0.3), y, p) == 0.75
    assert _result(Precision(0.3), y, p) == pytest.approx(2 / 3)
    assert _result(Recall(thresholds=None), y, p) == 0.5
    with pytest.raises(TrainingError, match="thresholds must be a number from 0 to 1"):
        Precision([0.3, 0.5])  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match="threshold must be a number from 0 to 1, got 2"):
        metrics.BinaryAccuracy(threshold=2)
    with pytest.raises(TrainingError, match="num_thresholds must be a whole number, at least 1, got 'many'"):
        AUC("many")  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match="k must be a whole number, at least 1, got 0"):
        TopKCategoricalAccuracy(k=0)


@pytest.mark.parametrize(
    ("kind", "argument"),
    [
        (Precision, "class_id"),
        (Recall, "top_k"),
        (AUC, "multi_label"),
        (metrics.MeanSquaredError, "reduction"),
        (metrics.BinaryAccuracy, "axis"),
        (SparseTopKCategoricalAccuracy, "n"),
    ],
)
def test_arguments_that_are_not_taken(kind: Any, argument: str) -> None:
    with pytest.raises(TrainingError, match=f"Unrecognized keyword arguments passed to {kind.__name__}: {argument}"):
        kind(**{argument: 1})


def test_look_up() -> None:
    assert get_metric("auc", Y, 1).name == "auc"
    assert AUC().name == "auc"
    assert SparseTopKCategoricalAccuracy().name == "sparse_top_k_categorical_accuracy"
    own = AUC(name="area")
    own.update(np.ones((1, 1)), np.ones((1, 1)))
    assert get_metric(own, Y, 1) is own
    assert own.totals.sum() == 0
    with pytest.raises(TrainingError, match="Could not interpret metric identifier: 'beauty'; known are"):
        get_metric("beauty", Y, 1)
    with pytest.raises(TrainingError, match="AUC takes at least 2 thresholds and ROC or PR"):
        AUC(curve="LIFT")
