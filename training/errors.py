"""The errors of training that users see: one sentence that says what is wrong and what to do."""


class TrainingError(ValueError):
    """Data, a network or an argument that can't be trained with."""
