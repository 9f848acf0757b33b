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
from training.files.bad_rows import BadRows
from training.files.table import ReadOptions
from training.interrupts import still_published
from training.publishing.rollout import check_url, wait_for
from training.run import run
from training.scoring.predict_file import predict_file
from training.scoring.score_file import Scored, ScoredRows, score_version, target_of


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
    rows, (scored,) = _score_versions(options, [version])
    task, result = version.artifact.model.task, scored.result
    scores, intervals = result.scores(task), confidence_intervals(result, task)
    if options.json:
        about = rows.about | {"unseen": scored.unseen.counts}
        print(json.dumps({"version": version.number, **about, "metrics": scores, "intervals": intervals}))
    else:
        print(f"{version.name} {version.number}: {format_scores(scores, intervals)}.")
        _print_notes([*rows.notes(options.name, options.data), *scored.unseen.notes])
    return 0


def run_compare(options: argparse.Namespace) -> int:
    """Print the metrics of two versions on the rows of a file, and their comparison."""
    versions = [_read_version(options, version) for version in options.versions]
    models = [version.artifact.model for version in versions]
    if (models[0].task, models[0].labels) != (models[1].task, models[1].labels):
        raise TrainingError("the two versions cannot be compared: their tasks or labels differ")
    rows, both = _score_versions(options, versions)
    results = [scored.result for scored in both]
    task = models[0].task
    comparison = compare_results(results[0], results[1], task)
    scores = [result.scores(task) for result in results]
    numbers = [version.number for version in versions]
    if options.json:
        print(json.dumps({"versions": numbers, **rows.about, "metrics": scores, "comparison": asdict(comparison)}))
        return 0
    for number, own_scores, result in zip(numbers, scores, results, strict=True):
        print(f"{options.name} {number}: {format_scores(own_scores, confidence_intervals(result, task))}.")
    print(format_comparison(numbers, comparison))
    _print_notes(rows.notes(options.name, options.data))
    return 0


def run_predict(options: argparse.Namespace) -> int:
    """Write the rows of a file with their predictions to another file."""
    version = _read_version(options, options.version)
    bad_rows = BadRows(skip=options.on_error == "skip")
    model = version.artifact.model
    reading = ReadOptions(
        [column.name for column in model.features.columns], options.delimiter, options.header, bad_rows
    )
    rows, unseen = predict_file(model, options.data, options.out, reading)
    which = " (those of x_train, then those of x_test)" if len(rows) > 1 else ""
    print(f"Wrote the predictions of {version.name} {version.number} for {sum(rows):,} rows{which} to {options.out}")
    _print_notes([*bad_rows.notes, *unseen.notes])
    return 0


def _read_version(options: argparse.Namespace, number_or_alias: str) -> Version:
    return read_version(options.models, options.name, find_number(options.models, options.name, number_or_alias))


def _print_notes(notes: list[str]) -> None:
    for note in notes:
        print(f"Note: {note}.")


def _score_versions(options: argparse.Namespace, versions: list[Version]) -> tuple[ScoredRows, list[Scored]]:
    target = options.target or target_of(options.models, versions[-1])
    columns = [column for version in versions for column in version.artifact.model.features.columns]
    names = [column.name for column in columns] + ([target] if target else [])
    reading = ReadOptions(names, options.delimiter, options.header, BadRows(skip=options.on_error == "skip"))
    rows = ScoredRows.read(options.data, reading, versions)
    return rows, [score_version(rows.data, version, target, rows.bad_rows) for version in versions]
