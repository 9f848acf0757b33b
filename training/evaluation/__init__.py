"""How good a model is on rows that it was not trained on, and how certain that is.

In reading order: `scores` (one pass over the rows, then metrics), `confidence` (intervals), `comparison` (two models on
the same rows), `calibration` (the temperature), `importance` (of the columns).
"""
