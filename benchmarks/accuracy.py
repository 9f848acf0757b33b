"""Measure the test accuracy and calibration of `python -m training train` on real data over several seeds.

    NPSERVE_DATA=FOLDER python -m benchmarks.accuracy

FOLDER must contain mnist.npz (in the format of Keras), adult.csv and penguins.csv.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.options import data_folder, make_parser
from training.config import Config
from training.data.load import load_dataset
from training.evaluation.scores import evaluate_model
from training.fitting.fit import fit_model

ARTICLE = Path(__file__).parents[1] / "training/article.toml"
RUNS: dict[str, tuple[Path | None, dict[str, Any]]] = {
    "mnist, article": (ARTICLE, {"data": "mnist.npz"}),
    "mnist": (None, {"data": "mnist.npz"}),
    "adult": (None, {"data": "adult.csv", "target": "income"}),
    "penguins": (None, {"data": "penguins.csv", "target": "species"}),
}


def main() -> None:
    """Train with each seed; print the accuracy, the calibration error and the duration for each data set."""
    parser = make_parser("accuracy", __doc__)
    parser.add_argument(
        "seeds", nargs="?", type=int, default=5, metavar="SEEDS", help="runs per data set (default: %(default)s)"
    )
    seeds = parser.parse_args().seeds
    folder = data_folder("mnist.npz", "adult.csv", "penguins.csv")
    accuracy_title, error_title = "accuracy: min, mean ± std", "calibration error: mean, max"
    print(f"{'':22} {accuracy_title:>32}   {error_title:>32}   seconds")
    for name, (file, settings) in RUNS.items():
        data = str(folder / settings["data"])
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
