"""`evaluate`: compute the metrics of a version on new data."""

import argparse
import json

from training.commands.versions import find_version, print_notes, score_versions
from training.console import format_scores
from training.evaluation.confidence import confidence_intervals


def main(options: argparse.Namespace) -> int:
    """Print the metrics of one version on the rows of a file."""
    version = find_version(options, options.version)
    rows, (scored,) = score_versions(options, [version])
    task, result = version.artifact.model.task, scored.result
    scores, intervals = result.scores(task), confidence_intervals(result, task)
    if options.json:
        about = rows.about | {"unseen": scored.unseen.counts}
        print(json.dumps({"version": version.number, **about, "metrics": scores, "intervals": intervals}))
    else:
        print(f"{version.name} {version.number}: {format_scores(scores, intervals)}.")
        print_notes([*rows.notes(options.name, options.data), *scored.unseen.notes])
    return 0
