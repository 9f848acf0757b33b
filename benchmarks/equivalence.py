"""Test whether the article's network reaches equivalent accuracy in npserve and in Keras, over several seeds.

    NPSERVE_DATA=FOLDER python -m benchmarks.equivalence

FOLDER must contain mnist.npz. Keras needs an environment that `python -m benchmarks.training --set-up` creates.

Two one-sided t-tests (Schuirmann 1987) decide whether the mean accuracies differ by less than 0.2 percentage points:
they do if the 90 % confidence interval of the difference lies within that margin. A test for a difference cannot show
equivalence. The exit status is 1 if equivalence is not shown.
"""

import sys

import numpy as np
from scipy import stats

from benchmarks.options import add_peers, data_folder, make_parser
from benchmarks.training import python_of, run_fit

MARGIN = 0.002
LIBRARIES = ("npserve", "keras")


def main() -> None:
    """Train with each seed and library, print the means and the result of the test."""
    parser = make_parser("equivalence", __doc__)
    parser.add_argument("--seeds", type=int, default=10, metavar="N", help="runs per library (default: %(default)s)")
    add_peers(parser, "the other libraries")
    options = parser.parse_args()
    data = str(data_folder("mnist.npz") / "mnist.npz")
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
    # Welch's t-test does not assume equal variances.
    interval = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.90)
    equivalent = max(abs(interval.low), abs(interval.high)) < MARGIN
    print(
        f"difference {ours.mean() - theirs.mean():+.4%}, 90 % confidence interval {interval.low:+.4%} to "
        f"{interval.high:+.4%}: {'' if equivalent else 'not shown to be '}equivalent within {MARGIN:.1%}"
    )
    sys.exit(not equivalent)


if __name__ == "__main__":
    main()
