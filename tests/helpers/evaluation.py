"""Evaluation results without a model."""

import numpy as np

from training.evaluation.scores import EvaluationResult


def classification_result(correct: np.ndarray) -> EvaluationResult:
    """A result of two classes, by which rows are predicted correctly."""
    outputs = np.where(correct[:, None], [0.9, 0.1], [0.1, 0.9]).astype(np.float32)
    return EvaluationResult(outputs, np.where(correct, 0.1, 2.3), np.zeros(len(correct), np.intp))
