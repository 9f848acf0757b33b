"""Which version is stable: the gate that a new one passes, rollback, and aliases of one's own."""

from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from nn import ArtifactError
from store.durable import LOCK, locked
from store.layout import NAME, NAME_RULE, StoreError, model_folder
from store.serving import Serving
from store.version import SplitMetrics, read_manifest, read_version, version_folder


@dataclass(frozen=True)
class Verdict:
    """Whether a version became stable, and a sentence that says why."""

    promoted: bool
    reason: str


def promote(models: Path, name: str, number: int, *, force: bool = False) -> Verdict:
    """Make a version stable if it verifies and passes the gate; a number below stable is a rollback.

    Raises ArtifactError where the version does not verify, StoreError where there is none.
    """
    folder = version_folder(models, name, number).parent
    with locked(folder / LOCK):
        serving = Serving.read(folder)
        if serving.aliases.get("stable") == number:
            return Verdict(True, "it was so already")
        metrics = read_version(models, name, number).metrics
        verdict = judge(folder, serving, number, metrics, force=force)
        if verdict.promoted:
            serving.with_alias("stable", number).write(folder)
    return verdict


def judge(folder: Path, serving: Serving, number: int, metrics: SplitMetrics, *, force: bool) -> Verdict:
    """Decide whether a version that verifies may become stable."""
    stable = serving.aliases.get("stable")
    if stable is None:
        return Verdict(True, "there is no stable version yet")
    if force:
        return Verdict(True, f"version {stable} was stable; the gate was overruled")
    if number < stable:
        return Verdict(True, f"rolled back from version {stable}")
    try:
        before = dict(read_manifest(folder / str(stable))["metrics"])
    except ArtifactError as error:
        return Verdict(False, f"there is nothing to compare it with ({error})")
    return compare(metrics.get("test", {}), before.get("test", {}), stable)


def compare(new: dict[str, float], old: dict[str, float], stable: int) -> Verdict:
    """Pass unless the test metric is worse by more than two standard errors of the difference."""
    for metric, sign, variance in (("accuracy", 1, _accuracy_variance), ("mae", -1, _mae_variance)):
        if metric in new and metric in old:
            margin = 2 * sqrt(variance(new) + variance(old))
            loss = sign * (old[metric] - new[metric])
            was = f"version {stable} has {old[metric]:.4f}, the margin is {margin:.4f}"
            return Verdict(loss <= margin, f"its test {metric} is {new[metric]:.4f}, {was}")
    return Verdict(False, f"there is no test metric to compare it with version {stable}")


def _accuracy_variance(test: dict[str, float]) -> float:
    """Variance of a share p of n rows: p (1 - p) / n."""
    return test["accuracy"] * (1 - test["accuracy"]) / max(test.get("rows", 1), 1)


def _mae_variance(test: dict[str, float]) -> float:
    """Variance of the mean of n absolute errors; the mean of their squares is rmse²."""
    rmse = test.get("rmse", test["mae"])
    return max(rmse**2 - test["mae"] ** 2, 0) / max(test.get("rows", 1), 1)


def set_alias(models: Path, name: str, alias: str, number: int | None) -> None:
    """Let an alias of one's own name a version that verifies, or drop it where the number is None."""
    if not NAME.fullmatch(alias):
        raise StoreError(f"{alias!r} is no alias: {NAME_RULE}")
    if alias in ("stable", "previous"):
        raise StoreError(f"{alias} is set by python -m store promote")
    folder = model_folder(models, name)
    if number is not None:
        read_version(models, name, number)
    elif alias not in Serving.read(folder).aliases:
        raise StoreError(f"{name} has no alias {alias}")
    with locked(folder / LOCK):
        Serving.read(folder).with_alias(alias, number).write(folder)
