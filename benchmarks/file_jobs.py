"""The steps of `benchmarks.files`, each in a process of its own: write the table, train, read, predict."""

import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

STEPS = ("until the first epoch", "predict")  # those that are measured
LAYERS = (64, 64)
TRAINED_ROWS = 20_000
NUMBERS, INTEGERS, CATEGORIES = 9, 2, 3


def write_table(path: Path, rows: int) -> None:
    """Write a table with numbers of different sizes, integers, categories, a time and a class."""
    import pyarrow
    import pyarrow.csv

    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {
        f"number{i}": np.round(rng.normal(size=rows) * 10.0 ** rng.integers(0, 4), 4) for i in range(NUMBERS)
    }
    columns |= {f"integer{i}": rng.integers(0, 100_000, rows) for i in range(INTEGERS)}
    names = np.array([f"value {i}" for i in range(20)])
    columns |= {f"category{i}": names[rng.integers(0, 20, rows)].tolist() for i in range(CATEGORIES)}
    columns["time"] = (np.datetime64("2020-01-01T00:00:00") + rng.integers(0, 10**8, rows)).astype(str).tolist()
    is_high = (columns["number0"] > 0) ^ (columns["integer0"] > 50_000)
    columns["target"] = np.where(is_high, "high", "low").tolist()
    pyarrow.csv.write_csv(pyarrow.table(columns), path)


def npserve(step: str, folder: Path) -> None:
    """Run a step with the command, or read the data as it does."""
    table = str(folder / "table.csv")
    if step == "until the first epoch":
        from training.config import Config
        from training.data.load import load_dataset

        load_dataset(Config(data=table, target="target"))
        return
    from training.__main__ import main

    if step == "predict":
        arguments = ["predict", "table", "--data", table, "--out", str(folder / "npserve.csv")]
    else:
        layers = ",".join(map(str, LAYERS))
        sizes = ["--networks", "1", "--layers", layers, "--epochs", "1", "--force"]
        arguments = ["train", "--data", table, "--target", "target", "--name", "table", *sizes]
    if main(arguments):
        sys.exit(1)


def pandas(step: str, folder: Path) -> None:
    """Run a step with pandas and scikit-learn: the whole table in memory, standardised numbers, one-hot categories."""
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = pd.read_csv(folder / "table.csv", parse_dates=["time"])
    frame["time"] = frame["time"].astype("int64")
    y = frame.pop("target")
    numbers = list(frame.select_dtypes("number").columns)
    categories = [name for name in frame.columns if name not in numbers]
    encode: Any = make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(sparse_output=False), categories))
    if step == "until the first epoch":
        train, test = train_test_split(frame, test_size=0.2, random_state=0)
        encode.fit(train)
        encode.transform(train), encode.transform(test)
    elif step == "train":
        warnings.simplefilter("ignore", ConvergenceWarning)  # one epoch is enough to predict something
        model = make_pipeline(encode, MLPClassifier(LAYERS, max_iter=1))
        (folder / "model.pickle").write_bytes(pickle.dumps(model.fit(frame[:TRAINED_ROWS], y[:TRAINED_ROWS])))
    else:
        model = pickle.loads((folder / "model.pickle").read_bytes())
        probabilities = model.predict_proba(frame)
        frame["prediction"] = model.classes_[probabilities.argmax(axis=1)]
        for number, label in enumerate(model.classes_):
            frame[f"probability {label}"] = probabilities[:, number]
        frame.to_csv(folder / "pandas.csv", index=False)


def main(step: str, system: str, folder: Path) -> None:
    """Run a step of a system; `write` has the number of rows in place of a system."""
    if step == "write":
        write_table(folder / "table.csv", int(system))
    else:
        {"npserve": npserve, "pandas": pandas}[system](step, folder)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
