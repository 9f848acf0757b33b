"""evaluate, compare and predict: the rows of a file are read as the service reads them."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest

from store import read_version
from tests.helpers.reports import report_left_out
from training.__main__ import main
from training.config import Config
from training.data.load import load_dataset
from training.data.quality import check_quality
from training.files.table import ReadOptions
from training.scoring.predict_file import predict_file

pytestmark = pytest.mark.usefixtures("without_report")

ROWS = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scoring")


@pytest.fixture(scope="module")
def table(folder: Path) -> Path:
    """A table with columns of each kind, one with missing values, and two targets that depend on them."""
    rng = np.random.default_rng(5)
    path = folder / "kinds.csv"
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["size", "weight", "color", "open", "day", "kind", "price"])
        for number in range(ROWS):
            size, color = rng.normal(), rng.choice(["red", "green", "blue"])
            weight = "" if number % 9 == 0 else round(rng.normal(), 3)
            opened = str(bool(rng.integers(2))).lower()
            kind = "large" if size + (color == "red") > 0.3 else "small"
            day = f"2024-{rng.integers(1, 13):02}-{rng.integers(1, 29):02}"
            lines.writerow([round(size, 4), weight, color, opened, day, kind, round(3 * size + rng.normal() / 5, 3)])
    return path


@pytest.fixture(scope="module")
def models(table: Path, folder: Path) -> Path:
    models = folder / "models"
    common = ["--data", str(table), "--models", str(models), "--layers", "16", "--force", "--bins", "8"]
    with report_left_out():
        for epochs in ("60", "1"):
            assert main(["train", *common, "--target", "kind", "--name", "kinds", "--epochs", epochs]) == 0
        assert main(["train", *common, "--target", "price", "--name", "price", "--epochs", "60"]) == 0
    return models


def test_evaluate_prints_metrics_with_intervals(models: Path, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["evaluate", "kinds", "--data", str(table), "--models", str(models)]
    capsys.readouterr()
    assert main([*common, "--version", "1", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["version"] == 1
    assert first["metrics"]["rows"] == ROWS
    assert first["metrics"]["accuracy"] > 0.85
    assert first["intervals"]["accuracy"][0] < first["metrics"]["accuracy"] < first["intervals"]["accuracy"][1]
    assert main(common) == 0
    assert capsys.readouterr().out.startswith("kinds 2: accuracy 0.")
    assert main(["evaluate", "price", "--data", str(table), "--models", str(models)]) == 0
    assert "r2 0." in capsys.readouterr().out


def test_rows_that_a_version_was_trained_on_are_not_new_to_it(
    models: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "others.csv").write_text(table.read_text() + "\n")  # other bytes
    common = ["--models", str(models)]
    capsys.readouterr()
    for command in (["evaluate", "kinds"], ["compare", "kinds", "1", "2"]):
        for data, trained in ((table, True), (tmp_path / "others.csv", False)):
            assert main([*command, *common, "--data", str(data)]) == 0
            printed = capsys.readouterr().out
            assert ("Note: kinds 2 was trained on this file" in printed) == trained
            assert main([*command, *common, "--data", str(data), "--json"]) == 0
            described = json.loads(capsys.readouterr().out)
            assert described["part"] == "all"
            assert bool(described["trained_on_file"]) == trained


def test_the_test_part_of_arrays_is_evaluated_and_all_rows_are_predicted(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    x = rng.normal(size=(300, 3))
    y = (x[:, 0] > 0).astype(int)
    np.savez(tmp_path / "parts.npz", x_train=x[:200], y_train=y[:200], x_test=x[200:], y_test=y[200:])
    common = ["--models", str(tmp_path), "--data", str(tmp_path / "parts.npz")]
    assert main(["train", *common, "--name", "parts", "--layers", "8", "--epochs", "20"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "parts", *common]) == 0
    metrics, note = capsys.readouterr().out.splitlines()
    assert metrics.endswith("on 100 rows.")
    assert note == f"Note: the rows are the test part of {tmp_path / 'parts.npz'} (x_test and y_test)."
    assert main(["evaluate", "parts", *common, "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert (described["part"], described["trained_on_file"], described["metrics"]["rows"]) == ("test", [], 100)
    version = read_version(tmp_path, "parts", 1)
    assert described["metrics"]["accuracy"] == version.metrics["test"]["accuracy"]
    out = tmp_path / "out.parquet"
    assert main(["predict", "parts", *common, "--out", str(out)]) == 0
    assert "for 300 rows (those of x_train, then those of x_test)" in capsys.readouterr().out
    model = version.artifact.model
    written = pyarrow.parquet.read_table(out).column("prediction").to_pylist()
    assert written == model.best_labels(model.predict(x.astype(np.float32)))


def test_compare_reports_a_significant_difference(
    models: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--data", str(table), "--models", str(models)]
    capsys.readouterr()
    assert main(["compare", "kinds", "stable", "1", *common]) == 0
    printed = capsys.readouterr().out
    assert "accuracy of version 1 minus version 2: +0." in printed
    assert ": statistically significant." in printed
    assert main(["compare", "kinds", "1", "2", *common, "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    assert compared["versions"] == [1, 2]
    assert compared["comparison"]["p_value"] < 0.05
    assert compared["comparison"]["difference"] < 0


@pytest.mark.parametrize("name", ["kinds", "price"])
def test_predict_writes_the_predictions_of_the_service(name: str, models: Path, table: Path, tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(table), tmp_path / "rows.parquet", row_group_size=70)
    out = {".csv": tmp_path / "out.csv", ".parquet": tmp_path / "out.parquet"}
    for data, to in ((table, out[".parquet"]), (tmp_path / "rows.parquet", out[".csv"])):
        assert main(["predict", name, "--data", str(data), "--out", str(to), "--models", str(models)]) == 0
    written = pyarrow.parquet.read_table(out[".parquet"])
    assert written.num_rows == ROWS
    assert written.column_names[:7] == ["size", "weight", "color", "open", "day", "kind", "price"]
    model = read_version(models, name, 2 if name == "kinds" else 1).artifact.model
    columns = [column.name for column in model.features.columns]
    with table.open(newline="") as file:
        rows = [[_cell(record[column], column) for column in columns] for record in csv.DictReader(file)]
    codes = model.features.read(rows)
    assert codes is not None
    outputs = model.predict(codes)
    if name == "kinds":
        assert written.column("prediction").to_pylist() == model.best_labels(outputs)
        np.testing.assert_array_equal(written.column("probability small").to_numpy(), outputs[:, 1])
    else:
        np.testing.assert_array_equal(written.column("prediction").to_numpy(), outputs[:, 0])
    again = pyarrow.csv.read_csv(out[".csv"])
    assert again.column("prediction").to_pylist() == pytest.approx(written.column("prediction").to_pylist())


def _cell(text: str, column: str) -> str | float | bool | None:
    if text == "":
        return None
    if column == "open":
        return text == "true"
    return text if column in ("color", "day", "kind") else float(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("size", "width"), "has no column 'size', which the model requires; the columns are width, weight"),
        (("\n", "\nbig,1,red,true,2024-01-01,large,1\n"), "row 1: size is 'big'; expected a number"),
        (
            ("\n", "\n,1,red,true,2024-01-01,large,1\n"),
            "row 1: size is missing, but was never missing in training",
        ),
        (
            ("\n", "\n1,1,red,true,2024-01-01,huge,1\n"),
            "unknown class huge in the target column; the classes of the model are large",
        ),
        (("kind", "sort"), "has no target column 'kind'; the columns are size, weight"),
    ],
)
def test_invalid_rows_are_refused_by_evaluate(
    change: tuple[str, str],
    message: str,
    models: Path,
    table: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text(table.read_text().replace(*change, 1))
    assert main(["evaluate", "kinds", "--data", str(bad), "--models", str(models)]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("Error: ")
    assert printed.count("\n") == 1
    assert message in printed


def test_a_column_with_missing_values_in_training_may_be_absent(models: Path, table: Path, tmp_path: Path) -> None:
    whole = pyarrow.csv.read_csv(table)
    narrow = tmp_path / "narrow.parquet"
    pyarrow.parquet.write_table(whole.drop_columns(["weight", "kind"]), narrow)
    out = tmp_path / "out.csv"
    assert main(["predict", "kinds", "--data", str(narrow), "--out", str(out), "--models", str(models)]) == 0
    assert len(out.read_text().splitlines()) == ROWS + 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["predict", "kinds", "--data", "rows.csv", "--out", "out.txt"],
            "out.txt: unknown file type; expected .csv",
        ),
        (["predict", "kinds", "--data", "rows.csv", "--out", "no/out.csv"], "no/out.csv can't be written: "),
        (["predict", "kinds", "--data", "none.csv", "--out", "out.csv"], "none.csv can't be read: No such file"),
        (["predict", "kinds", "--data", "bad.csv", "--out", "out.csv"], "row 301: size is missing"),
        (["predict", "kinds", "--data", "done.csv", "--out", "out.csv"], "done.csv already has a column 'prediction'"),
        (["predict", "nobody", "--data", "rows.csv", "--out", "out.csv"], "unknown model 'nobody'"),
        (["evaluate", "kinds", "--version", "9", "--data", "rows.csv"], "unknown version 9 of kinds"),
        (["evaluate", "kinds", "--data", "rows.npz"], "the data have 3 values per row, the model expects 6"),
        (["evaluate", "kinds", "--data", "digits"], "digits: unknown file type; expected .npz, .csv, .tsv"),
        (["compare", "kinds", "1", "best", "--data", "rows.csv"], "unknown version 'best' of kinds"),
    ],
)
def test_invalid_arguments_give_an_error_and_leave_no_files(
    arguments: list[str],
    message: str,
    models: Path,
    table: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    text = table.read_text()
    Path("rows.csv").write_text(text)
    Path("bad.csv").write_text(text + ",1,red,true,2024-01-01,large,1\n")
    Path("done.csv").write_text(text.replace("price", "prediction", 1))
    np.savez("rows.npz", X=np.ones((4, 3)), y=np.ones(4))
    before = sorted(Path().iterdir())
    assert main([*arguments, "--models", str(models)]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    ("trained", "requested"),
    [
        (["01", "02", "A3"], ["01", "02"]),
        (["True", "False", "Maybe"], ["True", "False"]),
        (["2024-01-01", "2024-01-02", "unknown"], ["2024-01-01", "2024-01-02"]),
        (["1", "2", "3"], ["1.0", "02"]),
    ],
)
def test_categories_are_read_as_in_training(
    trained: list[str], requested: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A new file that holds only some of the categories is not read as numbers or dates."""
    rows = [f"{trained[i % 3]},{i % 7 / 3:.4f},{trained[i % 3]}x\n" for i in range(90)]
    (tmp_path / "old.csv").write_text("code,a,kind\n" + "".join(rows))
    common = ["--models", str(tmp_path / "models")]
    options = ["--name", "codes", "--target", "kind", "--layers", "16", "--epochs", "150", "--force"]
    assert main(["train", "--data", str(tmp_path / "old.csv"), *options, *common]) == 0
    new = "".join(f"{requested[i % 2]},{i % 7 / 3:.4f},{trained[i % 2]}x\n" for i in range(20))
    (tmp_path / "new.csv").write_text("code,a,kind\n" + new)
    capsys.readouterr()
    assert main(["evaluate", "codes", "--data", str(tmp_path / "new.csv"), "--json", *common]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["accuracy"] == 1


def test_labels_are_read_as_in_training(tmp_path: Path) -> None:
    rows = [f"{i % 3 + i % 7 / 90:.4f},{['01', '02', 'A3'][i % 3]}\n" for i in range(90)]
    (tmp_path / "old.csv").write_text("a,kind\n" + "".join(rows))
    common = ["--models", str(tmp_path / "models")]
    options = ["--name", "codes", "--target", "kind", "--epochs", "1", "--force"]
    assert main(["train", "--data", str(tmp_path / "old.csv"), *options, *common]) == 0
    (tmp_path / "new.csv").write_text("a,kind\n" + "".join(row for row in rows if "A3" not in row))
    assert main(["evaluate", "codes", "--data", str(tmp_path / "new.csv"), *common]) == 0


def test_dates_are_refused_as_categories(
    models: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = pyarrow.csv.read_csv(table)
    moved = whole.set_column(2, "color", whole.column("day"))
    pyarrow.parquet.write_table(moved, tmp_path / "bad.parquet")
    assert main(["evaluate", "kinds", "--data", str(tmp_path / "bad.parquet"), "--models", str(models)]) == 2
    assert "column color contains timestamp[us] values; expected a string, a num" in capsys.readouterr().err


def test_predict_writes_the_rows_unchanged(models: Path, table: Path, tmp_path: Path) -> None:
    """Surrounding spaces and missing-value markers are kept, also in the columns that the model reads."""
    with table.open(newline="") as file:
        header, *rows = csv.reader(file)
    added = ["00001", "12345678901234567891", " a", "?"]
    old = [[*header, "zip", "id", "word", "none"], *([" 01.50", *row[1:], *added] for row in rows)]
    with (tmp_path / "new.csv").open("w", newline="") as file:
        csv.writer(file).writerows(old)
    common = ["predict", "kinds", "--data", str(tmp_path / "new.csv"), "--models", str(models), "--out"]
    assert main([*common, str(tmp_path / "out.csv")]) == 0
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [row[: len(old[0])] for row in csv.reader(file)] == old
    assert main([*common, str(tmp_path / "out.parquet")]) == 0
    assert pyarrow.parquet.read_table(tmp_path / "out.parquet").column("zip").to_pylist() == ["00001"] * ROWS


def test_predict_writes_the_columns_of_parquet_unchanged(models: Path, table: Path, tmp_path: Path) -> None:
    whole = pyarrow.csv.read_csv(table)
    whole = whole.set_column(2, "color", whole.column("color").dictionary_encode())
    whole = whole.append_column("id", pyarrow.array([2**64 - 1] * ROWS, pyarrow.uint64()))
    pyarrow.parquet.write_table(whole, tmp_path / "new.parquet")
    common = ["predict", "kinds", "--data", str(tmp_path / "new.parquet"), "--models", str(models), "--out"]
    assert main([*common, str(tmp_path / "out.parquet")]) == 0
    written = pyarrow.parquet.read_table(tmp_path / "out.parquet").select(whole.column_names)
    assert written.schema.types == whole.schema.types
    assert written.equals(whole)
    assert main([*common, str(tmp_path / "out.csv")]) == 0
    assert str(2**64 - 1) in (tmp_path / "out.csv").read_text()


def test_a_line_with_a_column_name_of_the_model_is_a_header(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("2019,2020,kind\n" + "".join(f"{i}.5,x{i % 3},{i % 3}\n" for i in range(60)))
    common = ["--data", str(tmp_path / "data.csv"), "--models", str(tmp_path / "models")]
    assert main(["train", *common, "--target", "kind", "--name", "years", "--epochs", "1", "--force"]) == 0
    assert main(["evaluate", "years", *common]) == 0
    (tmp_path / "new.csv").write_text("2020,2019\nx1,2.5\n")
    common = ["--data", str(tmp_path / "new.csv"), "--models", str(tmp_path / "models")]
    assert main(["predict", "years", *common, "--out", str(tmp_path / "out.csv")]) == 0
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 2


@pytest.mark.parametrize("out", ["out.csv", "out.parquet"])
def test_a_file_without_rows_gives_an_empty_file(out: str, models: Path, table: Path, tmp_path: Path) -> None:
    whole = pyarrow.csv.read_csv(table)
    views = whole.set_column(2, "color", whole.column("color").cast(pyarrow.string_view()))
    for rows in (0, 5):
        pyarrow.parquet.write_table(views[:rows], tmp_path / "new.parquet")
        common = ["--data", str(tmp_path / "new.parquet"), "--models", str(models)]
        assert main(["predict", "kinds", *common, "--out", str(tmp_path / out)]) == 0
        read = pyarrow.csv.read_csv if out == "out.csv" else pyarrow.parquet.read_table
        written = read(tmp_path / out)
        assert written.num_rows == rows
        assert written.column_names == [*whole.column_names, "prediction", "probability large", "probability small"]


def test_a_closed_pipe_ends_the_command_without_a_traceback(models: Path, table: Path) -> None:
    arguments = ["evaluate", "kinds", "--data", str(table), "--models", str(models)]
    with subprocess.Popen(
        [sys.executable, "-m", "training", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait() == 141


def _train(folder: Path, header: str, rows: list[str], *options: str) -> list[str]:
    """Train the model m on a CSV file; return the options that name its store."""
    (folder / "old.csv").write_text("\n".join([header, *rows]))
    store = ["--models", str(folder / "models")]
    assert main(["train", "--data", str(folder / "old.csv"), "--name", "m", *options, "--force", *store]) == 0
    return store


def test_bad_rows_are_skipped_counted_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{i % 7 / 3:.4f},w{i % 3},{'hi' if i % 7 > 3 else 'lo'}" for i in range(90)]
    common = _train(tmp_path, "a,word,kind", rows, "--target", "kind", "--epochs", "1")
    new = [*rows[:40], "1.5,w1", *rows[40:60], "oops,w1,hi", ",w2,lo", *rows[60:80], "0.5,new,hi"]
    (tmp_path / "new.csv").write_text("\n".join(["a,word,kind", *new]))
    predict = ["predict", "m", "--data", str(tmp_path / "new.csv"), "--out", str(tmp_path / "out.csv"), *common]
    evaluate = ["evaluate", "m", "--data", str(tmp_path / "new.csv"), *common]
    for command in (predict, evaluate):
        capsys.readouterr()
        assert main(command) == 2
        assert "new.csv, line 42: expected 3 values, got 2" in capsys.readouterr().err
        assert not (tmp_path / "out.csv").exists()
    note = (
        "Note: 3 rows were skipped: line 42: expected 3 values, got 2; row 62: a is 'oops'; expected a number;"
        " row 63: a is missing, but was never missing in training: add a value or remove the row."
    )
    for command in (predict, evaluate):
        capsys.readouterr()
        assert main([*command, "--on-error", "skip"]) == 0
        printed = capsys.readouterr().out
        assert note in printed
        assert "Note: column word: 1 value was not seen in training." in printed
    with (tmp_path / "out.csv").open(newline="") as file:
        written = [row[:3] for row in csv.reader(file)][1:]
    assert written == [row.split(",") for row in [*rows[:80], "0.5,new,hi"]]
    (tmp_path / "new.csv").write_text("\n".join(["a,word,kind", *new, "0.5,w1,other"]))
    capsys.readouterr()
    assert main(evaluate) == 2
    assert "new.csv, line 42" in capsys.readouterr().err
    assert main([*evaluate, "--on-error", "skip"]) == 0
    assert "unknown class other in the target column; the classes of the model are hi, lo" in capsys.readouterr().out
    (tmp_path / "new.csv").write_text("\n".join(["a,word,kind", *new]))
    assert main([*evaluate, "--on-error", "skip", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["skipped_rows"], answer["unseen"], answer["metrics"]["rows"]) == (3, {"word": 1}, 81)


def test_with_allow_missing_any_value_may_be_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        f"{i % 7 / 3:.4f},w{i % 3},{i % 2},2024-01-{i % 28 + 1:02},{'hi' if i % 7 > 3 else 'lo'}" for i in range(90)
    ]
    common = _train(tmp_path, "a,word,flag,day,kind", rows, "--target", "kind", "--epochs", "20", "--allow-missing")
    (tmp_path / "new.csv").write_text("a,word,flag,day\n2.0,w0,1,2024-01-05\n2.0,w0,1,\n,,,\n")
    predict = ["predict", "m", "--data", str(tmp_path / "new.csv"), "--out", str(tmp_path / "out.csv"), *common]
    assert main(predict) == 0
    model = read_version(tmp_path / "models", "m", 1).artifact.model
    assert all(column.missing for column in model.features.columns)
    # No row has trained the weights of the marks for missing values: they have none.
    assert not model.network.layers[0].kernel[model.features.indicators].any()
    filled = [column.to_cell(column.fill_value) for column in model.features.columns]
    filled[1] = None
    codes = model.features.read([filled, [None] * 4])
    assert codes is not None
    np.testing.assert_array_equal(*model.predict(codes))


def test_a_target_is_read_as_in_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{i % 30 / 7:.4f};1.{i % 30:03},5 €" for i in range(120)]
    common = _train(tmp_path, "a;price", rows, "--target", "price", "--epochs", "1")
    assert "column price is read as numbers of the unit € with a decimal comma: 1.000,5 € as 1000.5" in (
        capsys.readouterr().out
    )
    manifest = read_version(tmp_path / "models", "m", 1).manifest
    assert manifest["target_reading"] == {"decimal": ",", "thousands": ".", "unit": "€"}
    assert any("column price is read as numbers" in note for note in manifest["notes"])
    (tmp_path / "new.csv").write_text("a;price\n0.5;1.234\n0.7;€ 1.001\n")
    assert main(["evaluate", "m", "--data", str(tmp_path / "new.csv"), "--json", *common]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["mae"] < 500
    (tmp_path / "new.csv").write_text("a;price\n0.5;much\n")
    assert main(["evaluate", "m", "--data", str(tmp_path / "new.csv"), *common]) == 2
    assert "the target column contains values that are not numbers" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["data.parquet", "data.jsonl"])
def test_text_in_a_file_with_types_is_read_as_in_training(name: str, tmp_path: Path) -> None:
    rows = {
        "number": [str(i % 40) for i in range(90)],
        "flag": [str(i % 2 == 0).lower() for i in range(90)],
        "day": [f"2024-01-{i % 28 + 1:02}" for i in range(90)],
        "kind": ["xy"[i % 2] for i in range(90)],
    }
    table = pyarrow.table(rows)
    if name == "data.parquet":
        pyarrow.parquet.write_table(table, tmp_path / name)
    else:
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    common = ["--data", str(tmp_path / name), "--models", str(tmp_path / "models")]
    assert main(["train", *common, "--target", "kind", "--name", "m", "--epochs", "1", "--force"]) == 0
    columns = read_version(tmp_path / "models", "m", 1).artifact.model.features.columns
    assert [column.kind for column in columns] == ["number", "category", "date"]
    assert columns[0].read(["5"]) is not None  # as in the file, so in a request
    assert main(["predict", "m", *common, "--out", str(tmp_path / "out.csv")]) == 0
    assert main(["evaluate", "m", *common]) == 0


@pytest.mark.parametrize("first", ["data.csv", "data.parquet"])
def test_booleans_that_are_categories_are_the_same_in_all_files(first: str, tmp_path: Path) -> None:
    table = pyarrow.table({"c": [i % 2 == 0 for i in range(90)], "kind": ["xy"[i % 2] for i in range(90)]})
    pyarrow.parquet.write_table(table, tmp_path / "data.parquet")
    (tmp_path / "data.csv").write_text("c,kind\n" + "".join(f"{i % 2 == 0},{'xy'[i % 2]}\n" for i in range(90)))
    common = ["--models", str(tmp_path / "models"), "--data"]
    options = ["--target", "kind", "--name", "m", "--epochs", "1", "--force", "--categories", "c"]
    assert main(["train", *options, *common, str(tmp_path / first)]) == 0
    model = read_version(tmp_path / "models", "m", 1).artifact.model
    codes = model.features.read([[True], ["True"], ["true"], [False]])
    assert codes is not None
    assert codes[:, 0].tolist() == [1, 1, 1, 0]
    for name in ("data.csv", "data.parquet"):
        _, unseen = predict_file(model, tmp_path / name, tmp_path / "out.csv", ReadOptions())
        assert unseen.counts == {}


def test_allow_missing_drops_what_is_dropped_without(tmp_path: Path) -> None:
    rows = [f"{i},3,{i % 7},{'xy'[i % 2]}" for i in range(90)]
    (tmp_path / "data.csv").write_text("\n".join(["customer_id,same,a,kind", *rows]))
    config = Config(data=str(tmp_path / "data.csv"), target="kind", allow_missing=True)
    data = load_dataset(config)
    assert [column.name for column in data.features.columns] == ["a"]
    assert not [note for note in check_quality(data) if "are missing" in note]


def test_columns_of_any_type_pass_through_parquet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pyarrow.table(
        {
            "a": pyarrow.array([i % 7 for i in range(90)], pyarrow.int8()),
            "list": [[i] for i in range(90)],
            "cents": pyarrow.array([i / 4 for i in range(90)]).cast(pyarrow.decimal128(9, 2)),
            "kind": ["xy"[i % 2] for i in range(90)],
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "data.parquet")
    common = ["--models", str(tmp_path / "models"), "--data", str(tmp_path / "data.parquet")]
    train = ["train", *common, "--target", "kind", "--name", "m", "--epochs", "1", "--force"]
    assert main(train) == 2
    assert "column list contains list<" in capsys.readouterr().err
    assert main([*train, "--drop", "list"]) == 0
    predict = ["predict", "m", *common, "--out"]
    assert main([*predict, str(tmp_path / "out.parquet")]) == 0
    written = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert written.select(table.column_names).schema.types == table.schema.types
    assert main([*predict, str(tmp_path / "out.csv")]) == 2
    assert "write .parquet, or leave the column out" in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()


def test_the_notes_are_printed_if_training_then_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{i % 50},{i % 9};x;{'pq'[i % 2]}" for i in range(60)]
    (tmp_path / "data.csv").write_text("\n".join(["a;same;kind", *rows, "1,5;x;r"]))
    common = ["--models", str(tmp_path / "models"), "--target", "kind", "--data", str(tmp_path / "data.csv")]
    assert main(["train", *common]) == 2
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("Note: column a is read as numbers with a decimal comma: 0,0 as 0;")
    assert last.startswith("Error: class 'r' has only one row")
    (tmp_path / "data.csv").write_text("\n".join(["a;same;kind", *rows]))
    (tmp_path / "test.csv").write_text("a;kind\nmany;p\n")
    assert main(["train", *common, "--test-data", str(tmp_path / "test.csv")]) == 2
    *notes, last = capsys.readouterr().err.splitlines()
    assert len(notes) == 2
    assert last.endswith("test.csv, row 1: a is 'many'; expected a number, or text such as 1234,5")
