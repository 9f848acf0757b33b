"""The artifact: a model as one `.npz` file, which is checked completely before use.

The members are stored uncompressed and never pickled: `config` and `golden.rows` are JSON as uint8, `golden.logits` is
float64, `layer0.kernel`, `layer0.bias`, … are float32. The same model always gives the same bytes.
"""

import io
import json
import math
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nn.features import Features
from nn.golden import Golden
from nn.model import Model
from nn.network import Dense, Network
from nn.regular_file import read_regular_file

NEWEST_FORMAT = 2  # adds how text is read; a model that does not need it is written as format 1
MAX_BYTES = 2**30
MAX_JSON_BYTES = 2**24  # of a member
DIRECTORY_END = struct.Struct("<IHHHHIIH")  # the end of the directory of a zip (PKWARE's APPNOTE, 4.3.16)
MAX_STORED_ROWS, MAX_ZIP_MEMBERS = 10_000, 10_000

Members = dict[str, npt.NDArray[Any]]


class ArtifactError(Exception):
    """A model file cannot be used; the message gives its path and the reason."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


@dataclass(frozen=True)
class Artifact:
    """The content of the file: a model and its golden rows."""

    model: Model
    golden: Golden


def save(path: Path, artifact: Artifact) -> None:
    """Write the file. The store makes this atomic and durable."""
    path.write_bytes(to_bytes(artifact))


def load(path: Path) -> Artifact:
    """Read, check and test the file. Raises ArtifactError for any problem."""
    return from_bytes(read_artifact_file(path, MAX_BYTES), path)


def read_artifact_file(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes. Raises ArtifactError if that fails."""
    try:
        return read_regular_file(path, limit)
    except OSError as error:
        raise ArtifactError(path, error.strerror or str(error)) from error


def from_bytes(raw: bytes, path: Path) -> Artifact:
    """Load from the bytes of a file; `path` is for error messages."""
    try:
        artifact = _build(_read_members(raw))
        failure = artifact.golden.failure(artifact.model)
    except KeyError as error:
        raise ArtifactError(path, f"not a model file: {error} is missing") from error
    # A damaged file may raise any of a dozen exceptions of zipfile, numpy, json and nn.
    except Exception as error:
        raise ArtifactError(path, f"not a model file: {error or type(error).__name__}") from error
    if failure:
        raise ArtifactError(path, failure)
    return artifact


def to_bytes(artifact: Artifact) -> bytes:
    model, golden = artifact.model, artifact.golden
    config = {
        "format": model.features.format,
        "task": model.task,
        "labels": list(model.labels),
        "features": model.features.to_config(),
        "activations": [layer.activation for layer in model.network.layers],
        "tolerance": golden.tolerance,
    }
    members: Members = {"config": _json_array(config)}
    for number, layer in enumerate(model.network.layers):
        members[f"layer{number}.kernel"] = layer.kernel
        members[f"layer{number}.bias"] = layer.bias
    members["golden.rows"] = _json_array(golden.rows)
    members["golden.logits"] = golden.logits
    return _write_members(members)


def _build(members: Members) -> Artifact:
    config = _take_json(members, "config")
    format_number = config["format"]
    if type(format_number) is not int or format_number < 1:
        raise ValueError(f"unknown format {format_number!r}")
    if format_number > NEWEST_FORMAT:
        raise ValueError(f"format {format_number}: made by a newer npserve, upgrade the service")
    layers = [
        Dense(_take(members, f"layer{number}.kernel"), _take(members, f"layer{number}.bias"), activation)
        for number, activation in enumerate(config["activations"])
    ]
    model = Model(Features.from_config(config["features"]), Network(layers), config["task"], tuple(config["labels"]))
    if model.features.format > format_number:
        raise ValueError(f"format {format_number} has no settings of format {model.features.format}")
    logits = _take(members, "golden.logits", np.float64)
    if len(logits) > MAX_STORED_ROWS:  # before the rows are parsed
        raise ValueError(f"expected at most {MAX_STORED_ROWS} golden rows, found {len(logits)}")
    golden = Golden(_take_json(members, "golden.rows"), logits, float(config["tolerance"]))
    if members:
        raise ValueError(f"unknown members {sorted(members)}")
    if not golden.rows or golden.logits.shape != (len(golden.rows), model.network.outputs):
        raise ValueError(f"{len(golden.rows)} golden rows do not fit logits of shape {golden.logits.shape}")
    if not 0 < golden.tolerance < math.inf:
        raise ValueError(f"the tolerance must be positive and finite, not {golden.tolerance}")
    return Artifact(model, golden)


def _take(members: Members, name: str, dtype: type[np.generic] = np.float32) -> npt.NDArray[Any]:
    array = members.pop(name)
    if array.dtype != dtype:
        raise ValueError(f"member {name!r}: expected {np.dtype(dtype)}, found {array.dtype}")
    return array


def _take_json(members: Members, name: str) -> Any:
    raw = _take(members, name, np.uint8).tobytes()
    if len(raw) > MAX_JSON_BYTES:
        raise ValueError(f"member {name!r}: expected at most {MAX_JSON_BYTES} bytes, found {len(raw)}")
    return json.loads(raw)


def _json_array(value: Any) -> npt.NDArray[np.uint8]:
    return np.frombuffer(json.dumps(value, allow_nan=False).encode(), np.uint8)


def _write_members(members: Members) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in members.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            # np.savez stores the current time, which would make files of the same model differ.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), member.getvalue())
    return buffer.getvalue()


def _read_members(raw: bytes) -> Members:
    members = {}
    *_, count, directory_size, directory, comment_size = DIRECTORY_END.unpack(raw[-DIRECTORY_END.size :])
    if count > MAX_ZIP_MEMBERS:  # before ZipFile makes an object for each
        raise ValueError(f"expected at most {MAX_ZIP_MEMBERS} members")
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        end = _end_of_members(raw, archive)
        if directory != end or directory + directory_size + DIRECTORY_END.size != len(raw) or comment_size:
            raise ValueError(f"expected the directory of the members at byte {end}, and nothing behind it")
        for info in archive.infolist():
            # Uncompressed members do not grow when read: the file size bounds the memory, even for a malicious file.
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > len(raw):
                raise ValueError(f"member {info.filename!r} is compressed, or larger than the file")
            if info.filename in members:
                raise ValueError(f"duplicate member {info.filename!r}")
            members[info.filename] = _read_array(archive.read(info))
    return {name.removesuffix(".npy"): array for name, array in members.items()}


def _end_of_members(raw: bytes, archive: zipfile.ZipFile) -> int:
    """Return the offset behind the members. Raises ValueError for bytes before or between them."""
    end = 0
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
        if info.header_offset != end:
            raise ValueError(f"expected member {info.filename!r} at byte {end}, found it at {info.header_offset}")
        name_size, extra_size = struct.unpack_from("<HH", raw, end + 26)
        end += 30 + name_size + extra_size + info.compress_size
    return end


def _read_array(raw: bytes) -> npt.NDArray[Any]:
    """Read one `.npy`. The shape in the header is not trusted: it must account for every byte."""
    stream = io.BytesIO(raw)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("unsupported .npy version")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    body = raw[stream.tell() :]
    if fortran_order or dtype.hasobject or len(body) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(body)} bytes do not fit an array of shape {shape} and type {dtype}")
    return np.frombuffer(body, dtype).reshape(shape)
