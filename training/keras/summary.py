"""The table of layers that `summary()` prints, in the shape of Keras's."""

import numpy as np

from training.keras.engine.model import TrainableModel

HEADER = ("Layer (type)", "Output Shape", "Param #")
WIDTHS = (38, 29, 15)  # as Keras has them, on a terminal of 88 columns


def summary_table(model: TrainableModel) -> str:
    """Return the table, and the counts of trained numbers, of moving statistics, and of the optimizer's state."""
    rows = [HEADER, *_rows(model)]
    lines = [f'Model: "{model.name}"', _rule("┏━┳━┓")]
    for number, row in enumerate(rows):
        lines.append(_row(row, "┃" if number == 0 else "│"))
        last = number == len(rows) - 1
        lines.append(_rule("┡━╇━┩") if number == 0 and not last else _rule("└─┴─┘" if last else "├─┼─┤"))
    trainable, statistics = (model.parameters.values.size, _statistics(model)) if model.built else (0, 0)
    optimizer = sum(slot.size for slot in model.optimizer.slots) + 2 if model.compiled and model.fitted else 0
    size = model.parameters.values.itemsize if model.built else 4
    counts = [("Total", trainable + statistics + optimizer), ("Trainable", trainable), ("Non-trainable", statistics)]
    counts += [("Optimizer", optimizer)] if optimizer else []
    return "\n".join([*lines, *(f" {name} params: {count:,} ({_bytes(count * size)})" for name, count in counts)])


def _rows(model: TrainableModel) -> list[tuple[str, str, str]]:
    rows = []
    shape = model.input_shape if model.built else None
    for layer in model.layers:
        shape = layer.output_shape(shape) if shape is not None else None
        output = "?" if shape is None else str((None, *shape))
        count = f"{sum(weights.size for weights in layer.weights):,}" if shape is not None else "0 (unbuilt)"
        rows.append((f"{layer.name} ({type(layer).__name__})", output, count))
    return rows


def _statistics(model: TrainableModel) -> int:
    return sum(int(np.size(statistic)) for layer in model.layers for statistic in layer.statistics)


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
