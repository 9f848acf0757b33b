"""Runs a published version on the rows of a file.

In reading order: `blocks` (the rows of a file as the codes of a model), `score_file` (metrics, for `evaluate` and
`compare`), `predict_file` (writes predictions).
"""
