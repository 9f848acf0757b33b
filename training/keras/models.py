"""Loading saved models, by Keras's name."""

from pathlib import Path

from training.keras.lookup import no_other
from training.keras.saving.model_file import deserialize, entry, restore_optimizer
from training.keras.saving.state_file import read_state
from training.keras.sequential import Sequential

__all__ = ["Sequential", "load_model"]

__getattr__ = no_other("model", __all__)


def load_model(filepath: str | Path) -> Sequential:
    """Return the model that `save` wrote, ready to predict and to train on. Raises TrainingError."""
    path = Path(filepath)
    state = read_state(path)
    model = Sequential(deserialize(entry(path, state, "layers")))
    model.build((None, *entry(path, state, "input_shape")))
    model.set_weights(entry(path, state, "weights"))
    if compiled := deserialize(entry(path, state, "compiled")):
        model.compile(**compiled)
        restore_optimizer(model.compiled_model, entry(path, state, "training"), path)
    return model
