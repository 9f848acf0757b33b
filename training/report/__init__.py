"""The report of a training run: one human-readable HTML page.

In reading order: `report` (`TrainingRun`, the content of a report, and the sections of `report.html`), `plots` (its
plots, with the style sheet `plots.mplstyle`).
"""
