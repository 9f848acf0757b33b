"""Renders the report of a training run as one HTML page."""

from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from training.evaluation.importance import importance
from training.report import plots, sections
from training.report.training_run import TrainingRun


def render(run: TrainingRun) -> str:
    """Return the page with its plots embedded."""
    environment = Environment(
        loader=PackageLoader("training.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(
        run=run,
        labels=run.data.targets.labels,
        written=datetime.now(UTC),
        facts=sections.facts(run),
        columns=sections.column_summary(run),
        curves=plots.learning_curves(run.fitted.history.history, run.fitted.best_epoch),
        importance=plots.importances(importance(run.fitted.model, run.data), run.data.image),
        **(sections.classification(run) if run.is_classification else sections.regression(run)),
    )
