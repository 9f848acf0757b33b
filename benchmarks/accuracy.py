"""Test accuracy and calibration of `python -m training train` on real data, over several seeds.

    NPSERVE_DATA=FOLDER python -m benchmarks.accuracy [SEEDS]

FOLDER holds mnist.npz in Keras's layout, adult.csv and penguins.csv.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from training.config import Config
from training.data.load import load_dataset
from training.evaluation.scores import evaluate_model
from training.fit import fit_model

ARTICLE = Path(__file__).parents[1] / "training/article.toml"
RUNS: dict[str, tuple[Path | None, dict[str, Any]]] = {
    "the article on mnist": (ARTICLE, {"data": "mnist.npz"}),
    "mnist": (None, {"data": "mnist.npz"}),
    "adult": (None, {"data": "adult.csv", "target": "income"}),
    "penguins": (None, {"data": "penguins.csv", "target": "species"}),
}


def main() -> None:
    """Train with each seed; print accuracy (minimum, mean) and calibration error (mean, maximum) of each data set."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    if "NPSERVE_DATA" not in os.environ:
        sys.exit("NPSERVE_DATA names no folder with mnist.npz, adult.csv and penguins.csv")
    print(f"{'':22} accuracy: least, mean ± deviation   calibration error: mean, most   seconds")
    for name, (file, settings) in RUNS.items():
        data = str(Path(os.environ["NPSERVE_DATA"]) / settings["data"])
        began = time.perf_counter()
        results = [_test_scores(Config.read(file, {**settings, "data": data, "seed": seed})) for seed in range(seeds)]
        seconds = (time.perf_counter() - began) / seeds
        accuracy, error = (np.array([scores[name] for scores in results]) for name in ("accuracy", "ece"))
        print(
            f"{name:22} {accuracy.min():15.4f}, {accuracy.mean():.4f} ± {accuracy.std():.4f}"
            f"   {error.mean():24.4f}, {error.max():.4f}   {seconds:7.1f}",
            flush=True,
        )


def _test_scores(config: Config) -> dict[str, float]:
    data = load_dataset(config)
    fitted = fit_model(config, data)
    return evaluate_model(fitted.model, data.test.chunks()).scores(data.targets.task)


if __name__ == "__main__":
    main()
