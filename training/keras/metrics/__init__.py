"""Metrics, which are accumulated batch by batch and reported with the loss: `keras.metrics`.

Sample weights apply to the loss only, not to the metrics. Names, defaults and formulas are those of Keras 3
(`keras/src/metrics/`). Read base, means, confusion.
"""

from typing import Any

from training.keras.engine.data_adapter import TargetArray
from training.keras.lookup import look_up, module_getattr
from training.keras.metrics.base import Mean, Metric
from training.keras.metrics.confusion import AUC, Precision, Recall
from training.keras.metrics.means import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)

__all__ = [
    "AUC",
    "METRICS",
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "Mean",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "Recall",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "get_metric",
]

METRICS: dict[str, type[Metric]] = {
    "accuracy": Accuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "binary_accuracy": BinaryAccuracy,
    "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
    "top_k_categorical_accuracy": TopKCategoricalAccuracy,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "auc": AUC,
    "precision": Precision,
    "recall": Recall,
}


def get_metric(identifier: Any, y: TargetArray, outputs: int) -> Metric:
    """Return a metric by name, or reset and return a metric instance.

    "accuracy" and "acc" select the accuracy that fits the targets and the number of outputs.
    """
    if isinstance(identifier, Metric):
        identifier.reset()
        return identifier
    accuracy = BinaryAccuracy if outputs == 1 else SparseCategoricalAccuracy if y.ndim == 1 else CategoricalAccuracy
    kind = accuracy if str(identifier).lower() in ("accuracy", "acc") else look_up("metric", identifier, METRICS)
    return kind(name=identifier)


__getattr__ = module_getattr(__name__, dict.fromkeys(kind.__name__ for kind in METRICS.values()))
