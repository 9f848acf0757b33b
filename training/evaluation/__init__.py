"""Evaluation of a model on held-out rows: metrics, confidence intervals, comparison, importance.

In reading order: `scores` (one pass over the rows, then metrics), `confidence` (intervals), `measure` (on a test set or
on folds, beside simpler models), `comparison` (two models on the same rows), `importance` (of columns), `dependence`
(on a column), `plausibility` (of the predictions of a regression).
"""
