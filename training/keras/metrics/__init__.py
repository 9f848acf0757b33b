"""What is reported beside the loss, by Keras's names."""

from training.keras.lookup import no_other
from training.keras.metrics.base import (
    AUC,
    METRICS,
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    Mean,
    MeanAbsoluteError,
    MeanSquaredError,
    Metric,
    Precision,
    Recall,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    check_metric,
    get_metric,
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
    "check_metric",
    "get_metric",
]

__getattr__ = no_other("metric", dict.fromkeys(kind.__name__ for kind in METRICS.values()))
