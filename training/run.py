"""A training run: load and check the data, fit, evaluate on the test set, report, publish."""

import hashlib
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from nn import Model
from store import Publication
from store.layout import model_folder
from training.config import Config
from training.console import Console
from training.data.dataset import DataSet
from training.data.load import load_dataset, training_source
from training.data.quality import check_quality
from training.evaluation.measure import Evaluation, cross_validate, simpler_models
from training.evaluation.plausibility import check_predictions
from training.evaluation.scores import evaluate_model
from training.fitting.fit import FittedModel, fit_model
from training.interrupts import still_published
from training.publishing.provenance import collect_provenance
from training.training_run import TrainingRun

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
    load = partial(load_dataset, config, data=training_source(config))  # read once, also for folds
    data = load()
    checkpoint = _checkpoint(config, name, models, data)
    training_run = train_model(config, data, load, console, checkpoint)
    publication = None
    try:
        console.progress("Writing the report ...")
        publication = training_run.publish(name, models, promote=promote, force=force)
        shutil.rmtree(checkpoint, ignore_errors=True)
        console.published(publication, models, refused=promote and publication.alias != "stable")
    except KeyboardInterrupt as error:
        if publication is None:
            raise
        raise still_published(publication) from error
    return publication


def train_model(
    config: Config, data: DataSet, load: Callable[[int], DataSet], console: Console, checkpoint: Path | None = None
) -> TrainingRun:
    """Check the data, fit a model and evaluate it; `load` returns the data split for a fold. Raises TrainingError."""
    warnings = check_quality(data)
    for warning in warnings:
        console.warning(warning)
    if checkpoint and checkpoint.exists():
        console.resume(checkpoint)

    def fit_fold(fold: int) -> tuple[Model, Model, DataSet]:
        part, title = load(fold), f"fold {fold + 1} of {config.folds}, "
        folder = checkpoint / f"fold-{fold + 1}" if checkpoint else None
        fitted = fit_model(config, part, checkpoint=folder, callbacks=lambda name: console.callbacks(title + name))
        return fitted.model, fitted.linear, part

    evaluation = cross_validate(data, config.folds, fit_fold) if config.folds else None
    fitted = fit_model(config, data, checkpoint=checkpoint, callbacks=console.callbacks)
    if len(data.test):
        console.progress(f"Evaluating the model on {len(data.test):,} test rows ...")
        result = evaluate_model(fitted.model, data.test.chunks())
        simpler = simpler_models(fitted.linear, data.train, data.test)
        evaluation = Evaluation.of(result, data.targets.task, data.test, "test", simpler)
    doubts = _doubts(evaluation, data, fitted) if evaluation else []
    if evaluation:
        console.scores(evaluation)
    for doubt in doubts:
        console.warning(doubt)
    provenance = collect_provenance(data.source, config.seed)
    return TrainingRun(config, data, [*warnings, *doubts], fitted, evaluation, provenance)


def _doubts(evaluation: Evaluation, data: DataSet, fitted: FittedModel) -> list[str]:
    return [] if fitted.model.labels else check_predictions(evaluation.result, data.train.y, evaluation.rows.file_rows)


def _checkpoint(config: Config, name: str, models: Path, data: DataSet) -> Path:
    """Return the checkpoint folder of a run; its name is a hash of settings and data."""
    settings = config.to_toml() + json.dumps(data.source)
    return models / CHECKPOINT_FOLDER / f"{name}-{hashlib.sha256(settings.encode()).hexdigest()[:12]}"
