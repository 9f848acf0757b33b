"""Training from Python, such as in a notebook: `training.train(frame, target="species").publish("flowers")`."""

from functools import partial
from pathlib import Path
from typing import Any

from training.config import Config
from training.console import Console
from training.data.load import Source, load_dataset, training_source
from training.errors import TrainingError
from training.evaluation.measure import Evaluation
from training.run import train_model
from training.training_run import TrainingRun

FRAME_NAME = "(data frame)"  # in the settings, for data that are not in a file


class _BarsOnly(Console):
    """Shows the progress; the rest is the text of the run that is returned."""

    def warning(self, text: str) -> None:
        pass

    def scores(self, evaluation: Evaluation) -> None:
        pass


def train(data: Any, target: str | None = None, *, test_data: Any = None, **settings: Any) -> TrainingRun:
    """Train a model with the recipe of `npserve train`; return the run, which shows its results and can publish them.

    Args:
        data: A data frame of pandas or Polars, a PyArrow table, or the path of a .csv, .parquet or .npz file.
        target: Name of the column to predict.
        test_data: The test set, as a data frame or a path; by default, rows are held out.
        settings: Any other setting of `npserve train`, such as `folds=5` or `layers=(128,)`.

    Raises TrainingError.
    """
    source = None if isinstance(data, str | Path) else Source.of_frame(data)
    test = None if test_data is None or isinstance(test_data, str | Path) else Source.of_frame(test_data)
    names = {"data": FRAME_NAME if source else str(data)}
    if test_data is not None:
        names["test_data"] = FRAME_NAME if test else str(test_data)
    if source and target is None:
        raise TrainingError("set target to the column to predict")
    config = Config.read(None, names | {"target": None if target is None else str(target)} | settings)
    load = partial(load_dataset, config, data=training_source(config, source), test=test)
    return train_model(config, load(), load, _BarsOnly())
