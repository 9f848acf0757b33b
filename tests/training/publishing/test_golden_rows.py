from dataclasses import replace

import numpy as np
import pytest

from nn import Boolean, Category, Date, Dense, Features, Model, Network, Number
from nn.columns import Cell, read_numbers
from tests.helpers.models import make_network
from training.data.from_arrays import fit_grid
from training.publishing.golden_rows import choose_golden_rows


def _sparse_rows(rng: np.random.Generator) -> np.ndarray:
    """Rows like those of digits: many columns are zero in most rows, one in all of them."""
    rows = rng.integers(0, 16, (200, 20)) * (rng.random((200, 20)) < 0.2)
    rows[:, 7] = 0
    return read_numbers(rows)


def _with_entry(model: Model, number: int, place: tuple[int, int], change: float) -> Model:
    layers = list(model.network.layers)
    kernel = layers[number].kernel.copy()
    kernel[place] += change
    layers[number] = Dense(kernel, layers[number].bias, layers[number].activation)
    return replace(model, network=Network(layers))


@pytest.mark.parametrize("hidden", ["relu", "tanh", "gelu", "leaky_relu"])
def test_a_change_of_any_weight_is_noticed(hidden: str, rng: np.random.Generator) -> None:
    rows = _sparse_rows(rng)
    network = make_network(rng, (20, 12, 8, 4), hidden)
    model = Model(fit_grid(rows, np.arange(len(rows))), network, "classification", tuple("abcd"))
    golden = choose_golden_rows(model, rows, rng)
    assert golden.deviation(model) <= golden.tolerance < 1e-3
    assert len(golden.rows) < 100
    pairs = 0
    for number, layer in enumerate(network.layers):
        asleep = _asleep(model, rows, number)
        for place in np.ndindex(layer.kernel.shape):
            noticed = golden.deviation(_with_entry(model, number, place, 0.5)) > golden.tolerance
            if number == 0:
                assert noticed or asleep[place[1]], (number, place)
            pairs += not noticed and not asleep[place[1]]
    # Two units that nothing wakes together: their entry never mattered to any row.
    assert pairs <= 0.05 * sum(layer.kernel.size for layer in network.layers)


def _asleep(model: Model, rows: np.ndarray, number: int) -> np.ndarray:
    """Which units of a layer no row of the data wakes."""
    outputs = Network(model.network.layers[: number + 1]).predict(model.features.inputs(read_numbers(rows)))
    return np.asarray(~outputs.any(axis=0))


def test_a_dead_unit_does_not_stop_the_search(rng: np.random.Generator) -> None:
    rows = _sparse_rows(rng)
    network = make_network(rng, (20, 12, 4))
    bias = network.layers[0].bias.copy()
    bias[3] = -1e6
    network = Network([Dense(network.layers[0].kernel, bias, "relu"), network.layers[1]])
    model = Model(fit_grid(rows, np.arange(len(rows))), network, "classification", tuple("abcd"))
    golden = choose_golden_rows(model, rows, rng)
    assert golden.deviation(_with_entry(model, 0, (7, 2), 0.5)) > golden.tolerance
    assert golden.deviation(_with_entry(model, 0, (7, 3), 0.5)) <= golden.tolerance


def test_real_rows_come_first_and_as_people_write_them(rng: np.random.Generator) -> None:
    rows = read_numbers(np.round(rng.normal(size=(30, 4)), 1))
    model = Model(
        Features([Number(name, offset=0.1, scale=1.2) for name in "abcd"]),
        make_network(rng, (4, 8, 3)),
        "classification",
        (1, 2, 3),
    )
    golden = choose_golden_rows(model, rows, rng)
    real = [[float(f"{value:.1f}") for value in row] for row in rows.tolist()]
    assert all(row in real for row in golden.rows[:16])
    np.testing.assert_array_equal(
        choose_golden_rows(model, rows, np.random.default_rng(1)).rows,
        choose_golden_rows(model, rows, np.random.default_rng(1)).rows,
    )


def test_one_row_and_a_constant_column_are_enough(rng: np.random.Generator) -> None:
    rows = read_numbers([[1.0, 2.0]])
    model = Model(
        Features([Number("a", scale=0.0), Number("b", scale=0.0)]),
        make_network(rng, (2, 2)),
        "classification",
        ("x", "y"),
    )
    golden = choose_golden_rows(model, rows, rng)
    assert golden.rows == [[1.0, 2.0]]


def test_mixed_rows_exercise_every_place(rng: np.random.Generator) -> None:
    columns = [
        Number("n", missing=True, scale=0.5, edges=(-1, 0, 1)),
        Category("c", missing=True, categories=tuple("abcdefgh")),
        Boolean("b"),
        Date("d", offset=1.7e9, scale=1e-7),
    ]
    features = Features(columns)
    rows: list[list[Cell]] = [
        [
            round(float(rng.normal()), 1),
            str(rng.choice(list("ab"))),
            bool(rng.integers(2)),
            f"2024-0{rng.integers(1, 10)}-11",
        ]
        for _ in range(100)
    ]
    codes = features.read(rows)
    assert codes is not None
    drawn = make_network(rng, (features.width, 10, 3), "tanh")
    # As large as training leaves them: larger ones saturate units, which then nothing wakes.
    first = Dense(drawn.layers[0].kernel / 3, drawn.layers[0].bias / 3, "tanh")
    network = Network([first, drawn.layers[1]])
    model = Model(features, network, "classification", tuple("xyz"))
    golden = choose_golden_rows(model, codes, rng)
    assert golden.deviation(model) <= golden.tolerance
    assert all(row in rows for row in golden.rows[:16])
    for place in np.ndindex(network.layers[0].kernel.shape):
        assert golden.deviation(_with_entry(model, 0, place, 0.5)) > golden.tolerance, place
