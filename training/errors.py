"""Errors that users of training see: the message states the problem and, if possible, the remedy."""


class TrainingError(ValueError):
    """Invalid training data, network or argument."""
