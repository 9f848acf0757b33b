from pathlib import Path

import numpy as np
import pytest

from tests.helpers.datasets import CSV, codes_of, load_file
from training import TrainingError
from training.config import Config
from training.data.from_arrays import array_codes
from training.data.load import load_dataset


def test_digits_are_split_by_class_and_reproducibly() -> None:
    digits = load_dataset(Config(data="digits", seed=3))
    assert [len(split) for split in (digits.train, digits.validation, digits.test)] == [1222, 216, 359]
    assert digits.image == (8, 8)
    assert digits.targets.labels == tuple(range(10))
    shares = [np.bincount(split.y) / len(split) for split in (digits.train, digits.validation, digits.test)]
    np.testing.assert_allclose(shares, [shares[0]] * 3, atol=0.01)  # stratified
    every = np.concatenate([split.rows for split in (digits.train, digits.validation, digits.test)])
    np.testing.assert_array_equal(np.sort(every), np.arange(1797))
    again, other = load_dataset(Config(data="digits", seed=3)), load_dataset(Config(data="digits", seed=4))
    np.testing.assert_array_equal(again.test.rows, digits.test.rows)
    assert not np.array_equal(other.test.rows, digits.test.rows)


def test_constant_grids_are_zero(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", X=np.full((10, 2, 2), 7, np.uint8), y=np.arange(10) % 2)
    data = load_file(tmp_path / "data.npz", None)
    assert not data.features.inputs(codes_of(data.train)).any()


def test_rows_that_lack_a_required_value_are_dropped(tmp_path: Path) -> None:
    """The service rejects rows that lack a value which all training rows have; the test set must not hold them."""
    rows = CSV.splitlines()
    for line in range(1, 21):
        changed = [*rows]
        changed[line] = "," + changed[line].partition(",")[2]
        (tmp_path / "data.csv").write_text("\n".join(changed))
        data = load_file(tmp_path / "data.csv")
        (width, _) = data.features.columns
        dropped = "1 rows dropped: they lack values that all training rows have" in data.notes
        assert dropped != width.missing
        assert sum(len(split) for split in (data.train, data.validation, data.test)) == 20 - dropped


def test_a_test_set_without_complete_rows_is_refused(tmp_path: Path) -> None:
    """The held-out rows, and only these, lack a value."""
    lines = [f"{number},{number % 3},{'ab'[number % 2]}" for number in range(20)]
    (tmp_path / "data.csv").write_text("\n".join(["width,height,kind", *lines]))
    for row in load_file(tmp_path / "data.csv").test.rows:
        lines[row] = "," + lines[row].partition(",")[2]
    (tmp_path / "data.csv").write_text("\n".join(["width,height,kind", *lines]))
    with pytest.raises(
        TrainingError, match="every test row lacks a value that all training rows have; try another --seed"
    ):
        load_file(tmp_path / "data.csv")


def test_an_empty_test_set_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    x, y = rng.integers(0, 255, (20, 2, 2), dtype=np.uint8), np.arange(20) % 2
    np.savez(tmp_path / "t.npz", x_train=x, y_train=y, x_test=x[:0], y_test=y[:0])
    with pytest.raises(TrainingError, match="x_test has no rows; leave it out"):
        load_dataset(Config(data=str(tmp_path / "t.npz")))


@pytest.mark.parametrize("shape", [(0, 4), (0, 2, 2)])
def test_arrays_without_rows_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(TrainingError, match="the data have no rows"):
        array_codes(np.zeros(shape, np.uint8))
