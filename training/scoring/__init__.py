"""Runs a published version on the rows of a file.

In reading order: `score_file` (metrics, for `evaluate` and `compare`), `predict_file` (writes predictions),
`unseen_values`.
"""
