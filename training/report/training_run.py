"""The results of a training run, as a report describes them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from training.config import Config
from training.data.dataset import DataSet
from training.evaluation.confidence import Interval
from training.evaluation.scores import EvaluationResult
from training.fit import FittedModel


@dataclass(frozen=True)
class TrainingRun:
    """Settings, data, fitted model and test results of a finished run."""

    name: str
    config: Config
    data: DataSet
    warnings: list[str]
    fitted: FittedModel
    result: EvaluationResult
    scores: dict[str, float]
    intervals: dict[str, Interval]
    provenance: dict[str, Any]

    @property
    def is_classification(self) -> bool:
        """Whether the task is a classification."""
        return self.data.targets.task == "classification"

    @cached_property
    def confusion(self) -> npt.NDArray[np.intp]:
        """The number of test rows by true class (first axis) and predicted class."""
        count = len(self.data.targets.labels)
        cells = self.result.targets * count + self.result.outputs.argmax(axis=1)
        return np.bincount(cells, minlength=count * count).reshape(count, count)
