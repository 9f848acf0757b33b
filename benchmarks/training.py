"""Compare training in npserve with other libraries: seconds per epoch, accuracy, memory and import time.

    NPSERVE_DATA=FOLDER python -m benchmarks.training

FOLDER must contain mnist.npz (in the format of Keras). Every other library needs a virtual environment, which --set-up
creates (with network access); libraries without one are skipped. Every run is a separate process. The libraries
alternate within a round, so that changes in the speed of the machine affect all of them; results are medians over all
epochs of all rounds.
"""

import cProfile
import json
import pstats
import statistics
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from benchmarks.fits import JOBS, LIBRARIES, load
from benchmarks.options import add_peers, data_folder, make_parser, names_of

FITS = Path(__file__).with_name("fits.py")
PACKAGES = {
    "keras": ["keras==3.15.1", "tensorflow-cpu==2.21.0"],
    "pytorch": ["torch==2.13.0", "numpy"],
    "sklearn": ["scikit-learn==1.9.0"],
    "jax": ["jax==0.10.0"],
}
# The components of a training step, by the functions of training.keras that run them (or call numpy).
PARTS = {
    "matrix products and biases": ("keras/engine/ops/", ("forward", "backward")),
    "optimizer": ("keras/optimizers/", ("step", "apply", "_flush")),
    "gathering rows": ("keras/engine/data_adapter.py", ("batches", "gather")),
    "loss": ("keras/losses/", ()),
    "metrics": ("keras/metrics/", ()),
    "activations": ("nn/activations.py", ()),
}


def main() -> None:
    """Train with every library, and print a table for each job."""
    parser = make_parser("training", __doc__)
    parser.add_argument("--set-up", action="store_true", help="create the environments of the other libraries first")
    add_peers(parser, "the other libraries")
    parser.add_argument(
        "--jobs",
        type=names_of(JOBS),
        default=[*JOBS],
        metavar="A,B",
        help=f"networks to train, from {', '.join(JOBS)} (default: all)",
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="runs per library (default: %(default)s)")
    options = parser.parse_args()
    data = str(data_folder("mnist.npz") / "mnist.npz")
    if options.set_up:
        for name, packages in PACKAGES.items():
            _set_up(options.peers / name, packages)
    for job in options.jobs:
        results = _run(job, data, options.peers, options.rounds)
        _print(job, results)
        _print_profile(job, data, results)


def _set_up(folder: Path, packages: list[str]) -> None:
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin/python", "-m", "pip", "install", "--quiet", *packages], check=True)


def _run(job: str, data: str, peers: Path, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Return the results of each library by round."""
    pythons = {name: python_of(name, peers) for name in LIBRARIES}
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in LIBRARIES if pythons[name].exists()}
    missing = ", ".join(LIBRARIES.keys() - results.keys())
    if missing:
        print(f"Not measured: {missing} (no environment in {peers}; --set-up creates it).")
    for _ in range(rounds):
        for name, found in results.items():
            found.append(run_fit(name, pythons[name], job, data))
    return results


def python_of(name: str, peers: Path) -> Path:
    """Return the interpreter of a library's environment."""
    return peers / name / "bin/python" if name in PACKAGES else Path(sys.executable)


def run_fit(name: str, python: Path, job: str, data: str, seed: int = 0) -> dict[str, Any]:
    """Run one job with one library in a separate process."""
    # -P: this folder's training.py must not shadow the package training.
    command = [str(python), "-P", str(FITS), name, job, data, str(seed)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f"{name} failed:\n{run.stderr}")
    result: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return result


def _seconds(results: list[dict[str, Any]]) -> float:
    return float(statistics.median(seconds for result in results for seconds in result["epochs"]))


def _print(job: str, results: dict[str, list[dict[str, Any]]]) -> None:
    network = "-".join(map(str, JOBS[job].widths))
    print(f"\n{job}: {network}, batch {JOBS[job].batch_size}, {JOBS[job].epochs} epochs")
    print(f"{'':10} {'s/epoch':>9} {'ratio':>7} {'first':>7} {'last':>7} {'accuracy':>9} {'MB':>6} {'import s':>9}")
    own = _seconds(results["npserve"])
    for name, found in results.items():
        seconds = _seconds(found)
        first, last = (statistics.median(result["epochs"][end] for result in found) for end in (0, -1))
        accuracy, megabytes, imported = (
            statistics.median(result[key] for result in found) for key in ("accuracy", "megabytes", "import")
        )
        shown = f"{accuracy:9.4f} {megabytes:6.0f} {imported:9.2f}" if name != "products" else ""
        print(f"{name:10} {seconds:9.4f} {seconds / own:7.2f} {first:7.3f} {last:7.3f} {shown}", flush=True)


def _print_profile(job: str, data: str, results: dict[str, list[dict[str, Any]]]) -> None:
    """Print the time per epoch by component: the shares of a profiled run, scaled to an unprofiled run."""
    arrays, epochs = load(data, JOBS[job]), list[float]()
    profile = cProfile.Profile()
    profile.runcall(LIBRARIES["npserve"][1], JOBS[job], arrays, epochs, 0)
    times = dict.fromkeys([*PARTS, "loop and other"], 0.0)
    total = 0.0
    statistic = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # documented, but not in the stubs
    for (file, _, name), (_, _, own, _, callers) in statistic.items():
        if file == "~":  # the time of a built-in function is added to its callers
            for (caller_file, _, caller_name), (_, _, spent, _) in callers.items():
                times[_part(caller_file, caller_name)] += spent
                total += spent
        else:
            times[_part(file, name)] += own
            total += own
    seconds = _seconds(results["npserve"])
    shares = ", ".join(f"{part} {seconds * spent / total:.3f}" for part, spent in times.items())
    products = _seconds(results["products"])
    print(f"the {seconds:.3f} s of npserve by component: {shares}; only the matrix products: {products:.3f}")


def _part(file: str, name: str) -> str:
    for part, (path, names) in PARTS.items():
        if path in Path(file).as_posix() and (not names or name in names):
            return part
    return "loop and other"


if __name__ == "__main__":
    main()
