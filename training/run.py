"""The `train` command: load, check, fit, evaluate on rows that were not learned from, report, publish."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np

from store import Publication
from store.layout import model_folder
from training.config import Config
from training.console import Console
from training.data.dataset import DataSet, Part
from training.data.load import load
from training.data.quality import check
from training.evaluation.confidence import intervals
from training.evaluation.scores import predict
from training.fit import fit
from training.publishing.provenance import made
from training.publishing.publish import publish_model
from training.report.report import Run, render

GOLDEN_POOL = 4096  # test rows from which golden rows are chosen
CHECKPOINTS = ".training"  # in the store, where no model can have that name


def run(
    config: Config,
    name: str,
    *,
    models: Path,
    console: Console | None = None,
    promote: bool = True,
    force: bool = False,
) -> Publication:
    """Train a network and publish it as the next version of `name`. Raises TrainingError, StoreError."""
    console = console or Console()
    model_folder(models, name)  # a bad name is better known before an hour of training
    data = load(config)
    findings = check(data)
    for finding in findings:
        console.finding(finding)
    checkpoint = _checkpoint(config, name, models, data)
    if checkpoint.exists():
        console.goes_on(checkpoint)
    trained = fit(config, data, checkpoint=checkpoint, callbacks=console.callbacks())
    outcome = predict(trained.model, data.test.chunks())
    figures = outcome.metrics(data.targets.task)
    bounds = intervals(outcome, data.targets.task)
    console.figures(figures, bounds)
    provenance = made(data.source, config.seed)
    report = render(Run(name, config, data, findings, trained, outcome, figures, bounds, provenance))
    publication = publish_model(
        models,
        name,
        trained.model,
        golden_pool(data),
        {"test": figures},
        provenance,
        files={"config.toml": config.to_toml().encode(), "report.html": report.encode()},
        promote=promote,
        force=force,
    )
    shutil.rmtree(checkpoint, ignore_errors=True)
    console.published(publication, models)
    return publication


def _checkpoint(config: Config, name: str, models: Path, data: DataSet) -> Path:
    """Return the folder of a run's checkpoint: the same settings and data find the same one."""
    settings = config.to_toml() + json.dumps(data.source)
    return models / CHECKPOINTS / f"{name}-{hashlib.sha256(settings.encode()).hexdigest()[:12]}"


def golden_pool(data: DataSet) -> np.ndarray:
    """Return codes (B, K) of test rows, or of validation or training rows where there are none."""
    part: Part = next(part for part in (data.test, data.validation, data.train) if len(part))
    return np.asarray(part.codes[part.rows[:GOLDEN_POOL]])
