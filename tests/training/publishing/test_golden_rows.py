import io
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from nn import Artifact, ArtifactError, Boolean, Category, Date, Features, Golden, Model, Number, load
from nn.activations import ACTIVATIONS
from nn.artifact import from_bytes, to_bytes
from nn.columns import Cell
from nn.features import Codes
from nn.numbers import read_numbers
from tests.helpers.models import make_network
from training.data.from_arrays import fit_grid
from training.publishing.golden_rows import choose_golden_rows

Members = dict[str, np.ndarray]


def _numbers(rng: np.random.Generator) -> tuple[Model, Codes]:
    """Rows like those of digits: most values are zero, and one column is zero in all rows."""
    rows = rng.integers(0, 16, (200, 20)) * (rng.random((200, 20)) < 0.2)
    rows[:, 7] = 0
    features = fit_grid(read_numbers(rows), np.arange(len(rows)))
    return Model(features, make_network(rng, (20, 12, 4)), "classification", tuple("abcd")), read_numbers(rows)


def _table(rng: np.random.Generator, categories: str = "abcdefgh", rows: int = 200) -> tuple[Model, Codes]:
    features = Features(
        [
            Number("n", missing=True, scale=0.5, edges=(-1, 0, 1)),
            Category("c", missing=True, categories=tuple(categories)),
            Boolean("b"),
            Date("d", offset=1.7e9, scale=1e-7),
        ]
    )
    cells: list[list[Cell]] = [
        [
            None if rng.random() < 0.01 else round(float(rng.normal()), 1),
            None if rng.random() < 0.01 else str(rng.choice(list(categories))),
            bool(rng.random() < 0.01),
            f"2024-0{rng.integers(1, 10)}-11",
        ]
        for _ in range(rows)
    ]
    codes = features.read([*cells, [None, None, True, "2024-05-31"]])
    assert codes is not None
    network = make_network(rng, (features.width, 10, 3), "tanh")
    return Model(features, network, "classification", tuple("xyz")), codes


def _regression(rng: np.random.Generator) -> tuple[Model, Codes]:
    features = Features([Number(name, offset=0.1, scale=1.2) for name in "abcdef"])
    model = Model(features, make_network(rng, (6, 16, 1), "gelu", "linear"), "regression")
    return model, read_numbers(np.round(rng.normal(size=(300, 6)), 1))


def _deep(rng: np.random.Generator) -> tuple[Model, Codes]:
    network = make_network(rng, (8,) * 8, "leaky_relu")
    model = Model(Features.plain(8), network, "classification", tuple("abcdefgh"))
    return model, read_numbers(rng.normal(size=(99, 8)))


def _swap_layers(members: Members, kernel: str, rng: np.random.Generator) -> None:
    others = [name for name in members if name.endswith(".kernel") and name != kernel]
    other = next((name for name in others if members[name].shape == members[kernel].shape), others[0])
    for part in ("kernel", "bias"):
        names = kernel.replace("kernel", part), other.replace("kernel", part)
        members[names[0]], members[names[1]] = members[names[1]], members[names[0]]


def _spoil(members: Members, kernel: str, rng: np.random.Generator) -> None:
    members[kernel][tuple(rng.integers(members[kernel].shape))] = np.nan


def _flip_largest(members: Members, kernel: str, rng: np.random.Generator) -> None:
    largest = np.unravel_index(np.abs(members[kernel]).argmax(), members[kernel].shape)
    members[kernel][largest] *= -1


def _change_activation(members: Members, kernel: str, rng: np.random.Generator) -> None:
    config = json.loads(members["config"].tobytes())
    number = int(kernel.removeprefix("layer").removesuffix(".kernel"))
    config["activations"][number] = str(rng.choice(sorted(ACTIVATIONS.keys() - {config["activations"][number]})))
    members["config"] = np.frombuffer(json.dumps(config).encode(), np.uint8)


def _becomes(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Members, str, np.random.Generator], None]:
    return lambda members, kernel, _: members.update({kernel: change(members[kernel])})


_transpose_in_shape = _becomes(lambda kernel: kernel.T.reshape(kernel.shape))


def _trained(name: str, _: np.random.Generator) -> tuple[Model, Codes]:
    """Return a trained model; the data are the golden rows that it was published with."""
    artifact = load(Path(__file__).parents[2] / "artifacts" / name / "1" / "model.npz")
    return artifact.model, _read(artifact.model, artifact.golden)


def _read(model: Model, golden: Golden) -> Codes:
    codes = model.features.read(golden.rows)
    assert codes is not None
    return codes


@pytest.mark.parametrize(
    "make", [_numbers, _table, _regression, _deep, *(partial(_trained, name) for name in ("penguins", "prices"))]
)
@pytest.mark.parametrize(
    "damage",
    [
        _spoil,
        _swap_layers,
        _flip_largest,
        _change_activation,
        pytest.param(_becomes(lambda kernel: kernel.T.copy()), id="transposed"),
        _transpose_in_shape,
        pytest.param(_becomes(np.negative), id="negated"),
        pytest.param(_becomes(lambda kernel: kernel * np.float32(1.001)), id="rescaled"),
        pytest.param(_becomes(np.zeros_like), id="zeroed"),
    ],
)
def test_a_damaged_network_is_refused(make: Any, damage: Any) -> None:
    rng = np.random.default_rng(0)  # fixed: golden rows may or may not activate a unit that is rarely active
    model, codes = make(rng)
    raw = to_bytes(Artifact(model, choose_golden_rows(model, codes, rng)))
    from_bytes(raw, Path("model.npz"))
    # The last activation is not part of the logits.
    for number in range(len(model.network.layers) - (damage is _change_activation)):
        with np.load(io.BytesIO(raw)) as file:
            members = {name: file[name].copy() for name in file}
        damage(members, f"layer{number}.kernel", rng)
        if 1 in members[f"layer{number}.kernel"].shape and damage is _transpose_in_shape:
            continue  # a single column is its own transpose
        buffer = io.BytesIO()
        np.savez(buffer, **members)
        with pytest.raises(ArtifactError):
            from_bytes(buffer.getvalue(), Path("model.npz"))


def test_golden_rows_are_real_distinct_and_reproducible(rng: np.random.Generator) -> None:
    model, codes = _regression(rng)
    golden, again = (choose_golden_rows(model, codes, np.random.default_rng(1)) for _ in range(2))
    real = [[float(f"{value:.1f}") for value in row] for row in codes.tolist()]
    assert all(row in real for row in golden.rows)
    assert len({tuple(row) for row in golden.rows}) == len(golden.rows) == 32
    assert golden.rows == again.rows


def test_the_file_is_bit_identical_for_any_number_of_threads(rng: np.random.Generator) -> None:
    network = make_network(rng, (784, 128, 10))
    model = Model(Features.plain(784), network, "classification", tuple("abcdefghij"))
    codes = read_numbers(rng.normal(size=(100, 784)))
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            found.append(to_bytes(Artifact(model, choose_golden_rows(model, codes))))
    assert found[0] == found[1]


def test_each_class_each_category_and_a_missing_value_are_covered(rng: np.random.Generator) -> None:
    model, codes = _table(rng)
    golden = choose_golden_rows(model, codes, rng)
    chosen = _read(model, golden)
    assert len(golden.rows) == 32
    for column in range(3):
        shown = np.unique(chosen[:, column]) if column else np.unique(np.isnan(chosen[:, column]))
        np.testing.assert_array_equal(
            shown, np.unique(codes[:, column]) if column else np.unique(np.isnan(codes[:, column]))
        )
    assert set(golden.logits.argmax(axis=1)) == set(model.logits(codes).argmax(axis=1))


def test_more_categories_than_golden_rows(rng: np.random.Generator) -> None:
    model, codes = _table(rng, "".join(map(chr, range(97, 197))), rows=2000)
    chosen = _read(model, choose_golden_rows(model, codes, rng))
    assert len(np.unique(chosen[:, 1])) == len(chosen) == 32
    assert np.isnan(chosen[:, 0]).any()
    assert len(np.unique(chosen[:, 2])) == 2


def test_a_rare_class_is_covered(rng: np.random.Generator) -> None:
    model, rows = _numbers(rng)
    classes = model.logits(rows).argmax(axis=1)
    few = int(np.bincount(classes).argmax())
    rows = np.concatenate([np.repeat(rows[classes != few], 20, axis=0)[:4000], rows[classes == few][:1]])
    assert few in choose_golden_rows(model, rows, rng).logits.argmax(axis=1)


def test_one_row_and_a_constant_column_are_enough(rng: np.random.Generator) -> None:
    rows = read_numbers([[1.0, 2.0]])
    features = Features([Number("a", scale=0.0), Number("b", scale=0.0)])
    model = Model(features, make_network(rng, (2, 2)), "classification", ("x", "y"))
    golden = choose_golden_rows(model, rows, rng)
    assert golden.rows == [[1.0, 2.0]]
