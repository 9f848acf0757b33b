"""Loading saved models, by Keras's name."""

from pathlib import Path

from training.keras.lookup import no_other
from training.keras.saving.model_file import deserialize, restore_optimizer
from training.keras.saving.state_file import read_state
from training.keras.sequential import Sequential

__all__ = ["Sequential", "load_model"]

__getattr__ = no_other("model", __all__)


def load_model(filepath: str | Path) -> Sequential:
    """Return the model that `save` wrote, ready to predict and to train on. Raises TrainingError."""
    path = Path(filepath)
    state = read_state(path, "layers", "input_shape", "weights", "compiled", "training")
    model = Sequential(deserialize(state["layers"]))
    model.build((None, *state["input_shape"]))
    model.set_weights(state["weights"])
    if compiled := deserialize(state["compiled"]):
        model.compile(**compiled)
        restore_optimizer(model.compiled_model, state["training"], path)
    return model
