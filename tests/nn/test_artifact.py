import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nn import Artifact, ArtifactError, Dense, Features, Golden, Model, Network, load, save
from nn.artifact import from_bytes, to_bytes
from nn.columns import Cell
from tests.helpers.models import make_artifact

HERE = Path("model.npz")
Members = dict[str, np.ndarray]


@pytest.mark.parametrize("labels", [("a", "b", "c"), (1, 2, 3), (0.5, True, "x"), ()])
def test_a_round_trip_is_exact(labels: tuple[Any, ...], tmp_path: Path, rng: np.random.Generator) -> None:
    artifact = make_artifact(rng, labels=labels, hidden="gelu")
    save(tmp_path / "model.npz", artifact)
    again = load(tmp_path / "model.npz")
    assert again.model.labels == labels
    assert [type(label) for label in again.model.labels] == [type(label) for label in labels]
    assert again.golden.rows == artifact.golden.rows
    rows = rng.normal(size=(20, 4)).astype(np.float32)
    np.testing.assert_array_equal(again.model.predict(rows), artifact.model.predict(rows))
    assert to_bytes(again) == to_bytes(artifact)


def test_the_file_is_an_ordinary_npz(artifact: Artifact, tmp_path: Path) -> None:
    save(tmp_path / "model.npz", artifact)
    with np.load(tmp_path / "model.npz", allow_pickle=False) as members:
        assert json.loads(members["config"].tobytes())["activations"] == ["relu", "softmax"]
        assert members["layer0.kernel"].dtype == np.float32
        assert members["golden.logits"].shape == (5, 3)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"model\.npz: No such file"):
        load(tmp_path / "model.npz")
    with pytest.raises(ArtifactError, match="directory"):
        load(tmp_path)


def test_every_flipped_bit_is_detected_or_harmless(artifact: Artifact, rng: np.random.Generator) -> None:
    raw = to_bytes(artifact)
    detected = 0
    for place in rng.permutation(len(raw))[:800]:
        damaged = bytearray(raw)
        damaged[place] ^= 1 << int(rng.integers(8))
        try:
            survivor = from_bytes(bytes(damaged), HERE)
        except ArtifactError:
            detected += 1
        else:
            # A timestamp or version in the directory of the zip: the model itself is unchanged.
            assert to_bytes(survivor) == raw
    assert detected > 500


def test_every_truncation_is_detected(artifact: Artifact, rng: np.random.Generator) -> None:
    raw = to_bytes(artifact)
    for length in [0, 1, len(raw) - 1, *rng.integers(0, len(raw), 100)]:
        with pytest.raises(ArtifactError):
            from_bytes(raw[:length], HERE)


def _members(artifact: Artifact) -> Members:
    with np.load(io.BytesIO(to_bytes(artifact))) as members:
        return dict(members)


def _config(**changes: Any) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        config = json.loads(members["config"].tobytes()) | changes
        members["config"] = np.frombuffer(json.dumps(config).encode(), np.uint8)

    return change


def _set(name: str, value: Any) -> Callable[[Members], None]:
    return lambda members: members.update({name: np.asarray(value)})


def _times(name: str, factor: float) -> Callable[[Members], None]:
    return lambda members: members.update({name: members[name] * np.float32(factor)})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_config(format=3), "format 3: made by a newer npserve, upgrade the service"),
        (_config(format="1"), "unknown format '1'"),
        (_config(task="guess"), "unknown task"),
        (_config(labels=["a"]), "1 labels, but the network has 3"),
        (_config(labels=["a", "b", "\ud800"]), r"a label: '\\ud800' is not valid Unicode"),
        (_config(labels=["a", "b", "\x1b[31m"]), "a label: .* has control characters"),
        (_config(labels=["a", "b", "c" * 1001]), "a label: expected at most 1000 characters, found 1001"),
        (_config(labels=["a", "b", None]), "label None: expected text, true, false, or a number"),
        (_config(labels=["a", "b", 2**64]), "label 18446744073709551616: expected text"),
        (_config(features={"columns": [{"name": "\0", "kind": "number"}], "dropped": []}), "control characters"),
        (_config(features={"columns": [{"name": "a", "kind": "number"}], "dropped": [5]}), "expected text, found int"),
        (_config(activations=["relu", "quadratic"]), "unknown activation 'quadratic'"),
        (_config(activations=["relu", "relu", "softmax"]), "'layer2.kernel' is missing"),
        (_config(activations=["softmax"]), "3 labels, but the network has 8"),
        (_config(features={"columns": [{"name": "a", "kind": "colour"}], "dropped": []}), "unknown kind"),
        (_config(features={"columns": [{"name": "a", "kind": "number"}], "dropped": []}), "the features have 1 inputs"),
        (_config(features={"columns": [{"name": "a", "kind": "number", "x": 1}], "dropped": []}), "not a model file"),
        (_set("golden.rows", np.frombuffer(b'[["1",2,3,4]]', np.uint8)), "1 golden rows do not fit"),
        (_set("golden.rows", np.frombuffer(b"[[1,2,3,4],[1],[1],[1],[1]]", np.uint8)), "not a model file"),
        (_set("golden.rows", np.frombuffer(b'[["1",2,3,4],5,5,5,5]', np.uint8)), "not a model file"),
        (_config(tolerance=0), "the tolerance must be positive and finite, not 0"),
        (_config(tolerance=1.0), r"the golden rows have a tolerance of 1; expected at most 0\.\d+"),
        (_config(tolerance=1e300), "expected at most"),
        (_set("config", np.frombuffer(b"{}", np.uint8)), "'format' is missing"),
        (_set("config", np.frombuffer(b"[" * 9999, np.uint8)), "not a model file"),
        (_set("config", np.zeros(3)), "member 'config': expected uint8, found float64"),
        (_set("layer0.kernel", np.zeros((4, 8))), "expected float32, found float64"),
        (_set("layer0.kernel", np.full((4, 8), np.nan, np.float32)), "NaN or infinite"),
        (_set("layer0.kernel", np.zeros((4, 9), np.float32)), "kernel"),
        (_set("layer0.bias", np.array([None] * 8)), "not a model file"),
        (_set("layer9.bias", np.zeros(3, np.float32)), "unknown members"),
        (_set("golden.logits", np.zeros((4, 3))), "5 golden rows do not fit"),
        (_set("golden.logits", np.zeros((2_000_000, 3))), "at most 10000 golden rows, found 2000000"),
        (_set("golden.rows", np.zeros(2**24 + 1, np.uint8)), "'golden.rows': expected at most 16777216 bytes"),
        (_set("golden.logits", np.zeros((5, 3))), "golden rows deviate by"),
        (_set("golden.logits", np.full((5, 3), np.nan)), "golden rows deviate by inf"),
        (_times("layer0.kernel", 1.01), "golden rows deviate by"),
        (_times("layer1.bias", 1.001), "golden rows deviate by"),
    ],
)
def test_inconsistent_members_are_rejected(change: Callable[[Members], None], reason: str, artifact: Artifact) -> None:
    members = _members(artifact)
    change(members)
    buffer = io.BytesIO()
    np.savez(buffer, **members)  # type: ignore[arg-type]
    with pytest.raises(ArtifactError, match=reason) as caught:
        from_bytes(buffer.getvalue(), HERE)
    assert str(caught.value).startswith("model.npz: ")


def _zip(*members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def _npy(header: str, body: bytes = b"") -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


@pytest.mark.parametrize(
    "raw",
    [
        b"not a zip",
        _zip(),
        _zip(("config.npy", b"")),
        _zip(("config.npy", b"\x80\x04pickle")),
        _zip(("config.npy", _npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,)}"))),
        _zip(("config.npy", _npy("{'descr': '|u1', 'fortran_order': False, 'shape': (-1,)}", b"x"))),
        _zip(("config.npy", _npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"12345678"))),
        _zip(("config.npy", _npy("(" * 100))),
        _zip(("a.npy", _npy("{}")), ("b.npy", _npy("{}"))).replace(b"b.npy", b"a.npy"),
        _zip(("config.npy", b"0" * 10**6), compression=zipfile.ZIP_DEFLATED),
    ],
)
def test_malicious_files_are_rejected(raw: bytes) -> None:
    with pytest.raises(ArtifactError, match=r"model\.npz: not a model file: ."):
        from_bytes(raw, HERE)


def test_bytes_that_belong_to_no_member_are_rejected(artifact: Artifact) -> None:
    raw = to_bytes(artifact)
    middle = raw.index(b"PK\x03\x04", 1)
    for changed in (b"MZ" + raw, raw + b"tail", raw[:middle] + b"between" + raw[middle:]):
        with pytest.raises(ArtifactError, match="not a model file: "):
            from_bytes(changed, HERE)


def test_golden_rows_detect_a_changed_weight(artifact: Artifact) -> None:
    """The checksums of the zip match, but the kernel has changed."""
    first, last = artifact.model.network.layers
    kernel = last.kernel.copy()
    inputs = artifact.model.features.inputs(np.array(artifact.golden.rows, np.float32))
    busiest = int(Network([first]).predict(inputs).sum(axis=0).argmax())
    kernel[busiest, 0] += 0.01
    wrong = Network([first, Dense(kernel, last.bias, last.activation)])
    damaged = replace(artifact, model=replace(artifact.model, network=wrong))
    with pytest.raises(ArtifactError, match="golden rows deviate by"):
        from_bytes(to_bytes(damaged), HERE)


def test_golden_rows_tolerate_the_error_of_float32(artifact: Artifact) -> None:
    golden = Golden.measure(artifact.model, artifact.golden.rows)
    assert 0 < golden.deviation(artifact.model) <= golden.tolerance < 1e-4


@pytest.mark.parametrize(("depth", "width"), [(1, 2000), (40, 64)])
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_a_measured_tolerance_passes_on_load(depth: int, width: int, scale: float, rng: np.random.Generator) -> None:
    """This includes a deep network that amplifies the error of float32 until no digit is correct."""
    widths = [4, *[width] * depth, 3]
    layers = [
        Dense(rng.normal(scale=scale / rows**0.5, size=(rows, units)), rng.normal(size=units), "tanh")
        for rows, units in pairwise(widths)
    ]
    model = Model(Features.plain(4), Network(layers), "regression")
    for count in (1, 20):
        artifact = Artifact(model, Golden.measure(model, rng.normal(size=(count, 4)).tolist()))
        assert from_bytes(to_bytes(artifact), HERE).golden.tolerance == artifact.golden.tolerance


def test_a_loss_of_most_digits_by_cancellation_is_tolerated(rng: np.random.Generator) -> None:
    """Seconds since 1970 as plain numbers: float32 resolves only two minutes."""
    layer = Dense(np.full((1, 1), 0.0013), np.array([-1.7e9 * 0.0013]), "linear")
    model = Model(Features.plain(1), Network([layer]), "regression")
    rows: list[list[Cell]] = [[1.7e9 + 1000 * i] for i in range(5)]
    from_bytes(to_bytes(Artifact(model, Golden.measure(model, rows))), HERE)
