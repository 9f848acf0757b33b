"""One published version: a model, and a manifest that describes its files and how they were made."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nn import Artifact, ArtifactError
from nn.artifact import from_bytes, read_artifact_file
from store.layout import StoreError, find_model, version_numbers
from store.manifest import MANIFEST, MAX_MANIFEST_BYTES, MODEL, SplitMetrics, check_manifest


@dataclass(frozen=True, eq=False)
class Version:
    """A verified version: the files match the manifest, and the model has passed its golden rows."""

    name: str
    number: int
    artifact: Artifact
    manifest: dict[str, Any]

    @property
    def sha256(self) -> str:
        """The digest of the model file. It identifies the model independently of name and number."""
        return str(self.manifest["files"][MODEL]["sha256"])

    @property
    def metrics(self) -> SplitMetrics:
        """Metrics by split, such as {"test": {"accuracy": 0.974, "rows": 10000}}."""
        return dict(self.manifest["metrics"])


def fingerprint(content: bytes) -> dict[str, Any]:
    """Return the manifest entry of a file with this content."""
    return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def version_folder(models: Path, name: str, number: int) -> Path:
    """Return the folder of a version that exists."""
    folder = find_model(models, name) / str(number)
    if not folder.is_dir():
        known = ", ".join(map(str, version_numbers(folder.parent))) or "none"
        raise StoreError(f"unknown version {number} of {name}: published versions are {known}")
    return folder


def read_version(models: Path, name: str, number: int) -> Version:
    """Read and verify a version. Raises StoreError if it does not exist, ArtifactError if it does not verify."""
    folder = version_folder(models, name, number)
    manifest, artifact = read_folder(folder)
    return Version(name, number, artifact, manifest)


def read_folder(folder: Path) -> tuple[dict[str, Any], Artifact]:
    """Verify every file against the manifest, and the model against its golden rows."""
    manifest = read_manifest(folder)
    contents = {}
    for name, expected in manifest["files"].items():
        contents[name] = _read_file(folder / name, expected["size"])
        if fingerprint(contents[name]) != expected:
            reason = "size or SHA-256 differs from the manifest; restore the file, or publish the model again"
            raise ArtifactError(folder / name, reason)
    return manifest, from_bytes(contents[MODEL], folder / MODEL)


def _read_file(path: Path, size: int) -> bytes:
    """Read a file if it has this size: one of another size may be much larger."""
    try:
        return read_artifact_file(path, size) if path.stat().st_size == size else b""
    except OSError as error:
        raise ArtifactError(path, error.strerror or str(error)) from error


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a version's manifest. Raises ArtifactError if it is not valid."""
    path = folder / MANIFEST
    content = read_artifact_file(path, MAX_MANIFEST_BYTES)
    try:
        manifest = json.loads(content, parse_constant=_reject_constant)
        check_manifest(manifest)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ArtifactError(path, f"not a valid manifest: {error!r}") from error
    return dict(manifest)


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
