"""Small data files for tests, and the data sets that training loads from them."""

from pathlib import Path
from typing import Any

import numpy as np

from training.config import Config
from training.data.dataset import DataSet, Split
from training.data.load import load_dataset

CSV = "width,height,kind\n" + "".join(f"{i % 7}.5,{i},{'odd' if i % 2 else 'even'}\n" for i in range(20))


def write_csv(path: Path, header: str, rows: list[str]) -> str:
    path.write_text("\n".join([header, *rows]) + "\n")
    return str(path)


def load_file(path: Path, target: str | None = "kind", **settings: Any) -> DataSet:
    return load_dataset(Config(data=str(path), target=target, **settings))


def codes_of(split: Split) -> np.ndarray:
    return np.asarray(split.codes[split.rows])


def column_names(data: DataSet) -> list[str]:
    return [column.name for column in data.features.columns]
