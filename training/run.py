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
from training.evaluation.scores import evaluate_model
from training.fit import fit_model
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
    """Train a network and publish it as the next version of `name`. Raises TrainingError, StoreError."""
    console = console or Console()
    model_folder(models, name)  # raises StoreError for an invalid name before training
    data = load_dataset(config)
    warnings = check_quality(data)
    for warning in warnings:
        console.warning(warning)
    checkpoint = _checkpoint(config, name, models, data)
    if checkpoint.exists():
        console.resume(checkpoint)
    fitted = fit_model(config, data, checkpoint=checkpoint, callbacks=console.callbacks())
    result = evaluate_model(fitted.model, data.test.chunks())
    scores, intervals = result.scores(data.targets.task), confidence_intervals(result, data.targets.task)
    console.scores(scores, intervals)
    provenance = collect_provenance(data.source, config.seed)
    report = render(TrainingRun(name, config, data, warnings, fitted, result, scores, intervals, provenance))
    files = {"config.toml": config.to_toml().encode(), "report.html": report.encode()}
    artifact = Artifact(fitted.model, choose_golden_rows(fitted.model, data.test.take(slice(POOL_ROWS))[0]))
    publication = None
    try:
        publication = publish(
            models, name, artifact, {"test": scores}, provenance, files=files, promote=promote, force=force
        )
        shutil.rmtree(checkpoint, ignore_errors=True)
        console.published(publication, models, refused=promote and publication.alias != "stable")
    except KeyboardInterrupt as error:
        if publication is None:
            raise
        raise still_published(publication) from error
    return publication


def _checkpoint(config: Config, name: str, models: Path, data: DataSet) -> Path:
    """Return the checkpoint folder of a run; its name is a hash of settings and data."""
    settings = config.to_toml() + json.dumps(data.source)
    return models / CHECKPOINT_FOLDER / f"{name}-{hashlib.sha256(settings.encode()).hexdigest()[:12]}"
