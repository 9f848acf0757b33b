"""What a run says while it goes: sentences and a bar for people, a JSON object a line for programs."""

import json
from pathlib import Path
from typing import Any

from store import Publication
from training.evaluation.confidence import Comparison, Interval
from training.keras.callbacks import Callback, progress_callbacks


class Console:
    """Sentences for people."""

    def callbacks(self) -> list[Callback]:
        """Return what shows the epochs."""
        return progress_callbacks("auto")

    def finding(self, text: str) -> None:
        """Tell what was noticed about the data."""
        print(f"Note: {text}" if text.endswith("?") else f"Note: {text}.")

    def goes_on(self, checkpoint: Path) -> None:
        """Tell that the run was begun before."""
        print(f"Going on where this run was stopped; to begin it anew, remove {checkpoint}.")

    def figures(self, figures: dict[str, float], intervals: dict[str, Interval]) -> None:
        """Tell how good the model is on rows that it did not learn from."""
        print(f"Test {figures_line(figures, intervals)}.")

    def published(self, publication: Publication, models: Path) -> None:
        """Tell what was published, and what can be done next."""
        told = f"{publication.name} {publication.version}"
        print(f"Published {told} as {publication.alias}: {publication.reason}.")
        print(f"Report: {models / publication.name / str(publication.version) / 'report.html'}")
        if publication.alias == "stable":
            print(f"Serve it with: python -m service --models {models}")
        else:
            print(f"To serve it as stable: python -m store promote {told} --force --models {models}")

    def serving(self, url: str, seconds: float) -> None:
        """Tell that a service has taken the version over."""
        print(f"{url} serves it, and answers a golden row as it should ({seconds:.1f} s after publishing).")


class Lines(Console):
    """The same as JSON objects, a line each, for programs."""

    def callbacks(self) -> list[Callback]:
        """Return what prints the figures of each epoch."""
        return [_EpochLines()]

    def finding(self, text: str) -> None:
        """Print a finding."""
        _line("finding", text=text)

    def goes_on(self, checkpoint: Path) -> None:
        """Print where the run goes on from."""
        _line("resumed", checkpoint=str(checkpoint))

    def figures(self, figures: dict[str, float], intervals: dict[str, Interval]) -> None:
        """Print the figures of the test part."""
        _line("test", metrics=figures, intervals=intervals)

    def published(self, publication: Publication, models: Path) -> None:
        """Print what was published."""
        folder = models / publication.name / str(publication.version)
        _line(
            "published",
            name=publication.name,
            version=publication.version,
            alias=publication.alias,
            reason=publication.reason,
            metrics=publication.metrics,
            folder=str(folder),
        )

    def serving(self, url: str, seconds: float) -> None:
        """Print that a service answers."""
        _line("serving", url=url, seconds=round(seconds, 3))


class _EpochLines(Callback):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        _line("epoch", epoch=epoch + 1, epochs=self.params["epochs"], **logs)


def _line(event: str, **content: Any) -> None:
    print(json.dumps({"event": event, **content}), flush=True)


def figures_line(figures: dict[str, float], intervals: dict[str, Interval]) -> str:
    """Write figures with the intervals in which they lie, as people read them."""
    shown = []
    for name, value in figures.items():
        if name != "rows":
            interval = f" ({intervals[name][0]:.4g} to {intervals[name][1]:.4g})" if name in intervals else ""
            shown.append(f"{name} {value:.4f}{interval}")
    return f"{', '.join(shown)} on {figures['rows']:,} rows"


def comparison_lines(numbers: list[int], result: Comparison) -> str:
    """Say which of two versions is better, and whether chance may have made it so."""
    first, second = numbers
    low, high = result.interval
    closer = "right" if result.metric == "accuracy" else "closer"
    verdict = "chance alone may explain it" if result.chance else "more than chance"
    return (
        f"{result.metric} of {second} against {first}: {result.difference:+.4f} ({low:+.4f} to {high:+.4f}),"
        f" p = {result.p_value:.3g}: {verdict}."
        f" {second} alone is {closer} on {result.only_second:,} rows, {first} alone on {result.only_first:,}."
    )
