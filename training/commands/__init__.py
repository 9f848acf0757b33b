"""The commands, one module each: only the libraries of the chosen one are loaded, and `predict` needs few.

In reading order: `train`, `evaluate`, `compare`, `predict`. The options are in `training.__main__`.
"""
