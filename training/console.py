"""The output of a run: text with a progress bar (human-readable), or one JSON object per line (machine-readable)."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from store import Publication
from training.evaluation.comparison import Comparison
from training.evaluation.confidence import Interval
from training.evaluation.measure import Evaluation
from training.evaluation.scores import format_metric
from training.keras.callbacks import Callback
from training.keras.callbacks.progress import progress_callbacks


class Console:
    """Prints human-readable text."""

    def callbacks(self, name: str) -> list[Callback]:
        """Return the callbacks that show the epochs of the network with this name."""
        return progress_callbacks("auto", name.capitalize())

    def warning(self, text: str) -> None:
        print(f"Note: {text}.")

    def resume(self, checkpoint: Path) -> None:
        print(f"Resuming the interrupted run from its checkpoint; to start over, remove {checkpoint}.")

    def progress(self, text: str) -> None:
        """Say what takes a while now."""
        print(text, flush=True)

    def scores(self, evaluation: Evaluation) -> None:
        print(format_evaluation(evaluation))

    def published(self, publication: Publication, models: Path, *, refused: bool) -> None:
        version = f"{publication.name} {publication.version}"
        print(f"Published {version} as {publication.alias}: {publication.reason}.")
        print(f"Report: {models / publication.name / str(publication.version) / 'report.html'}")
        if publication.alias == "stable":
            print(f"Serve it with: npserve serve --models {models}")
        else:
            force = " --force" if refused else ""
            print(f"Make it stable with: npserve promote {version}{force} --models {models}")

    def serving(self, url: str, seconds: float) -> None:
        print(f"{url} serves the new version; its prediction for a golden row is correct (after {seconds:.1f} s).")


class JSONConsole(Console):
    """Prints the same events as JSON objects, one per line."""

    def callbacks(self, name: str) -> list[Callback]:
        return [_EpochEvents(name)]

    def warning(self, text: str) -> None:
        _print_event("finding", text=text)

    def resume(self, checkpoint: Path) -> None:
        _print_event("resumed", checkpoint=str(checkpoint))

    def progress(self, text: str) -> None:
        _print_event("progress", text=text)

    def scores(self, evaluation: Evaluation) -> None:
        deviations = {"deviations": evaluation.deviations} if evaluation.folds else {}
        shown = {"metrics": evaluation.scores, "intervals": evaluation.intervals, **deviations}
        _print_event(evaluation.split, **shown, baselines=evaluation.baselines)

    def published(self, publication: Publication, models: Path, *, refused: bool) -> None:
        folder = models / publication.name / str(publication.version)
        _print_event("published", **asdict(publication), folder=str(folder))

    def serving(self, url: str, seconds: float) -> None:
        _print_event("serving", url=url, seconds=round(seconds, 3))


class _EpochEvents(Callback):
    def __init__(self, name: str) -> None:
        self.name = name

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        _print_event("epoch", network=self.name, epoch=epoch + 1, epochs=self.params["epochs"], **logs)


def _print_event(event: str, **content: Any) -> None:
    print(json.dumps({"event": event, **content}), flush=True)


def format_evaluation(evaluation: Evaluation) -> str:
    """Return the metrics as text, with those of the simpler models on lines of their own."""
    what = f"{evaluation.folds} folds" if evaluation.folds else "Test set"
    lines = [f"{what}: {format_scores(evaluation.scores, evaluation.intervals, evaluation.deviations)}."]
    shown = [name for name in evaluation.scores if name in ("accuracy", "loss", "r2", "mae")]
    for name, scores in evaluation.baselines.items():
        lines.append(f"  {name}: {', '.join(f'{metric} {format_metric(scores[metric])}' for metric in shown)}")
    return "\n".join(lines)


def format_scores(
    scores: dict[str, float], intervals: dict[str, Interval], deviations: dict[str, float] | None = None
) -> str:
    """Return metrics with their deviations over folds and confidence intervals, and the number of rows, as text."""
    plus_minus = {name: f" ± {format_metric(deviation)}" for name, deviation in (deviations or {}).items()}
    texts = {
        name: f" (95% CI {format_metric(low)} to {format_metric(high)})" for name, (low, high) in intervals.items()
    }
    words = [
        f"{name} {format_metric(value)}{plus_minus.get(name, '')}{texts.get(name, '')}"
        for name, value in scores.items()
        if name != "rows"
    ]
    return f"{', '.join(words)} on {scores['rows']:,} rows"


def format_comparison(numbers: list[int], comparison: Comparison) -> str:
    """Return the difference of two versions, its significance and the rows on which they differ, as text."""
    first, second = numbers
    # Adding 0.0 turns -0.0 into 0.0.
    difference, low, high = (format_metric(value + 0.0, "+") for value in (comparison.difference, *comparison.interval))
    verdict = "not statistically significant" if comparison.chance else "statistically significant"
    better = f"Only version {second} is correct" if comparison.metric == "accuracy" else f"Version {second} is closer"
    other = f"only version {first}" if comparison.metric == "accuracy" else f"version {first}"
    return (
        f"{comparison.metric} of version {second} minus version {first}: {difference} (95% CI {low} to {high}),"
        f" p = {comparison.p_value:.3g}: {verdict}."
        f" {better} on {comparison.only_second:,} rows, {other} on {comparison.only_first:,}."
    )
