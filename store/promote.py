"""Promotion of a version to stable through the gate, rollback, and custom aliases.

The gate compares the test metric of the new version with that of the stable version.
"""

from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from nn import ArtifactError
from store.durable import LOCK, locked
from store.layout import NAME, NAME_RULE, StoreError, find_model
from store.manifest import SplitMetrics
from store.serving import Serving
from store.version import read_manifest, read_version, version_folder

# The splits by which versions are compared, like with like: a test set that training held out, the folds of all rows,
# or rows that the caller of `publish` gave, of which only the caller knows whether the model has seen them.
JUDGED_SPLITS = ("test", "folds", "given")


@dataclass(frozen=True)
class Verdict:
    """Whether a version became stable, and the reason as a clause."""

    promoted: bool
    reason: str


def promote(models: Path, name: str, number: int, *, force: bool = False) -> Verdict:
    """Make a version stable if it verifies and passes the gate; a number below stable is a rollback.

    Raises ArtifactError if the version does not verify, StoreError if it does not exist.
    """
    folder = version_folder(models, name, number).parent
    with locked(folder / LOCK):
        serving = Serving.read(folder)
        if serving.aliases.get("stable") == number:
            return Verdict(True, "it was already stable")
        metrics = read_version(models, name, number).metrics
        verdict = judge(folder, serving, number, metrics, force=force)
        if verdict.promoted:
            serving.with_alias("stable", number).write(folder)
    return verdict


def judge(folder: Path, serving: Serving, number: int, metrics: SplitMetrics, *, force: bool) -> Verdict:
    """Decide whether a version that verifies may become stable."""
    stable = serving.aliases.get("stable")
    if stable is None:
        return Verdict(True, "there was no stable version")
    if force:
        return Verdict(True, f"promotion was forced; version {stable} was stable before")
    if number < stable:
        return Verdict(True, f"rolled back from version {stable}")
    try:
        before = dict(read_manifest(folder / str(stable))["metrics"])
    except ArtifactError as error:
        return Verdict(False, f"the metrics of version {stable} can't be read ({error})")
    split = next((each for each in JUDGED_SPLITS if each in metrics and each in before), JUDGED_SPLITS[0])
    return compare(metrics.get(split, {}), before.get(split, {}), stable, split)


def compare(new: dict[str, float], old: dict[str, float], stable: int, split: str) -> Verdict:
    """Accept unless a metric of the split is worse by more than two standard errors of the difference."""
    for metric, sign, variance in (("accuracy", 1, _accuracy_variance), ("mae", -1, _mae_variance)):
        if metric in new and metric in old:
            margin = 2 * sqrt(variance(new) + variance(old))
            loss = sign * (old[metric] - new[metric])
            was = f"version {stable} has {old[metric]:.4f}, and the margin is {margin:.4f}"
            return Verdict(loss <= margin, f"its {split} {metric} is {new[metric]:.4f}; {was}")
    return Verdict(False, f"it has no metric of a test set in common with version {stable}")


def _accuracy_variance(test: dict[str, float]) -> float:
    """Return the variance of a proportion p of n rows: p (1 - p) / n."""
    return test["accuracy"] * (1 - test["accuracy"]) / max(test.get("rows", 1), 1)


def _mae_variance(test: dict[str, float]) -> float:
    """Return the variance of the mean of n absolute errors; the mean of their squares is rmse²."""
    rmse = test.get("rmse", test["mae"])
    return max(rmse**2 - test["mae"] ** 2, 0) / max(test.get("rows", 1), 1)


def set_alias(models: Path, name: str, alias: str, number: int | None) -> None:
    """Set a custom alias to a version that verifies, or remove it if the number is None."""
    if not NAME.fullmatch(alias):
        raise StoreError(f"invalid alias {alias!r}: expected {NAME_RULE}")
    if alias in ("stable", "previous"):
        raise StoreError(f"the alias {alias} is set by promotion: use npserve promote {name} VERSION")
    folder = find_model(models, name)
    if number is not None:
        read_version(models, name, number)
    elif alias not in (aliases := Serving.read(folder).aliases):
        known = f"expected one of {', '.join(aliases)}" if aliases else "it has no aliases"
        raise StoreError(f"unknown alias {alias!r} of {name}: {known}")
    with locked(folder / LOCK):
        Serving.read(folder).with_alias(alias, number).write(folder)
