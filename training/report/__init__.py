"""The report of a version: one human-readable HTML page.

In reading order: `report` (`Report`, the content, and the sections of `report.html`), `two_classes` (thresholds),
`plots` and `outcome_plots` (of the model and of its predictions, with the style sheet `plots.mplstyle`).
"""
