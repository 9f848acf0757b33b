"""The plots of a report, each returned as SVG text; the caller draws them in the rc context STYLE."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from training.evaluation.importance import Importance
from training.evaluation.scores import ECE_BINS, EvaluationResult, confidence_bins
from training.fitting.fit import FittedModel
from training.fitting.network import TrainedNetwork

INK, FIRST, SECOND, WEAK = "#1f2933", "#2b6cb0", "#dd6b20", "#cbd5e0"
COLORMAP = "Blues"
STYLE = mpl.rc_params_from_file(Path(__file__).with_name("plots.mplstyle"), use_default_template=False)
MAX_ANNOTATED_CLASSES = 20  # of a confusion matrix with labels and counts
MAX_BARS = 25
MAX_LABEL_LENGTH = 28
MAX_X_TICKS = 5  # of a plot of values: labels of large numbers must not overlap
Curve = NDArray[np.float64]


def learning_curves(fitted: FittedModel) -> str:
    """Draw the metrics of each network by epoch, in the units of the targets; dots mark the epochs that were kept."""
    deviation = fitted.scale.deviation
    curves: dict[str, tuple[str, Callable[[Curve], Curve]]] = {
        "loss": ("cross-entropy", lambda values: values),
        "accuracy": ("accuracy", lambda values: values),
    }
    if not fitted.model.labels:
        curves = {
            "mae": ("mean absolute error", lambda values: values * deviation),
            "loss": ("root mean squared error", lambda values: np.sqrt(values) * deviation),
        }
    figure = Figure((5 * len(curves), 3.4), layout="constrained")
    for number, (name, (title, in_units)) in enumerate(curves.items(), 1):
        axes = figure.add_subplot(1, len(curves), number)
        for place, network in enumerate(fitted.networks):
            _draw_curves(axes, network, name, in_units, labels=not place)
        axes.set(xlabel="epoch", ylabel=title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
    return _svg(figure)


def _draw_curves(
    axes: Axes, network: TrainedNetwork, name: str, in_units: Callable[[Curve], Curve], *, labels: bool
) -> None:
    for key, split, color in ((name, "training", FIRST), (f"val_{name}", "validation", SECOND)):
        if key not in network.history.history:
            continue
        values = in_units(np.asarray(network.history.history[key]))
        marker = "o" if len(values) < 3 else None
        axes.plot(
            np.arange(1, len(values) + 1),
            values,
            color=color,
            label=split if labels else None,
            marker=marker,
            alpha=0.7,
        )
        if split == "validation":
            axes.plot([network.best_epoch + 1], [values[network.best_epoch]], "o", color=color)


def confusion_matrix(counts: NDArray[np.intp], labels: Sequence[Any]) -> str:
    """Draw counts by true class (rows) and predicted class (columns), coloured by the fraction of the true class."""
    classes = len(counts)
    side = min(2.6 + 0.42 * classes, 8)
    figure, axes = _subplot(side + 0.6, side)
    axes.grid(visible=False)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap=COLORMAP, vmin=0, vmax=1)
    axes.set(xlabel="predicted class", ylabel="true class")
    if classes <= MAX_ANNOTATED_CLASSES:
        names = [_shorten(label) for label in labels]
        axes.set_xticks(range(classes), names, rotation=45 if max(map(len, names)) > 3 else 0, ha="center")
        axes.set_yticks(range(classes), names)
        for (row, column), count in np.ndenumerate(counts):
            if count:
                color = "white" if shares[row, column] > 0.6 else INK
                axes.text(column, row, f"{count:,}", ha="center", va="center", color=color, fontsize=9)
    return _svg(figure)


def calibration_curve(result: EvaluationResult) -> str:
    """Draw the accuracy in each confidence bin, with its 95% sampling variation, and the number of rows."""
    confidence = result.outputs.max(axis=1).astype(np.float64)
    bins = confidence_bins(confidence)
    rows = np.bincount(bins, minlength=ECE_BINS)
    filled = rows > 0
    accuracies = np.bincount(bins, result.correct, ECE_BINS)[filled] / rows[filled]
    means = np.bincount(bins, confidence, ECE_BINS)[filled] / rows[filled]
    figure = Figure((4.6, 4.4), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 1], [0, 1], color=WEAK, linestyle="--")
    deviation = np.sqrt(means * (1 - means) / rows[filled])
    upper.errorbar(means, accuracies, 1.96 * deviation, fmt="o-", color=FIRST, ecolor=WEAK, markersize=4)
    upper.set(ylabel="accuracy", ylim=(-0.03, 1.05), xlim=(0, 1.02))
    lower.bar((np.arange(ECE_BINS) + 0.5) / ECE_BINS, rows, 0.9 / ECE_BINS, color=FIRST)
    lower.set(xlabel="confidence (probability of the predicted class)", ylabel="rows")
    return _svg(figure)


def importances(importance: Importance, image_size: tuple[int, int] | None) -> str:
    """Draw bars in descending order of importance, or for images a heat map of patches."""
    if importance.image is not None and image_size is not None:
        figure, axes = _subplot(4.2, 3.8)
        axes.grid(visible=False)
        extent = (0, image_size[1], image_size[0], 0)
        heat_map = axes.imshow(importance.rise.reshape(importance.image), cmap=COLORMAP, extent=extent)
        axes.set(xlabel="pixel column", ylabel="pixel row")
        figure.colorbar(heat_map, label="increase of the loss")
        return _svg(figure)
    order = np.argsort(-importance.rise)[:MAX_BARS][::-1]
    figure, axes = _subplot(7, 0.9 + 0.27 * len(order))
    deviation = importance.deviation[order]
    axes.barh(range(len(order)), importance.rise[order], xerr=deviation, color=FIRST, ecolor=INK, height=0.7)
    axes.set_yticks(range(len(order)), [_shorten(importance.names[j]) for j in order])
    axes.set(xlabel="increase of the loss")
    axes.grid(visible=False, axis="y")
    return _svg(figure)


def images(pixels: NDArray[Any], captions: Sequence[str]) -> str:
    """Draw images (N, H, W) in a grid, each with its caption."""
    columns, pitch = 8, 1.25  # distance between images of width 1; leaves space for a caption
    lines = -(-len(pixels) // columns)
    figure, axes = _subplot(9.6, 1.5 * lines)
    height = pitch * pixels.shape[1] / pixels.shape[2]
    for number, (image, caption) in enumerate(zip(pixels, captions, strict=True)):
        left, top = pitch * (number % columns), -height * (number // columns) * pitch
        bottom = top - height / pitch
        axes.imshow(image, cmap="gray_r", extent=(left, left + 1, bottom, top))
        axes.text(left + 0.5, top + 0.05, caption, ha="center", va="bottom", fontsize=8)
    axes.set(xlim=(0, pitch * columns), ylim=(bottom - 0.05 if lines > 1 else -height, 0.3))
    axes.set_axis_off()
    return _svg(figure)


def predicted_against_true(result: EvaluationResult) -> str:
    """Draw predicted against true values of a regression; exact predictions are on the diagonal."""
    figure, axes = _subplot(4.8, 4.2)
    y, predicted = result.targets.astype(np.float64), result.outputs[:, 0].astype(np.float64)
    if len(y) <= 1000:
        axes.plot(y, predicted, "o", color=FIRST, alpha=0.5, markersize=4, markeredgewidth=0)
    else:
        axes.hexbin(y, predicted, gridsize=45, cmap=COLORMAP, bins="log", mincnt=1, linewidths=0)
    ends = [min(y.min(), predicted.min()), max(y.max(), predicted.max())]
    axes.plot(ends, ends, color=SECOND, linewidth=1)
    axes.set(xlabel="true value", ylabel="predicted value")
    axes.xaxis.set_major_locator(MaxNLocator(MAX_X_TICKS))
    return _svg(figure)


def residuals(result: EvaluationResult) -> str:
    """Draw a histogram of the residuals of a regression; the outermost bins include the values beyond them."""
    residual = result.outputs[:, 0].astype(np.float64) - result.targets
    figure, axes = _subplot(4.8, 4.2)
    low, high = np.quantile(residual, [0.005, 0.995])
    axes.hist(np.clip(residual, low, high), bins=min(60, 10 + len(residual) // 20), color=FIRST)
    axes.axvline(0, color=SECOND, linewidth=1)
    axes.set(xlabel="predicted value - true value", ylabel="rows")
    axes.xaxis.set_major_locator(MaxNLocator(MAX_X_TICKS))
    return _svg(figure)


def _subplot(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure((width, height), layout="constrained")
    return figure, figure.add_subplot()


def _svg(figure: Figure) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return "<svg" + file.getvalue().partition("<svg")[2]


def _shorten(value: Any) -> str:
    text = str(value)
    return text if len(text) <= MAX_LABEL_LENGTH else f"{text[: MAX_LABEL_LENGTH - 1]}…"
