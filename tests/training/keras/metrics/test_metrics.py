"""Compares metrics with values computed by hand and with those of scikit-learn."""

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
    """Return the result after an update with two batches."""
    for part in (slice(0, 2), slice(2, None)):
        metric.update(y[part], p[part])
    return metric.result()


def test_accuracies() -> None:
    assert _result(get_metric("accuracy", Y, 3), Y, P) == 0.5
    assert _result(get_metric("Accuracy", Y, 3), Y, P) == 0.5
    assert _result(get_metric("acc", np.eye(3)[Y], 3), np.eye(3)[Y], P) == 0.5
    one = P[:, :1]
    assert _result(get_metric("accuracy", Y[:, None], 1), np.array([[1], [0], [1], [0]]), one) == 0.75
    assert _result(metrics.Accuracy(), Y, np.array([[0.0], [2], [0], [1]])) == 0.75
    # An output of exactly 0.5 is not positive.
    assert _result(metrics.BinaryAccuracy(), np.ones((4, 1)), np.full((4, 1), 0.5)) == 0


def test_top_k(rng: np.random.Generator) -> None:
    y, p = rng.integers(0, 8, 300), rng.random((300, 8))
    expected = top_k_accuracy_score(y, p, k=3, labels=range(8))
    assert _result(SparseTopKCategoricalAccuracy(k=3), y, p) == pytest.approx(expected)
    assert _result(TopKCategoricalAccuracy(k=3), np.eye(8)[y], p) == pytest.approx(expected)


def test_mean_errors() -> None:
    y, p = np.array([[0.0], [1], [2], [3]]), np.array([[1.0], [1], [0], [3]])
    assert _result(get_metric("mae", y, 1), y, p) == 0.75
    assert _result(get_metric("mse", y, 1), y, p) == 1.25


def test_precision_recall_and_auc(rng: np.random.Generator) -> None:
    y = rng.integers(0, 2, (2000, 1))
    p = np.clip(rng.normal(0.4 + 0.2 * y, 0.2), 0, 1)
    at_half = p[:, 0] > 0.5
    assert _result(Precision(), y, p) == pytest.approx(precision_score(y, at_half))
    assert _result(Recall(), y, p) == pytest.approx(recall_score(y, at_half))
    assert _result(AUC(), y, p) == pytest.approx(roc_auc_score(y, p), abs=1e-3)
    expected = average_precision_score(y, p)
    assert _result(AUC(curve="PR"), y, p) == pytest.approx(expected, abs=5e-3)


def test_without_positive_targets_the_metrics_are_zero() -> None:
    y, p = np.zeros((4, 1)), np.zeros((4, 1))
    for metric in (Precision(), Recall(), AUC(), AUC(curve="PR")):
        assert _result(metric, y, p) == 0


def test_auc_without_negative_targets() -> None:
    # As in Keras.
    y, p = np.ones((4, 1)), np.array([[0.2], [0.5], [0.9], [1]])
    assert _result(AUC(curve="PR"), y, p) == pytest.approx(1)
    assert _result(AUC(), y, p) == 0


def test_thresholds() -> None:
    y, p = np.array([[0], [0], [1], [1]]), np.array([[0.1], [0.4], [0.4], [0.9]])
    assert _result(metrics.BinaryAccuracy(threshold=0.3), y, p) == 0.75
    assert _result(Precision(0.3), y, p) == pytest.approx(2 / 3)
    assert _result(Recall(thresholds=None), y, p) == 0.5
    with pytest.raises(TrainingError, match=r"argument `thresholds`\. Expected a number in the range \[0, 1\]"):
        Precision([0.3, 0.5])  # type: ignore[arg-type]
    with pytest.raises(
        TrainingError, match=r"argument `threshold`\. Expected a number in the range \[0, 1\]\. Received: threshold=2"
    ):
        metrics.BinaryAccuracy(threshold=2)
    with pytest.raises(
        TrainingError,
        match=r"argument `num_thresholds`\. Expected a positive integer\. Received: num_thresholds='many'",
    ):
        AUC("many")  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match=r"argument `k`\. Expected a positive integer\. Received: k=0"):
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
def test_unknown_arguments_are_rejected(kind: Any, argument: str) -> None:
    with pytest.raises(TrainingError, match=f"Unrecognized keyword arguments passed to {kind.__name__}: {argument}"):
        kind(**{argument: 1})


def test_lookup_by_name() -> None:
    assert get_metric("auc", Y, 1).name == "auc"
    assert AUC().name == "auc"
    assert SparseTopKCategoricalAccuracy().name == "sparse_top_k_categorical_accuracy"
    own = AUC(name="area")
    own.update(np.ones((1, 1)), np.ones((1, 1)))
    assert get_metric(own, Y, 1) is own
    assert own.totals.sum() == 0
    with pytest.raises(
        TrainingError, match=r"Could not interpret metric identifier: 'beauty'\. Expected one of: accuracy"
    ):
        get_metric("beauty", Y, 1)
    with pytest.raises(TrainingError, match=r"argument `curve`\. Expected 'ROC' or 'PR'\. Received: curve='LIFT'"):
        AUC(curve="LIFT")
