import json

import numpy as np
import pytest

from nn.features import Features, Number, read_numbers


def test_a_table_is_scaled_column_by_column() -> None:
    rows = read_numbers([[1, 100, 7], [3, 300, 7]])
    features = Features.fit_table(rows, ["a", "b", "c"])
    np.testing.assert_array_equal(features.inputs(rows), [[-1, -1, 0], [1, 1, 0]])
    np.testing.assert_array_equal(features.inputs(read_numbers([[5, 200, 99]])), [[3, 0, 0]])


def test_a_grid_is_scaled_as_a_whole() -> None:
    rows = read_numbers([[0, 128], [255, 0]])
    features = Features.fit_grid(rows)
    np.testing.assert_allclose(features.inputs(rows), rows / 255, rtol=1e-6)


@pytest.mark.parametrize("value", [0, 7, -3.5, 3e38])
def test_constant_data_are_ignored(value: float) -> None:
    rows = read_numbers(np.full((3, 2), value))
    for features in (Features.fit_grid(rows), Features.fit_table(rows, ["a", "b"])):
        np.testing.assert_array_equal(features.inputs(rows), np.zeros((3, 2)))


def test_the_same_bits_after_a_round_trip(rng: np.random.Generator) -> None:
    rows = read_numbers(rng.lognormal(sigma=5, size=(50, 6)))
    features = Features.fit_table(rows, list("abcdef"))
    again = Features.from_config(json.loads(json.dumps(features.to_config())))
    np.testing.assert_array_equal(again.inputs(rows), features.inputs(rows))
    assert [column.name for column in again.columns] == list("abcdef")


def test_numbers_are_rounded_as_a_reader_of_json_rounds_them(rng: np.random.Generator) -> None:
    integers = rng.integers(-(2**62), 2**62, size=1000)
    from_json = np.array(json.loads(json.dumps([float(i) for i in integers.tolist()])), np.float32)
    np.testing.assert_array_equal(read_numbers(integers), from_json)
    assert read_numbers(np.array([200], np.uint8)).dtype == np.float32
    assert np.isinf(read_numbers([1e39])).all()


def test_features_that_can_not_be() -> None:
    with pytest.raises(ValueError, match="same name"):
        Features([Number("a"), Number("a")])
    with pytest.raises(ValueError, match="finite"):
        Features([Number("a", offset=float("nan"))])
    with pytest.raises(ValueError, match="unknown kind 'colour'"):
        Features.from_config([{"name": "a", "kind": "colour"}])
