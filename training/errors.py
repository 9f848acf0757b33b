"""Errors of training that users see: one sentence with the problem and, where there is one, the remedy."""


class TrainingError(ValueError):
    """Invalid training data, network or argument."""
