"""The commands of `python -m training`: train, evaluate, compare and predict."""

import argparse
import json
from dataclasses import asdict, fields
from pathlib import Path

from store import Version, find_number, read_version
from store.layout import NAME, NAME_RULE
from training.config import Config
from training.console import Console, JSONConsole, format_comparison, format_scores
from training.errors import TrainingError
from training.evaluation.comparison import compare_results
from training.evaluation.confidence import confidence_intervals
from training.evaluation.scores import EvaluationResult
from training.files.table import ReadOptions
from training.interrupts import still_published
from training.publishing.rollout import check_url, wait_for
from training.run import run
from training.scoring.predict_file import predict_file
from training.scoring.score_file import ScoredRows, score_file, target_of


def run_train(options: argparse.Namespace) -> int:
    """Train and publish; return 1 if the version was meant to become stable and did not."""
    settings = {setting.name: getattr(options, setting.name) for setting in fields(Config)}
    config = Config.read(options.config, {name: value for name, value in settings.items() if value is not None})
    name = options.name or _default_name(config.data)
    if options.wait_for:
        check_url(options.wait_for)
    console = JSONConsole() if options.json else Console()
    promote = not options.no_promote
    publication = None
    try:
        publication = run(config, name, models=options.models, console=console, promote=promote, force=options.force)
        if options.wait_for:
            console.serving(options.wait_for, wait_for(options.wait_for, publication, options.models, options.timeout))
    except KeyboardInterrupt as error:
        if publication is None:
            raise
        raise still_published(publication) from error
    return 0 if publication.alias == "stable" or not promote else 1


def _default_name(data: str) -> str:
    name = Path(data).stem.lower()
    if not NAME.fullmatch(name):
        raise TrainingError(f"{data}: {name!r} is not a valid model name; set --name to {NAME_RULE}")
    return name


def run_evaluate(options: argparse.Namespace) -> int:
    """Print the metrics of one version on the rows of a file."""
    version = _read_version(options, options.version)
    rows, (result,) = _score_versions(options, [version])
    task = version.artifact.model.task
    scores, intervals = result.scores(task), confidence_intervals(result, task)
    if options.json:
        about = {"part": rows.part, "trained_on_file": rows.trained}
        print(json.dumps({"version": version.number, **about, "metrics": scores, "intervals": intervals}))
    else:
        print(f"{version.name} {version.number}: {format_scores(scores, intervals)}.")
        _print_notes(options, rows)
    return 0


def run_compare(options: argparse.Namespace) -> int:
    """Print the metrics of two versions on the rows of a file, and their comparison."""
    versions = [_read_version(options, version) for version in options.versions]
    models = [version.artifact.model for version in versions]
    if (models[0].task, models[0].labels) != (models[1].task, models[1].labels):
        raise TrainingError("the two versions cannot be compared: their tasks or labels differ")
    rows, results = _score_versions(options, versions)
    task = models[0].task
    comparison = compare_results(results[0], results[1], task)
    scores = [result.scores(task) for result in results]
    numbers = [version.number for version in versions]
    if options.json:
        about = {"part": rows.part, "trained_on_file": rows.trained}
        print(json.dumps({"versions": numbers, **about, "metrics": scores, "comparison": asdict(comparison)}))
        return 0
    for number, own_scores, result in zip(numbers, scores, results, strict=True):
        print(f"{options.name} {number}: {format_scores(own_scores, confidence_intervals(result, task))}.")
    print(format_comparison(numbers, comparison))
    _print_notes(options, rows)
    return 0


def run_predict(options: argparse.Namespace) -> int:
    """Write the rows of a file with their predictions to another file."""
    version = _read_version(options, options.version)
    rows = predict_file(version.artifact.model, options.data, options.out, options.delimiter, options.header)
    which = " (those of x_train, then those of x_test)" if len(rows) > 1 else ""
    print(f"Wrote the predictions of {version.name} {version.number} for {sum(rows):,} rows{which} to {options.out}")
    return 0


def _read_version(options: argparse.Namespace, number_or_alias: str) -> Version:
    return read_version(options.models, options.name, find_number(options.models, options.name, number_or_alias))


def _print_notes(options: argparse.Namespace, rows: ScoredRows) -> None:
    for note in rows.notes(options.name, options.data):
        print(f"Note: {note}.")


def _score_versions(options: argparse.Namespace, versions: list[Version]) -> tuple[ScoredRows, list[EvaluationResult]]:
    target = options.target or target_of(options.models, versions[-1])
    models = [version.artifact.model for version in versions]
    names = [column.name for model in models for column in model.features.columns] + ([target] if target else [])
    reading = ReadOptions(names, others=False, delimiter=options.delimiter, header=options.header)
    rows = ScoredRows.read(options.data, reading, versions)
    return rows, score_file(rows.data, models, target)
