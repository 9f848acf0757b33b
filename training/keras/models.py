"""Loads saved models: `keras.models`."""

from pathlib import Path

from training.keras.lookup import module_getattr
from training.keras.saving.archive import read_archive
from training.keras.saving.model_file import deserialize, restore_checkpoint
from training.keras.sequential import Sequential

__all__ = ["Sequential", "load_model"]

__getattr__ = module_getattr(__name__, __all__)


def load_model(filepath: str | Path) -> Sequential:
    """Loads a model saved via `model.save()`.

    If the saved model was compiled, training continues as if it had not been interrupted: the states of the optimizer
    and of the random generators are restored.

    Args:
        filepath: Path to the `.npz` file.

    Returns:
        The model, compiled if the saved model was.

    Raises:
        TrainingError: If the file is missing, damaged or not a saved model.
    """
    path = Path(filepath)
    saved = read_archive(path, "layers", "input_shape", "weights", "compiled", "training")
    model = Sequential(deserialize(saved["layers"]))
    model.build((None, *saved["input_shape"]))
    model.set_weights(saved["weights"])
    if compile_arguments := deserialize(saved["compiled"]):
        model.compile(**compile_arguments)
        restore_checkpoint(model.compiled_model, saved["training"], path)
    return model
