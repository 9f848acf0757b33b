"""Measure the default settings of `python -m training train` on tables, beside three baselines of scikit-learn.

    NPSERVE_DATA=FOLDER python -m benchmarks.tables

FOLDER must contain ames.csv, deliveries.csv, adult.csv, churn.csv and penguins.csv. The other tables are those of
scikit-learn, or generated. With each seed, all models are trained on the same rows and tested on the same rows. npserve
holds a part of its rows out to stop early; the others train on all. The verdicts compare means over the seeds.
"""

import shlex
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.options import data_folder, make_parser, names_of
from benchmarks.prepared_tables import TABLES
from training.config import Config
from training.data.dataset import DataSet
from training.data.load import load_dataset
from training.evaluation.scores import EvaluationResult, evaluate_model
from training.fitting.fit import fit_model

MANY_ROWS = 5000  # from here on a regression should be as good as gradient boosting, below as ridge regression
R2_MARGINS = {"boosting": 0.005, "linear": 0.01}
MAX_CATEGORIES = 250  # of a column for gradient boosting, which takes 255


def main() -> None:
    """Train all models on each table with each seed; print the means and the verdict."""
    parser = make_parser("tables", __doc__)
    parser.add_argument("--tables", type=names_of(TABLES), default=list(TABLES), metavar="NAME,...")
    parser.add_argument("--seeds", type=int, default=5, help="splits of each table (default: %(default)s)")
    parser.add_argument(
        "--try",
        action="append",
        default=[],
        metavar="OPTIONS",
        dest="recipes",
        help='options of training to try as well, such as --try="--networks 1 --dropout 0.3"; can be repeated',
    )
    options = parser.parse_args()
    folder = data_folder("ames.csv", "deliveries.csv", "adult.csv", "churn.csv", "penguins.csv")
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name in options.tables:
        frame = TABLES[name](folder).dropna(subset="y").reset_index(drop=True)
        with tempfile.TemporaryDirectory() as temporary:
            frame.to_csv(file := Path(temporary) / f"{name}.csv", index=False)
            results = [_measure(frame, file, ["", *options.recipes], seed) for seed in range(options.seeds)]
        _print(name, frame, results)


@dataclass(frozen=True)
class Result:
    """The test metrics of each model with one seed, the seconds that each took to train, and the bias of npserve."""

    task: str
    scores: dict[str, dict[str, float]]
    seconds: dict[str, float]
    bias: float  # the mean error in standard errors


def _measure(frame: pd.DataFrame, file: Path, recipes: list[str], seed: int) -> Result:
    scores, seconds = {}, {}
    for recipe in reversed(recipes):
        began = time.perf_counter()
        config = Config(data=str(file), target="y", seed=seed, **_settings(recipe))
        data = load_dataset(config)
        result = evaluate_model(fit_model(config, data).model, data.test.chunks())
        name = f"npserve {recipe}".rstrip()
        seconds[name], scores[name] = time.perf_counter() - began, result.scores(data.targets.task)
    test = data.test.rows
    train = np.concatenate([data.train.rows, data.validation.rows])
    for name, make in BASELINES[data.targets.task].items():
        began = time.perf_counter()
        model, x = make(frame.iloc[train], seed), _columns(frame, train, categories=name == "boosting")
        model.fit(x.iloc[train], data.train.targets[train])
        seconds[name] = time.perf_counter() - began
        scores[name] = _evaluate(model, x.iloc[test], data).scores(data.targets.task)
    return Result(data.targets.task, scores, seconds, _bias(result))


def _settings(recipe: str) -> dict[str, Any]:
    """Return the settings of options of training: "--networks 1 --layers 256,256"."""
    parse = {setting.name: setting.metadata["parse"] for setting in fields(Config)}
    words = shlex.split(recipe)
    names = [word.removeprefix("--").replace("-", "_") for word in words[::2]]
    return {name: parse[name](value) for name, value in zip(names, words[1::2], strict=True)}


def _columns(frame: pd.DataFrame, train: NDArray[np.intp], *, categories: bool) -> pd.DataFrame:
    """Return the columns without the target; with `categories`, text has the type that gradient boosting expects."""
    x = frame.drop(columns="y")
    for column in x.select_dtypes("object") if categories else ():
        common = x[column].iloc[train].value_counts().index[:MAX_CATEGORIES]
        x[column] = pd.Categorical(x[column].where(x[column].isin(common)))
    return x


def _boosting(rows: pd.DataFrame, seed: int, kind: type) -> Any:
    return kind(random_state=seed, categorical_features="from_dtype")


def _prepared(rows: pd.DataFrame, model: Any) -> Any:
    """Return the model after the usual preparation: standardised numbers and one-hot text, missing values filled."""
    x = rows.drop(columns="y")
    text = x.select_dtypes("object").columns
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore", min_frequency=3)
    categories = make_pipeline(SimpleImputer(strategy="constant", fill_value="missing"), one_hot)
    return make_pipeline(
        make_column_transformer((numbers, x.columns.difference(text, sort=False)), (categories, text)), model
    )


BASELINES: dict[str, dict[str, Callable[[pd.DataFrame, int], Any]]] = {
    "regression": {
        "linear": lambda rows, seed: _prepared(rows, RidgeCV(np.logspace(-2, 4, 13))),
        "boosting": lambda rows, seed: _boosting(rows, seed, HistGradientBoostingRegressor),
        "mlp": lambda rows, seed: TransformedTargetRegressor(
            _prepared(rows, MLPRegressor(random_state=seed)), transformer=StandardScaler()
        ),
    },
    "classification": {
        "linear": lambda rows, seed: _prepared(rows, LogisticRegression(max_iter=1000)),
        "boosting": lambda rows, seed: _boosting(rows, seed, HistGradientBoostingClassifier),
        "mlp": lambda rows, seed: _prepared(rows, MLPClassifier(random_state=seed)),
    },
}


def _evaluate(model: Any, x: pd.DataFrame, data: DataSet) -> EvaluationResult:
    y = data.test.y
    if data.targets.task == "regression":
        outputs = model.predict(x)[:, None]
        return EvaluationResult(outputs, np.square(outputs[:, 0] - y), y)
    outputs = np.clip(model.predict_proba(x), 1e-15, 1)
    return EvaluationResult(outputs, -np.log(outputs[np.arange(len(y)), y]), y)


def _bias(result: EvaluationResult) -> float:
    errors = result.outputs[:, 0] - result.targets.astype(np.float64)
    return float(errors.mean() / (errors.std() / np.sqrt(len(errors)) or 1))


def _print(name: str, frame: pd.DataFrame, results: list[Result]) -> None:
    task = results[0].task
    print(f"{name}: {task}, {len(frame):,} rows, {frame.shape[1] - 1} columns, {len(results)} seeds")
    for model in results[0].scores:
        metrics = [metric for metric in results[0].scores[model] if metric not in ("rows", "ece")]
        values = {metric: np.array([result.scores[model][metric] for result in results]) for metric in metrics}
        texts = [f"{metric} {value.mean():.4g} ± {value.std():.2g}" for metric, value in values.items()]
        seconds = np.mean([result.seconds[model] for result in results])
        print(f"  {model:9} {', '.join(texts)}, {seconds:.1f} s")
    print(f"  {_regression_verdict(frame, results) if task == 'regression' else _classification_verdict(results)}")
    print(flush=True)


def _regression_verdict(frame: pd.DataFrame, results: list[Result]) -> str:
    rival = "boosting" if len(frame) > MANY_ROWS else "linear"
    own, other = (np.mean([result.scores[model]["r2"] for result in results]) for model in ("npserve", rival))
    verdict = "reached" if own >= other - R2_MARGINS[rival] else "MISSED"
    bias = max((result.bias for result in results), key=abs)
    return f"wanted: r2 of {rival} - {R2_MARGINS[rival]:g}: {verdict}; largest bias {bias:+.1f} standard errors"


def _classification_verdict(results: list[Result]) -> str:
    losses = {name: np.array([result.scores[name]["loss"] for result in results]) for name in results[0].scores}
    rival = min(("linear", "mlp"), key=lambda name: float(losses[name].mean()))
    difference = losses["npserve"] - losses[rival]
    error = float(difference.std(ddof=1) / np.sqrt(len(difference))) if len(results) > 1 else np.nan
    verdict = "MISSED" if difference.mean() > error else "reached"
    return (
        f"wanted: the loss of {rival}, or more by at most one standard error: {verdict}"
        f" ({difference.mean():+.4f}, standard error {error:.4f})"
    )


if __name__ == "__main__":
    main()
