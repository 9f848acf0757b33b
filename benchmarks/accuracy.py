"""Test accuracy of the article's network on MNIST, as `python -m training train` publishes it, by seed.

    NPSERVE_DATA=FOLDER python -m benchmarks.accuracy [SEEDS]

FOLDER holds mnist.npz in Keras's layout.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from training.train import train


def main() -> None:
    """Train once a seed and print a row for each, then the least, the mean and the deviation."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    if "NPSERVE_DATA" not in os.environ:
        sys.exit("NPSERVE_DATA names no folder with mnist.npz")
    data = str(Path(os.environ["NPSERVE_DATA"]) / "mnist.npz")
    accuracies = []
    print("seed  test accuracy  seconds")
    for seed in range(seeds):
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as models:
            publication = train(data, "mnist", models=Path(models), seed=seed, verbose=0)
        accuracies.append(publication.metrics["test"]["accuracy"])
        print(f"{seed:4}  {accuracies[-1]:13.4f}  {time.perf_counter() - began:7.1f}", flush=True)
    print(f"least {min(accuracies):.4f}, mean {np.mean(accuracies):.4f}, deviation {np.std(accuracies):.4f}")


if __name__ == "__main__":
    main()
