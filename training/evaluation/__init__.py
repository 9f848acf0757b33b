"""Evaluation of a model on held-out rows: metrics, confidence intervals, comparison, calibration, importance.

In reading order: `scores` (one pass over the rows, then metrics), `confidence` (intervals), `comparison` (two models on
the same rows), `importance` (of the columns), `plausibility` (of the
predictions of a regression).
"""
