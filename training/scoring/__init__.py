"""A published version over the rows of a whole file.

In reading order: `blocks` (the rows of a file as a model takes them), `score_file` (scores, for `evaluate` and
`compare`), `predict_file` (writes predictions).
"""
