"""`compare`: compare two versions on the same rows."""

import argparse
import json
from dataclasses import asdict

from training.commands.versions import find_version, print_notes, score_versions
from training.console import format_comparison, format_scores
from training.errors import TrainingError
from training.evaluation.comparison import compare_results
from training.evaluation.confidence import confidence_intervals


def main(options: argparse.Namespace) -> int:
    """Print the metrics of two versions on the rows of a file, and their comparison."""
    versions = [find_version(options, version) for version in options.versions]
    models = [version.artifact.model for version in versions]
    if (models[0].task, models[0].labels) != (models[1].task, models[1].labels):
        raise TrainingError("the two versions cannot be compared: their tasks or labels differ")
    rows, both = score_versions(options, versions)
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
    print_notes(rows.notes(options.name, options.data))
    return 0
