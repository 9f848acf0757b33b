"""A finished training run: what it found out, and its publication."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nn import Artifact
from store import Publication, publish
from training.config import Config
from training.console import format_evaluation
from training.data.dataset import DataSet
from training.data.targets import TARGET_READING
from training.evaluation.measure import Evaluation
from training.fitting.fit import FittedModel
from training.publishing.golden_rows import POOL_ROWS, choose_golden_rows
from training.report.plots import Curve
from training.report.report import Report, render


@dataclass(frozen=True, repr=False)
class TrainingRun:
    """Settings, data, warnings, fitted model, and the evaluation if the data had rows for one."""

    config: Config
    data: DataSet
    warnings: list[str]
    fitted: FittedModel
    evaluation: Evaluation | None
    provenance: dict[str, Any]

    def __repr__(self) -> str:
        """Return what training prints: the notes, and the metrics beside those of simpler models."""
        nothing = "No rows were left to measure the model on."
        measured = format_evaluation(self.evaluation) if self.evaluation else nothing
        return "\n".join([*(f"Note: {warning}." for warning in self.warnings), measured])

    def publish(
        self, name: str, models: str | Path = "models", *, promote: bool = True, force: bool = False
    ) -> Publication:
        """Publish the model with its report as the next version of `name`. Raises StoreError.

        Args:
            name: Name of the model in the store.
            models: Path to the store.
            promote: Whether the version may become stable; otherwise it becomes the candidate.
            force: Whether it becomes stable even if its metric is worse than that of the stable version.
        """
        model, evaluation = self.fitted.model, self.evaluation
        files = {"config.toml": self.config.to_toml().encode(), "report.html": render(self._report(name)).encode()}
        rows = self.data.test if len(self.data.test) else self.data.train
        artifact = Artifact(model, choose_golden_rows(model, rows.take(slice(POOL_ROWS))[0]))
        metrics = {evaluation.split: evaluation.scores} if evaluation else {}
        about = {TARGET_READING: self.data.targets.reading.settings, "notes": self.warnings}
        provenance = self.provenance | {key: value for key, value in about.items() if value}
        return publish(Path(models), name, artifact, metrics, provenance, files=files, promote=promote, force=force)

    def _report(self, name: str) -> Report:
        fitted = self.fitted
        return Report(
            name=name,
            model=fitted.model,
            evaluation=self.evaluation,
            provenance=self.provenance,
            target=self.config.target,
            image=self.data.image,
            setup=self._setup(),
            warnings=self.warnings,
            curves=[Curve(network.history.history, network.best_epoch) for network in fitted.networks],
            deviation=fitted.objective.deviation,
            settings=self.config.to_toml(),
            first_row=self.data.first_row,
        )

    def _setup(self) -> list[tuple[str, str]]:
        """Return the rows of the table of the training setup."""
        fitted, settings, data = self.fitted, self.fitted.settings, self.data
        count, share = len(fitted.networks), fitted.mixture.linear
        made_of = f"{count} networks" if count > 1 else "a network"
        made_of += f" with {' and '.join(map(str, settings.layers))} hidden units" if settings.layers else ""
        if share:
            linear = f"{count} linear models" if count > 1 else "a linear model"
            made_of += f", and with a weight of {share:.0%} {linear}"
        epochs = [f"{len(run.history.epoch)}, weights from epoch {run.best_epoch + 1}" for run in fitted.networks]
        rate = f"peak learning rate {settings.learning_rate:g}, {settings.schedule} schedule"
        optimizer = f"{settings.optimizer}, {rate}, batches of {settings.batch_size} rows"
        splits = [f"{len(data.train):,} training", f"{len(data.validation):,} validation", f"{len(data.test):,} test"]
        rows = [
            ("Rows", ", ".join(splits)),
            ("Made of", made_of),
            ("Epochs", "; ".join(epochs)),
            ("Optimizer", optimizer + (f", dropout {settings.dropout:g}" if settings.dropout else "")),
        ]
        if fitted.mixture.scale != 1:
            rows.append(("Calibration temperature", f"{1 / fitted.mixture.scale:.3f} (folded into the last layer)"))
        return rows
