"""The plots of a report that show the predictions of test rows, each returned as SVG text."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from training.evaluation.scores import ECE_BINS, EvaluationResult, confidence_bins
from training.report.plots import COLORMAP, FIRST, INK, SECOND, WEAK, shorten, subplot, svg

MAX_ANNOTATED_CLASSES = 20  # of a confusion matrix with labels and counts
MAX_X_TICKS = 5  # of a plot of values: labels of large numbers must not overlap


def confusion_matrix(counts: NDArray[np.intp], labels: Sequence[Any]) -> str:
    """Draw counts by true class (rows) and predicted class (columns), coloured by the fraction of the true class."""
    classes = len(counts)
    side = min(2.6 + 0.42 * classes, 8)
    figure, axes = subplot(side + 0.6, side)
    axes.grid(visible=False)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap=COLORMAP, vmin=0, vmax=1)
    axes.set(xlabel="predicted class", ylabel="true class")
    if classes <= MAX_ANNOTATED_CLASSES:
        names = [shorten(label) for label in labels]
        axes.set_xticks(range(classes), names, rotation=45 if max(map(len, names)) > 3 else 0, ha="center")
        axes.set_yticks(range(classes), names)
        for (row, column), count in np.ndenumerate(counts):
            if count:
                color = "white" if shares[row, column] > 0.6 else INK
                axes.text(column, row, f"{count:,}", ha="center", va="center", color=color, fontsize=9)
    return svg(figure)


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
    return svg(figure)


def predicted_against_true(result: EvaluationResult) -> str:
    """Draw predicted against true values of a regression; exact predictions are on the diagonal."""
    figure, axes = subplot(4.8, 4.2)
    y, predicted = result.targets.astype(np.float64), result.outputs[:, 0].astype(np.float64)
    if len(y) <= 1000:
        axes.plot(y, predicted, "o", color=FIRST, alpha=0.5, markersize=4, markeredgewidth=0)
    else:
        axes.hexbin(y, predicted, gridsize=45, cmap=COLORMAP, bins="log", mincnt=1, linewidths=0)
    ends = [min(y.min(), predicted.min()), max(y.max(), predicted.max())]
    axes.plot(ends, ends, color=SECOND, linewidth=1)
    axes.set(xlabel="true value", ylabel="predicted value")
    axes.xaxis.set_major_locator(MaxNLocator(MAX_X_TICKS))
    return svg(figure)


def residuals(result: EvaluationResult) -> str:
    """Draw a histogram of the residuals of a regression; the outermost bins include the values beyond them."""
    residual = result.outputs[:, 0].astype(np.float64) - result.targets
    figure, axes = subplot(4.8, 4.2)
    low, high = np.quantile(residual, [0.005, 0.995])
    axes.hist(np.clip(residual, low, high), bins=min(60, 10 + len(residual) // 20), color=FIRST)
    axes.axvline(0, color=SECOND, linewidth=1)
    axes.set(xlabel="predicted value - true value", ylabel="rows")
    axes.xaxis.set_major_locator(MaxNLocator(MAX_X_TICKS))
    return svg(figure)


def ranking_curves(is_positive: NDArray[np.bool_], scores: NDArray[np.float32]) -> list[str]:
    """Draw the ROC curve and the precision-recall curve of the probabilities (B,) of the positive class."""
    false_positives, true_positives, _ = roc_curve(is_positive, scores)
    precision, recall, _ = precision_recall_curve(is_positive, scores)
    roc_figure, roc = subplot(4.6, 3.8)
    roc.plot(false_positives, true_positives, color=FIRST)
    roc.plot([0, 1], [0, 1], color=WEAK, linestyle="--")
    roc.set(xlabel="false positive rate", ylabel="true positive rate (recall)")
    ranking_figure, ranking = subplot(4.6, 3.8)
    ranking.plot(recall, precision, color=FIRST, drawstyle="steps-post")
    ranking.axhline(float(is_positive.mean()), color=WEAK, linestyle="--")
    ranking.set(xlabel="recall", ylabel="precision", ylim=(-0.03, 1.05))
    return [svg(roc_figure), svg(ranking_figure)]
