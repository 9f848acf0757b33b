"""Loading saved models, by Keras's name."""

from pathlib import Path

from training.keras.lookup import no_other
from training.keras.saving.model_file import load_into
from training.keras.sequential import Sequential

__all__ = ["Sequential", "load_model"]

__getattr__ = no_other("model", __all__)


def load_model(filepath: str | Path) -> Sequential:
    """Return the model that `save` wrote, ready to predict and to train on. Raises TrainingError."""
    model = Sequential()
    load_into(model, Path(filepath))
    return model
