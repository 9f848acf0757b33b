"""The settings of a training run: option, TOML key, default and description, in one table."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from nn.activations import ACTIVATIONS
from training.errors import TrainingError


def _setting(
    default: Any,
    parse: Callable[[str], Any],
    check: Callable[[Any], bool],
    expected: str,
    metavar: str,
    description: str,
) -> Any:
    metadata = {"parse": parse, "check": check, "expected": expected, "metavar": metavar, "help": description}
    return field(default=default, metadata=metadata)


def _string(metavar: str, description: str) -> Any:
    def check(value: Any) -> bool:
        return isinstance(value, str) and value != ""

    return _setting(None, str, check, "a non-empty string", metavar, description)


def _character(description: str) -> Any:
    def check(value: Any) -> bool:
        return isinstance(value, str) and len(value) == 1 and value.isascii() and value not in '"\r\n'

    return _setting(None, str, check, "one ASCII character", "CHARACTER", description)


def _choice(default: str | None, names: tuple[str, ...], description: str) -> Any:
    expected, metavar = f"one of {', '.join(names)}", f"{{{','.join(names)}}}"
    return _setting(default, str, lambda value: value in names, expected, metavar, description)


def _integer(default: int | None, minimum: int, description: str) -> Any:
    def check(value: Any) -> bool:
        return type(value) is int and value >= minimum

    return _setting(default, int, check, f"an integer of at least {minimum}", "N", description)


def _float(default: float | None, below: float, description: str, *, positive: bool = False) -> Any:
    def check(value: Any) -> bool:
        return type(value) in (int, float) and 0 <= value < below and not (positive and value == 0)

    expected = f"a number in the range {'(' if positive else '['}0, {below:g})"
    return _setting(default, float, check, expected, "X", description)


def _flag(default: bool | None, description: str) -> Any:
    words = {"true": True, "false": False}

    def check(value: Any) -> bool:
        return type(value) is bool

    return _setting(default, lambda text: words[text], check, "true or false", "{true,false}", description)


def _names(metavar: str, description: str) -> Any:
    def parse(text: str) -> tuple[str, ...]:
        return tuple(name.strip() for name in text.split(",") if name.strip())

    def check(value: Any) -> bool:
        return isinstance(value, tuple) and all(isinstance(name, str) for name in value)

    return _setting(None, parse, check, "names such as zip_code,year", metavar, description)


def _widths(default: tuple[int, ...] | None, description: str) -> Any:
    def parse(text: str) -> tuple[int, ...]:
        return tuple(int(width) for width in text.split(",") if width)

    def check(value: Any) -> bool:
        return isinstance(value, tuple) and all(type(width) is int and width >= 1 for width in value)

    return _setting(default, parse, check, "positive integers such as 256,128", "N,N,...", description)


# The headings under which the help lists the settings.
GROUPS = {
    "data": (
        "data",
        "target",
        "task",
        "delimiter",
        "header",
        "test_data",
        "test_share",
        "folds",
        "validation_share",
        "drop",
        "numbers",
        "categories",
        "dates",
        "decimal",
        "dayfirst",
        "allow_missing",
        "bins",
    ),
    "network": ("networks", "layers", "activation", "dropout"),
    "training": (
        "epochs",
        "batch_size",
        "learning_rate",
        "optimizer",
        "schedule",
        "weight_decay",
        "label_smoothing",
        "class_weight",
        "patience",
        "calibrate",
        "seed",
    ),
}


@dataclass(frozen=True)
class Config:
    """The settings of a training run, checked on creation.

    On the same machine, the same settings and data give a bit-identical `model.npz`.
    """

    data: str = _string("PATH", "training data: a .csv, .parquet or .npz file, or digits (built in)")
    target: str | None = _string("COLUMN", "column to predict; required for .csv and .parquet files")
    task: str | None = _choice(
        None, ("classification", "regression"), "kind of prediction (default: detected from the target)"
    )
    delimiter: str | None = _character("delimiter of a CSV file, such as ';' (default: detected)")
    header: bool | None = _flag(
        None, "whether the first line of a CSV file contains the column names (default: detected)"
    )
    test_data: str | None = _string("PATH", "file with the test set, with the same columns (default: rows held out)")
    test_share: float = _float(
        0.2,
        1,
        "fraction of the rows held out for testing, unless there is a test set; 0: train on all, measure nothing",
    )
    folds: int | None = _integer(
        None,
        2,
        "number of folds, each measured with a model of its own, before training on all rows (default: none)",
    )
    validation_share: float = _float(
        0.15, 1, "fraction of the remaining rows held out to select the best epoch and to calibrate"
    )
    drop: tuple[str, ...] | None = _names("COLUMN,...", "columns to leave out; requests may have them or not")
    numbers: tuple[str, ...] | None = _names("COLUMN,...", "columns to read as numbers")
    categories: tuple[str, ...] | None = _names(
        "COLUMN,...", "columns whose values are names, such as codes: each is a category of its own"
    )
    dates: tuple[str, ...] | None = _names("COLUMN,...", "columns to read as dates")
    decimal: str | None = _choice(
        None, (".", ","), "decimal separator, where 1,234 may be a thousand or one (default: detected)"
    )
    dayfirst: bool | None = _flag(None, "whether 01/02/2024 is in February, where it may be (default: detected)")
    allow_missing: bool = _flag(
        False, "whether requests may lack any value, even one that no training row lacks: it is then filled"
    )
    bins: int = _integer(32, 0, "maximum number of quantile bins per numeric column; 0 disables binning")
    networks: int | None = _integer(
        None, 1, "number of networks, trained on different rows and mixed into one (default: 4; 1 for images)"
    )
    layers: tuple[int, ...] | None = _widths(
        None, "number of units of each hidden layer of each network (default: 64,64; 256,256 for images)"
    )
    activation: str = _choice("relu", tuple(ACTIVATIONS), "activation function of the hidden layers")
    dropout: float | None = _float(
        None, 1, "fraction of the hidden units dropped in each training step (default: 0; 0.3 for images)"
    )
    label_smoothing: float = _float(0.0, 1, "fraction of each label spread evenly over all classes")
    optimizer: str = _choice("adamw", ("adam", "adamw", "sgd", "rmsprop"), "algorithm that updates the weights")
    learning_rate: float = _float(1e-3, 10, "peak learning rate of the optimizer", positive=True)
    weight_decay: float = _float(
        0.02, 10, "fraction of each weight, times the learning rate, subtracted per step; used by adamw only"
    )
    schedule: str = _choice("cosine", ("cosine", "constant"), "learning rate schedule")
    epochs: int | None = _integer(
        None, 1, "maximum number of passes over the training set (default: 10 to 200, fewer for more rows)"
    )
    batch_size: int | None = _integer(
        None, 1, "number of rows per training step (default: 32 to 256, more for more rows)"
    )
    class_weight: str | None = _choice(
        None,
        ("balanced",),
        "balanced: weight rows as if all classes were equally frequent (default: all rows weigh the same)",
    )
    patience: int = _integer(
        16, 0, "stop after this many epochs without a lower validation loss; 0 disables early stopping"
    )
    calibrate: bool = _flag(True, "whether to calibrate the probabilities on the validation set (temperature scaling)")
    seed: int = _integer(0, 0, "random seed; the same seed, settings and data give a bit-identical model")

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            is_given = value is not None or setting.default is not None
            if is_given and not setting.metadata["check"](value):
                raise TrainingError(f"{setting.name} = {value!r}: expected {setting.metadata['expected']}")
        if self.folds and self.test_data:
            raise TrainingError("remove --folds, which measure on the training data, or --test-data")
        if not self.data:
            raise TrainingError("no training data: set --data to a .csv, .parquet or .npz file, or to digits")

    @classmethod
    def read(cls, path: Path | None, options: dict[str, Any]) -> Self:
        """Read the settings of a TOML file; options override it."""
        settings = {} if path is None else _read_toml(path)
        values: dict[str, Any] = {**settings, **options}
        names = {setting.name for setting in fields(cls)}
        if unknown := sorted(values.keys() - names):
            place = f"{path}: " if unknown[0] in settings else ""
            raise TrainingError(f"{place}unknown setting {unknown[0]}; valid settings are {', '.join(sorted(names))}")
        try:
            lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
            return cls(**values | lists)
        except TrainingError as error:
            raise TrainingError(f"{path}: {error}" if path and not options else str(error)) from error

    def to_toml(self) -> str:
        """Return a TOML file that reproduces the run. JSON strings, numbers, booleans and lists are valid TOML."""
        settings = {name: value for name, value in asdict(self).items() if value is not None}
        return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in settings.items())


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"{path} can't be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} is not a valid TOML file: {error}") from error
