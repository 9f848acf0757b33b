"""The plots of a report, each returned as SVG text; the caller draws them in the rc context STYLE."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from nn import Date
from training.evaluation.dependence import Dependence
from training.evaluation.importance import Importance

INK, FIRST, SECOND, WEAK = "#1f2933", "#2b6cb0", "#dd6b20", "#cbd5e0"
COLORMAP = "Blues"
STYLE = mpl.rc_params_from_file(Path(__file__).with_name("plots.mplstyle"), use_default_template=False)
MAX_BARS = 25
MAX_LABEL_LENGTH = 28
MAX_CURVES = 5  # of classes in a plot of partial dependence
_Values = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """The history of a network by the name of the metric, and the epoch whose weights it has."""

    history: dict[str, list[float]]
    best_epoch: int


def learning_curves(curves: Sequence[Curve], task: str, deviation: float) -> list[str]:
    """Draw the metrics of each network by epoch, in the units of the targets; dots mark the epochs that were kept."""
    metrics: dict[str, tuple[str, Callable[[_Values], _Values]]] = {
        "loss": ("cross-entropy", lambda values: values),
        "accuracy": ("accuracy", lambda values: values),
    }
    if task == "regression":
        metrics = {
            "mae": ("mean absolute error", lambda values: values * deviation),
            "loss": ("root mean squared error", lambda values: np.sqrt(values) * deviation),
        }
    pictures = []
    for name, (title, in_units) in metrics.items():
        figure, axes = subplot(5, 3.4)
        for place, curve in enumerate(curves):
            _draw_curve(axes, curve, name, in_units, labels=not place)
        axes.set(xlabel="epoch", ylabel=title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
        pictures.append(svg(figure))
    return pictures


def _draw_curve(axes: Axes, curve: Curve, name: str, in_units: Callable[[_Values], _Values], *, labels: bool) -> None:
    for key, split, color in ((name, "training", FIRST), (f"val_{name}", "validation", SECOND)):
        if key not in curve.history:
            continue
        values = in_units(np.asarray(curve.history[key]))
        style: dict[str, Any] = {"color": color, "marker": "o" if len(values) < 3 else None, "alpha": 0.7}
        axes.plot(np.arange(1, len(values) + 1), values, label=split if labels else None, **style)
        if split == "validation":
            axes.plot([curve.best_epoch + 1], [values[curve.best_epoch]], "o", color=color)


def importances(importance: Importance, image_size: tuple[int, int] | None) -> str:
    """Draw bars in descending order of importance, or for images a heat map of patches."""
    if importance.image is not None and image_size is not None:
        figure, axes = subplot(4.2, 3.8)
        axes.grid(visible=False)
        extent = (0, image_size[1], image_size[0], 0)
        heat_map = axes.imshow(importance.rise.reshape(importance.image), cmap=COLORMAP, extent=extent)
        axes.set(xlabel="pixel column", ylabel="pixel row")
        figure.colorbar(heat_map, label="increase of the loss")
        return svg(figure)
    order = np.argsort(-importance.rise)[:MAX_BARS][::-1]
    figure, axes = subplot(7, 0.9 + 0.27 * len(order))
    deviation = importance.deviation[order]
    axes.barh(range(len(order)), importance.rise[order], xerr=deviation, color=FIRST, ecolor=INK, height=0.7)
    axes.set_yticks(range(len(order)), [shorten(importance.names[j]) for j in order])
    axes.set(xlabel="increase of the loss")
    axes.grid(visible=False, axis="y")
    return svg(figure)


def dependence(curve: Dependence, labels: Sequence[Any]) -> str:
    """Draw the mean prediction by the value of a column: of the second of two classes, or of each."""
    shown = range(len(labels))[:MAX_CURVES] if len(labels) > 2 else [len(labels) - 1 if labels else 0]
    figure, axes = subplot(3.9, 3.3)
    for place, output in enumerate(shown):
        label = shorten(labels[output]) if labels else None
        if curve.is_curve:
            axes.plot(curve.codes, curve.outputs[:, output], ".-", markersize=4, label=label)
        else:
            width = 0.8 / len(shown)
            axes.bar(np.arange(len(curve.cells)) + width * place, curve.outputs[:, output], width, label=label)
    if not curve.is_curve:
        axes.set_xticks(range(len(curve.cells)), [shorten(cell) for cell in curve.cells], rotation=45, ha="right")
    elif isinstance(curve.column, Date):
        axes.set_xticks(curve.codes[[0, -1]], [str(cell)[:10] for cell in (curve.cells[0], curve.cells[-1])])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4))
    probability = f"mean probability of {shorten(labels[-1])}" if len(labels) == 2 else "mean probability"
    axes.set(xlabel=shorten(curve.column.name), ylabel=probability if labels else "mean prediction")
    if len(shown) > 1:
        axes.legend()
    return svg(figure)


def image(pixels: NDArray[Any]) -> str:
    """Draw an image (H, W)."""
    figure, axes = subplot(1, pixels.shape[0] / pixels.shape[1])
    axes.imshow(pixels, cmap="gray_r")
    axes.set_axis_off()
    return svg(figure)


def subplot(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure((width, height), layout="constrained")
    return figure, figure.add_subplot()


def svg(figure: Figure) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return "<svg" + file.getvalue().partition("<svg")[2]


def shorten(value: Any) -> str:
    text = str(value)
    text = f" {text}" if text.startswith("_") else text  # Matplotlib leaves out labels that begin so
    return text if len(text) <= MAX_LABEL_LENGTH else f"{text[: MAX_LABEL_LENGTH - 1]}…"
