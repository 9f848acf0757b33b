"""Compares the accuracy of the article's network here and in Keras: a test of equivalence over seeds.

    NPSERVE_DATA=FOLDER python -m benchmarks.equivalence [--seeds N] [--peers DIR]

FOLDER holds mnist.npz; DIR has the environment of Keras that `python -m benchmarks.training --set-up` makes. Two
one-sided t-tests (Schuirmann 1987) show whether the means are less than 0.2 percentage points apart: they are if the
90 % confidence interval of the difference lies within. A test that finds no difference would prove nothing.
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.training import python_of, run_fit

MARGIN = 0.002
LIBRARIES = ("npserve", "keras")


def main() -> None:
    """Train ten times each, print means and verdict; exit with 1 if equivalence is not shown."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.equivalence", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--seeds", type=int, default=10, help="runs of each library (default: %(default)s)")
    parser.add_argument("--peers", type=Path, default=Path(".peers"), metavar="DIR", help="where Keras is")
    options = parser.parse_args()
    if "NPSERVE_DATA" not in os.environ:
        sys.exit("NPSERVE_DATA names no folder with mnist.npz")
    data = str(Path(os.environ["NPSERVE_DATA"]) / "mnist.npz")
    accuracies = {}
    for name in LIBRARIES:
        python = python_of(name, options.peers)
        results = [run_fit(name, python, "article", data, seed) for seed in range(options.seeds)]
        accuracies[name] = values = np.array([result["accuracy"] for result in results])
        print(
            f"{name:8} {values.mean():.4%} ± {values.std(ddof=1):.4%}, {values.min():.2%} to {values.max():.2%}",
            flush=True,
        )
    ours, theirs = accuracies.values()
    # Welch's t-test: the variances need not be equal.
    interval = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.90)
    equivalent = max(abs(interval.low), abs(interval.high)) < MARGIN
    print(
        f"difference {ours.mean() - theirs.mean():+.4%}, 90 % interval {interval.low:+.4%} to {interval.high:+.4%}:"
        f" {'' if equivalent else 'not shown to be '}equivalent within {MARGIN:.1%}"
    )
    sys.exit(not equivalent)


if __name__ == "__main__":
    main()
