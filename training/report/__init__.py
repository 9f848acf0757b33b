"""The report of a training run: one page for people.

In reading order: `report` (`TrainingRun`, the results that a report describes, and the sections of `report.html`),
`plots` (its plots, in the style sheet `plots.mplstyle`).
"""
