"""The report of a training run: one page for people.

In reading order: `report` (renders `report.html`), `training_run` (the results that a report describes), `sections`
(tables and lists of the page), `plots` (its plots).
"""
