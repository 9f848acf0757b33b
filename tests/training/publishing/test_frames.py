"""Data frames: a model that was trained on one is published with its columns, and `training.train` takes one."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest

import training
from store import read_version
from tests.helpers.server import Server
from training import SimpleNeuralNetwork, TrainingError, keras


@pytest.fixture
def frame(rng: np.random.Generator) -> pd.DataFrame:
    """Rows whose class depends on a number and a boolean."""
    age, member = rng.integers(18, 80, 200), rng.random(200) < 0.5
    return pd.DataFrame({"age": age, "member": member, "score": rng.normal(size=200)})


def _classes(frame: pd.DataFrame) -> np.ndarray:
    return np.asarray((frame.age > 50) & frame.member).astype(int)


def test_a_keras_model_keeps_the_columns_of_its_data_frame(frame: pd.DataFrame, tmp_path: Path) -> None:
    model = keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(frame, _classes(frame), epochs=1, verbose=0)
    model.publish("members", frame, _classes(frame), models=tmp_path, labels=["no", "yes"])
    version = read_version(tmp_path, "members", 1)
    columns = version.artifact.model.features.columns
    assert [(column.name, column.kind) for column in columns] == [
        ("age", "number"),
        ("member", "boolean"),
        ("score", "number"),
    ]
    report = (tmp_path / "members/1/report.html").read_text()
    assert "on which the model may have been trained" in report
    assert "Partial dependence" in report
    assert "boolean: 1" in report
    np.testing.assert_allclose(
        version.artifact.model.predict(frame.to_numpy(float)), model.predict(frame), rtol=1e-4, atol=1e-5
    )


def test_the_published_columns_are_those_of_requests(frame: pd.DataFrame, tmp_path: Path) -> None:
    network = SimpleNeuralNetwork(3, 4, 2)
    network.publish("members", frame, _classes(frame), models=tmp_path, test=True)
    server: Server
    with Server(tmp_path, workers=1) as server:
        server.wait_until_ready()
        row = {"age": 30, "member": True, "score": 0.5}
        answer = server.post("/models/members/predict", json.dumps({"instances": [row]}))
        assert answer.status_code == 200, answer.text
        wrong = server.post("/models/members/predict", json.dumps({"instances": [row | {"member": 1}]}))
        assert wrong.status_code == 422
        assert "true or false" in wrong.text
    assert "Metrics on the test set" in (tmp_path / "members/1/report.html").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"color": "red"}, "x has 4 columns, but the model has 3 inputs"),
        ({"score": "low"}, "column score of x contains .* values; expected numbers"),
        ({"score": pd.array([None, *[1] * 199], dtype="Int64")}, "x has missing values"),
    ],
)
def test_a_frame_that_the_model_was_not_trained_on_is_refused(
    change: dict[str, str], message: str, frame: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=message):
        SimpleNeuralNetwork(3, 4, 2).publish("members", frame.assign(**change), models=tmp_path)


def test_train_takes_a_data_frame_and_publishes(
    frame: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = frame.assign(joined=pd.Timestamp("2024-01-01") + pd.to_timedelta(range(200), "D"), y=_classes(frame))
    frame.loc[:9, "age"] = None  # some of them are in the training set, whatever the seed
    run = training.train(frame, target="y", epochs=3, networks=2)
    shown = capsys.readouterr().out
    assert "Network 2 of 2, epoch 3/3" in shown
    assert "accuracy 0." not in shown
    assert repr(run).startswith("Note: column age: ")
    assert "Test set: accuracy 0." in repr(run)
    assert "linear model: accuracy 0." in repr(run)
    publication = run.publish("members", tmp_path)
    version = read_version(tmp_path, "members", publication.version)
    assert run.evaluation
    assert version.metrics["test"] == run.evaluation.scores
    kinds = {column.name: column.kind for column in version.artifact.model.features.columns}
    assert kinds == {"age": "number", "member": "boolean", "score": "number", "joined": "date"}
    assert len(version.manifest["data"]["sha256"]) == 64
    assert (tmp_path / "members/1/report.html").exists()


def test_train_takes_a_path_folds_and_test_frames(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame = frame.assign(y=_classes(frame))
    frame.to_csv(tmp_path / "t.csv", index=False)
    small: dict[str, Any] = {"epochs": 2, "networks": 1, "layers": (4,)}
    from_path = training.train(tmp_path / "t.csv", "y", **small)
    from_frame = training.train(frame.assign(member=frame.member.astype(bool)), "y", **small)
    from_arrow = training.train(pyarrow.Table.from_pandas(frame), "y", **small)
    for run in (from_frame, from_arrow):
        np.testing.assert_array_equal(
            run.fitted.model.network.layers[0].kernel, from_path.fitted.model.network.layers[0].kernel
        )
    tested = training.train(frame[:150], "y", test_data=frame[150:], **small)
    assert tested.evaluation
    assert tested.evaluation.scores["rows"] == 50
    folds = training.train(frame, "y", folds=2, **small)
    assert "2 folds: accuracy" in repr(folds)


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        (None, {}, "expected a data frame or the path of a file, got NoneType"),
        ([[1, 2]], {}, "expected a data frame or the path of a file, got list"),
        (pd.DataFrame({"a": [1, "x"], "y": [0, 1]}), {"target": "y"}, "the data frame can't be read: .* column a"),
        (pd.DataFrame({"a": [1, 2], "y": [0, 1]}), {}, "set target to the column to predict"),
        (pd.DataFrame({"a": [1, 2]}), {"target": "y"}, "the data frame has no column 'y'"),
        (pd.DataFrame({"a": [1j, 2], "y": [0, 1]}), {"target": "y"}, "the data frame"),
        (pd.DataFrame([[1, 2, 0]], columns=["a", "a", "y"]), {"target": "y"}, "(?i)duplicate column names"),
        (pd.DataFrame({"a": [1, 2], "y": [0, 1]}), {"target": "y", "layer": 3}, "unknown setting layer"),
    ],
)
def test_wrong_arguments_of_train_are_refused(data: object, settings: dict[str, object], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        training.train(data, **settings)  # type: ignore[arg-type]


def test_a_notebook_shows_bars(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    output_type = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
    monkeypatch.setattr(sys, "stdout", output := output_type())
    training.train(frame.assign(y=_classes(frame)), "y", epochs=2, networks=1)
    assert "\rNetwork, epoch 2/2" in output.getvalue()


def test_a_frame_with_two_columns_of_one_name_is_refused(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.columns = pd.Index(["age", "age", "score"])
    with pytest.raises(TrainingError, match="x has duplicate column names: age, age, score"):
        SimpleNeuralNetwork(3, 4, 2).publish("members", frame, models=tmp_path)


def test_declared_categories_are_categories_and_columns_may_be_numbered() -> None:
    code = pd.Categorical([i % 4 for i in range(60)])
    frame = pd.DataFrame({0: code, 1: np.arange(60) % 7, 2: np.arange(60) % 2})
    run = training.train(frame, target=2, epochs=1, networks=1)  # type: ignore[arg-type]
    assert [(column.name, column.kind) for column in run.fitted.model.features.columns] == [
        ("0", "category"),
        ("1", "number"),
    ]


def test_a_report_has_odd_names(frame: pd.DataFrame, tmp_path: Path) -> None:
    labels = np.array(["_a", "_b", "价格"])[np.arange(200) % 3]
    run = training.train(frame.assign(価格=frame.age % 5, y=labels), "y", epochs=1, networks=1)
    run.publish("odd", tmp_path)
    text = (tmp_path / "odd/1/report.html").read_text()
    assert "from 0" in text
    assert "pass it as" not in text
