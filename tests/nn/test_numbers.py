import numpy as np
import pytest

from nn.numbers import find_nonfinite


@pytest.mark.parametrize(("nan_allowed", "places"), [(False, [[0, 1], [1, 0], [2, 1]]), (True, [[1, 0], [2, 1]])])
def test_the_first_nonfinite_values_are_found(nan_allowed: bool, places: list[list[int]]) -> None:
    values = np.array([[0, np.nan], [np.inf, 1], [2, -np.inf]])
    for limit in (1, 2, 9):
        assert find_nonfinite(values, limit, nan_allowed=nan_allowed) == places[:limit]
    assert find_nonfinite(values[:1, :1]) == []
    assert find_nonfinite(values[0], nan_allowed=nan_allowed) == ([] if nan_allowed else [[1]])


def test_integers_and_empty_arrays_are_finite() -> None:
    assert find_nonfinite(np.arange(5, dtype=np.uint8)) == []
    assert find_nonfinite(np.empty((0, 3))) == []
