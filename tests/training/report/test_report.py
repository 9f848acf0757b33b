"""The report: a self-contained page with the results of the run."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from store import read_version
from training.config import Config
from training.evaluation.scores import EvaluationResult
from training.report.two_classes import two_classes
from training.run import run


class _Page(HTMLParser):
    """Collects the text, the tags and all URLs of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, _Page, str]:
    """The store, and the report of the digits model in it."""
    models = tmp_path_factory.mktemp("digits")
    return models, *_report(models, Config(data="digits", epochs=3), "digits")


def _report(tmp_path: Path, config: Config, name: str) -> tuple[_Page, str]:
    publication = run(config, name, models=tmp_path)
    text = (tmp_path / name / str(publication.version) / "report.html").read_text()
    return _Page(text), text


def test_a_report_of_images(digits: tuple[Path, _Page, str]) -> None:
    models, page, text = digits
    images = page.tags.count("figure")
    assert page.tags.count("svg") == 5 + images  # two learning curves, confusion, calibration, importance
    assert images == min(24, sum(word.startswith("row ") for word in page.words)) > 0
    for heading in (
        "Learning curves",
        "Confusion matrix",
        "Calibration curve",
        "Metrics by class",
        "Reproduce this run",
    ):
        assert heading in page.words
    accuracy = read_version(models, "digits", 1).metrics["test"]["accuracy"]
    assert f"{100 * accuracy:.2f}%" in text
    assert "1,222 training, 216 validation, 359 test" in page.words


def test_the_page_loads_no_external_resources(digits: tuple[Path, _Page, str]) -> None:
    _, page, text = digits
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert not re.search(r"url\((?!#)", text)
    assert "script" not in page.tags
    assert "@import" not in text


def _table(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "t.csv"
    rows = rng.normal(size=(200, 2))
    lines = [f"{a},{b},{'<b>big</b>' if a > 0 else 'small'},{3 * a}" for a, b in rows]
    path.write_text("\n".join(["a,<i>b</i>,kind,value", *lines]))
    return path


def test_a_report_of_a_classification(tmp_path: Path, rng: np.random.Generator) -> None:
    config = Config(data=str(_table(tmp_path, rng)), target="kind", epochs=30)
    page, text = _report(tmp_path, config, "kinds")
    # Two learning curves, confusion, calibration, ROC and precision-recall, importance, dependence on three columns.
    assert page.tags.count("svg") == 10
    assert "<b>big</b>" not in text
    assert "&lt;b&gt;big&lt;/b&gt;" in text
    assert "Classification of" in text
    for heading in ("What the model adds", "Thresholds", "Partial dependence", "linear model", "most common class"):
        assert heading in page.words
    scores = read_version(tmp_path, "kinds", 1).metrics["test"]
    assert f"{100 * scores['accuracy']:.2f}%" in page.words


def test_a_report_of_a_regression(tmp_path: Path, rng: np.random.Generator) -> None:
    config = Config(data=str(_table(tmp_path, rng)), target="value", epochs=30)
    page, _ = _report(tmp_path, config, "values")
    assert page.tags.count("svg") == 8
    for heading in ("mean of the training set", "Predicted and true values", "Residuals", "Largest errors"):
        assert heading in page.words
    assert "Confusion matrix" not in page.words


@pytest.mark.slow
@pytest.mark.parametrize("target", ["kind", "value"])
def test_a_browser_renders_the_page(target: str, tmp_path: Path, rng: np.random.Generator) -> None:
    browser = shutil.which("chromium")
    if not browser:
        pytest.skip("chromium is not installed")
    _report(tmp_path, Config(data=str(_table(tmp_path, rng)), target=target, epochs=5), "shown")
    picture = tmp_path / "shown.png"
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,2000"]
    page = f"file://{tmp_path}/shown/1/report.html"
    subprocess.run([*command, f"--screenshot={picture}", page], capture_output=True, timeout=60, check=True)
    assert picture.stat().st_size > 50_000
    shown = subprocess.run([*command, "--dump-dom", page], capture_output=True, text=True, timeout=60, check=True)
    assert "Feature importance" in shown.stdout


def test_errors_are_numbered_as_the_rows_of_the_file(tmp_path: Path, rng: np.random.Generator) -> None:
    lines = [f"{i},{rng.normal()},{'' if i % 5 == 0 else i % 7 + (1000 if i == 96 else 0)}" for i in range(1, 101)]
    (tmp_path / "t.csv").write_text("\n".join(["number,a,y", *lines]))
    config = Config(data=str(tmp_path / "t.csv"), target="y", task="regression", epochs=2, folds=2)
    page, _ = _report(tmp_path, config, "numbered")
    words = [word for word in page.words[page.words.index("Largest errors") :] if word]
    assert words[words.index("predicted") + 1 :][:2] == ["96", "1005"]


def test_a_report_without_a_test_set_says_so(tmp_path: Path, rng: np.random.Generator) -> None:
    config = Config(data=str(_table(tmp_path, rng)), target="kind", epochs=2, test_share=0.0)
    page, text = _report(tmp_path, config, "last")
    assert "nothing is known of its accuracy on new rows" in text
    assert "Learning curves" in page.words
    assert "Confusion matrix" not in page.words


def test_thresholds_count_what_is_flagged_and_found() -> None:
    thresholds = two_classes(_ranked_result(), ("no", "yes"))
    assert thresholds is not None
    assert thresholds["positive"] == "yes"
    half = next(row for row in thresholds["thresholds"] if row.probability == 0.5)
    assert (half.flagged, half.found, half.false_alarms, half.missed) == (3, 2, 1, 1)
    assert (half.precision, half.recall) == (2 / 3, 2 / 3)
    none = next(row for row in thresholds["thresholds"] if row.probability == 0.95)
    assert none.flagged == 0
    assert np.isnan(none.precision)
    assert thresholds["auc"] == pytest.approx(11 / 12)


def _ranked_result() -> EvaluationResult:
    """Seven rows, three of them positive."""
    scores, targets = np.array([0.9, 0.8, 0.6, 0.4, 0.3, 0.2, 0.1]), np.array([1, 1, 0, 1, 0, 0, 0])
    outputs = np.stack([1 - scores, scores], axis=1).astype(np.float32)
    return EvaluationResult(outputs, -np.log(outputs[np.arange(7), targets]), targets)


def test_rows_of_one_class_have_no_thresholds() -> None:
    assert two_classes(_ranked_result().take(np.array([0, 1])), ("no", "yes")) is None
