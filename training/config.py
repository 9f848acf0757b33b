"""Every setting of a training run: option, TOML key, default and description, in one table."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from nn.activations import ACTIVATIONS
from training.errors import TrainingError


def _setting(
    default: Any, parse: Callable[[str], Any], check: Callable[[Any], bool], expected: str, description: str
) -> Any:
    return field(default=default, metadata={"parse": parse, "check": check, "expected": expected, "help": description})


def _string(description: str) -> Any:
    return _setting(None, str, lambda value: isinstance(value, str) and value != "", "a text", description)


def _choice(default: str | None, names: tuple[str, ...], description: str) -> Any:
    return _setting(default, str, lambda value: value in names, f"one of {', '.join(names)}", description)


def _integer(default: int | None, minimum: int, description: str) -> Any:
    def check(value: Any) -> bool:
        return type(value) is int and value >= minimum

    return _setting(default, int, check, f"a whole number from {minimum} on", description)


def _float(default: float, below: float, description: str, *, positive: bool = False) -> Any:
    def check(value: Any) -> bool:
        return type(value) in (int, float) and 0 <= value < below and not (positive and value == 0)

    expected = f"a number {'above' if positive else 'from'} 0 to below {below:g}"
    return _setting(default, float, check, expected, description)


def _flag(default: bool | None, description: str) -> Any:
    words = {"true": True, "false": False}
    return _setting(default, lambda text: words[text], lambda value: type(value) is bool, "true or false", description)


def _widths(default: tuple[int, ...], description: str) -> Any:
    def parse(text: str) -> tuple[int, ...]:
        return tuple(int(width) for width in text.split(",") if width)

    def check(value: Any) -> bool:
        return isinstance(value, tuple) and all(type(width) is int and width >= 1 for width in value)

    return _setting(default, parse, check, "whole numbers such as 256,128", description)


@dataclass(frozen=True)
class Config:
    """The settings of a run: with the same data they give a bit-identical version on one machine."""

    data: str = _string("digits (built in), or a .npz, .csv or .parquet file")
    target: str | None = _string("the column of a table to predict")
    task: str | None = _choice(None, ("classification", "regression"), "what to learn (found from the target)")
    delimiter: str | None = _setting(
        None,
        str,
        lambda value: isinstance(value, str) and len(value) == 1 and value.isascii() and value not in '"\r\n',
        "one ASCII character",
        "of a CSV (found)",
    )
    header: bool | None = _flag(None, "whether the first line of a CSV holds names (found)")
    test_share: float = _float(
        0.2, 1, "of the rows is kept to test with, where the data bring no test part", positive=True
    )
    validation_share: float = _float(0.15, 1, "of the other rows chooses the best epoch and calibrates")
    bins: int = _integer(64, 0, "of equally many rows for each number of a table; 0 for none")
    layers: tuple[int, ...] = _widths((256, 256), "units of the hidden layers")
    activation: str = _choice("relu", tuple(ACTIVATIONS), "of the hidden layers")
    dropout: float = _float(0.3, 1, "of the hidden units")
    label_smoothing: float = _float(0.0, 1, "how much of each label is spread over all classes")
    optimizer: str = _choice("adamw", ("adam", "adamw", "sgd", "rmsprop"), "that follows the gradient")
    learning_rate: float = _float(1e-3, 10, "of the optimizer, at its highest", positive=True)
    weight_decay: float = _float(0.02, 10, "of adamw")
    schedule: str = _choice("cosine", ("cosine", "constant"), "of the learning rate")
    epochs: int | None = _integer(None, 1, "passes over the data (by their number of rows)")
    batch_size: int | None = _integer(None, 1, "rows a step (by their number)")
    patience: int = _integer(16, 0, "epochs without a better validation loss before it stops; 0 for no end")
    calibrate: bool = _flag(True, "fit the temperature of the probabilities on the validation part")
    seed: int = _integer(0, 0, "repeats a run to the bit")

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            is_given = value is not None or setting.default is not None
            if is_given and not setting.metadata["check"](value):
                raise TrainingError(f"{setting.name} = {value!r}: expected {setting.metadata['expected']}")
        if not self.data:
            raise TrainingError("name the data to learn from: --data digits, or a .npz, .csv or .parquet file")

    @classmethod
    def read(cls, path: Path | None, options: dict[str, Any]) -> Self:
        """Read the settings of a TOML file; options override it."""
        settings = {} if path is None else _read_toml(path)
        names = {setting.name for setting in fields(cls)}
        if unknown := sorted(settings.keys() - names):
            raise TrainingError(f"{path}: unknown setting {unknown[0]}; known are {', '.join(sorted(names))}")
        settings = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
        try:
            return cls(**{**settings, **options})
        except TrainingError as error:
            raise TrainingError(f"{path}: {error}" if path and not options else str(error)) from error

    def to_toml(self) -> str:
        """Return a TOML file that repeats the run. JSON strings, numbers, booleans and lists are valid TOML."""
        settings = {name: value for name, value in asdict(self).items() if value is not None}
        return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in settings.items())


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"{path} can't be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} is not TOML: {error}") from error
