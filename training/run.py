"""The `train` command: load, check, fit, evaluate on rows that were not learned from, publish."""

from pathlib import Path

import numpy as np

from store import Publication
from training.checks import check
from training.config import Config
from training.data import DataSet, Part
from training.evaluation import predict
from training.load import load
from training.provenance import made
from training.publish import publish_model
from training.train import fit

GOLDEN_POOL = 4096  # test rows from which golden rows are chosen


def run(
    config: Config, name: str, *, models: Path, verbose: str | int = "auto", promote: bool = True, force: bool = False
) -> Publication:
    """Train a network and publish it as the next version of `name`. Raises TrainingError, StoreError."""
    data = load(config)
    findings = check(data)
    for finding in findings:
        print(f"Note: {finding}.")
    trained = fit(config, data, [], verbose)
    outcome = predict(trained.model, data.test.chunks())
    metrics = {"test": outcome.metrics(data.targets.task)}
    return publish_model(
        models,
        name,
        trained.model,
        golden_pool(data),
        metrics,
        made(data.source, config.seed),
        files={"config.toml": config.to_toml().encode()},
        promote=promote,
        force=force,
    )


def golden_pool(data: DataSet) -> np.ndarray:
    """Return codes (B, K) of test rows, or of validation or training rows where there are none."""
    part: Part = next(part for part in (data.test, data.validation, data.train) if len(part))
    return np.asarray(part.codes[part.rows[:GOLDEN_POOL]])
