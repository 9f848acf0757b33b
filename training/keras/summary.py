"""The table of layers that `summary()` prints, laid out as in Keras."""

from collections.abc import Iterator
from contextlib import suppress

from training.errors import TrainingError
from training.keras.engine.compiled_model import CompiledModel
from training.keras.engine.layer_stack import LayerStack

HEADER = ("Layer (type)", "Output Shape", "Param #")
WIDTHS = (38, 29, 15)  # those of Keras on a terminal with 88 columns


def summary_table(stack: LayerStack, trained_model: CompiledModel | None) -> str:
    """Return the table with the counts of trainable, non-trainable and optimizer parameters.

    Optimizer parameters are counted only for a model that has been trained.
    """
    # A layer that cannot be built yet, such as a Normalization without data, is shown as unbuilt.
    with suppress(TrainingError):
        stack.ensure_built()
    lines = [f'Model: "{stack.name}"', _rule("┏━┳━┓"), _row(HEADER, "┃")]
    for number, row in enumerate(_rows(stack)):
        lines += [_rule("├─┼─┤" if number else "┡━╇━┩"), _row(row, "│")]
    lines.append(_rule("└─┴─┘"))
    trainable = stack.parameters.values.size if stack.built else 0
    statistics = sum(part.size for layer in stack.layers for part in layer.statistics) if stack.built else 0
    # Keras also counts the number of steps and the learning rate.
    optimizer = sum(slot.size for slot in trained_model.optimizer.slots) + 2 if trained_model else 0
    size = stack.parameters.values.itemsize if stack.built else 4
    counts = [("Total", trainable + statistics + optimizer), ("Trainable", trainable), ("Non-trainable", statistics)]
    counts += [("Optimizer", optimizer)] if optimizer else []
    return "\n".join([*lines, *(f" {name} params: {count:,} ({_bytes(count * size)})" for name, count in counts)])


def _rows(stack: LayerStack) -> Iterator[tuple[str, str, str]]:
    shape = stack.input_shape if stack.built else None
    for layer in stack.layers:
        shape = layer.output_shape(shape) if shape is not None else None
        output = "?" if shape is None else str((None, *shape))
        count = f"{sum(weights.size for weights in layer.weights):,}" if shape is not None else "0 (unbuilt)"
        yield f"{layer.name} ({type(layer).__name__})", output, count


def _rule(corners: str) -> str:
    left, line, middle, right = corners[0], corners[1], corners[2], corners[4]
    return left + middle.join(line * width for width in WIDTHS) + right


def _row(cells: tuple[str, str, str], edge: str) -> str:
    aligned = [cells[0].ljust, cells[1].ljust, cells[2].rjust]
    return edge + edge.join(f" {align(width - 2)} " for align, width in zip(aligned, WIDTHS, strict=True)) + edge


def _bytes(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1024 or unit == "GB":
            break
        count /= 1024
    return f"{count:.2f} {unit}"
