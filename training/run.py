"""A training run: load and check the data, fit, evaluate on the test set, report, publish."""

import hashlib
import json
import shutil
from pathlib import Path

from nn import Artifact
from store import Publication, publish
from store.layout import model_folder
from training.config import Config
from training.console import Console
from training.data.dataset import DataSet
from training.data.load import load_dataset
from training.data.quality import check_quality
from training.evaluation.confidence import confidence_intervals
from training.evaluation.plausibility import check_predictions
from training.evaluation.scores import evaluate_model
from training.fitting.fit import fit_model
from training.interrupts import still_published
from training.publishing.golden_rows import POOL_ROWS, choose_golden_rows
from training.publishing.provenance import collect_provenance
from training.report.report import TrainingRun, render

CHECKPOINT_FOLDER = ".training"  # in the store; not a valid model name


def run(
    config: Config,
    name: str,
    *,
    models: Path,
    console: Console | None = None,
    promote: bool = True,
    force: bool = False,
) -> Publication:
    """Train a model and publish it as the next version of `name`. Raises TrainingError, StoreError."""
    console = console or Console()
    model_folder(models, name)  # raises StoreError for an invalid name before training
    data = load_dataset(config)
    checkpoint = _checkpoint(config, name, models, data)
    training_run = train_model(config, data, console, checkpoint)
    publication = None
    try:
        publication = publish_run(training_run, name, models, promote=promote, force=force)
        shutil.rmtree(checkpoint, ignore_errors=True)
        console.published(publication, models, refused=promote and publication.alias != "stable")
    except KeyboardInterrupt as error:
        if publication is None:
            raise
        raise still_published(publication) from error
    return publication


def train_model(config: Config, data: DataSet, console: Console, checkpoint: Path | None = None) -> TrainingRun:
    """Check the data, fit a model and evaluate it. Raises TrainingError."""
    warnings = check_quality(data)
    for warning in warnings:
        console.warning(warning)
    if checkpoint and checkpoint.exists():
        console.resume(checkpoint)
    fitted = fit_model(config, data, checkpoint=checkpoint, callbacks=console.callbacks)
    task = data.targets.task
    result = evaluate_model(fitted.model, data.test.chunks())
    scores, intervals = result.scores(task), confidence_intervals(result, task)
    console.scores(scores, intervals)
    doubts = check_predictions(result, data.train.y) if task == "regression" else []
    for doubt in doubts:
        console.warning(doubt)
    provenance = collect_provenance(data.source, config.seed)
    return TrainingRun(config, data, [*warnings, *doubts], fitted, result, scores, intervals, provenance)


def publish_run(training_run: TrainingRun, name: str, models: Path, *, promote: bool, force: bool) -> Publication:
    """Publish the model with its report as the next version of `name`. Raises StoreError."""
    config, model, test = training_run.config, training_run.fitted.model, training_run.data.test
    files = {"config.toml": config.to_toml().encode(), "report.html": render(name, training_run).encode()}
    artifact = Artifact(model, choose_golden_rows(model, test.take(slice(POOL_ROWS))[0]))
    metrics = {"test": training_run.scores}
    return publish(models, name, artifact, metrics, training_run.provenance, files=files, promote=promote, force=force)


def _checkpoint(config: Config, name: str, models: Path, data: DataSet) -> Path:
    """Return the checkpoint folder of a run; its name is a hash of settings and data."""
    settings = config.to_toml() + json.dumps(data.source)
    return models / CHECKPOINT_FOLDER / f"{name}-{hashlib.sha256(settings.encode()).hexdigest()[:12]}"
