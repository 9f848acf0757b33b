"""One published version: a model, and the manifest that says what the files are and how they were made."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nn import Artifact, ArtifactError
from nn.artifact import from_bytes, read_artifact_file
from store.layout import StoreError, model_folder

MODEL, MANIFEST = "model.npz", "manifest.json"
SplitMetrics = dict[str, dict[str, float]]


@dataclass(frozen=True, eq=False)
class Version:
    """A version whose files are as its manifest says, and whose model has passed its golden rows."""

    name: str
    number: int
    artifact: Artifact
    manifest: dict[str, Any]

    @property
    def sha256(self) -> str:
        """The digest of the model file: what was served, whatever its name."""
        return str(self.manifest["files"][MODEL]["sha256"])

    @property
    def metrics(self) -> SplitMetrics:
        """Figures by part of the data, such as {"test": {"accuracy": 0.974, "rows": 10000}}."""
        return dict(self.manifest["metrics"])


def fingerprint(content: bytes) -> dict[str, Any]:
    """Return what the manifest keeps of a file."""
    return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def version_folder(models: Path, name: str, number: int) -> Path:
    """Return the folder of a version that exists."""
    folder = model_folder(models, name) / str(number)
    if not folder.is_dir():
        raise StoreError(f"{folder} does not exist: python -m store list shows what does")
    return folder


def read_version(models: Path, name: str, number: int) -> Version:
    """Read a version, check it whole and try it. Raises StoreError or ArtifactError."""
    folder = version_folder(models, name, number)
    manifest, artifact = read_folder(folder)
    return Version(name, number, artifact, manifest)


def read_folder(folder: Path) -> tuple[dict[str, Any], Artifact]:
    """Check every file against the manifest, and the model against its golden rows."""
    manifest = read_manifest(folder)
    contents = {}
    for name, expected in manifest["files"].items():
        contents[name] = read_artifact_file(folder / name, expected["size"] + 1)
        if fingerprint(contents[name]) != expected:
            reason = "is not the file that was published: its size or SHA-256 differs"
            raise ArtifactError(folder / name, reason)
    return manifest, from_bytes(contents[MODEL], folder / MODEL)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a version's manifest. Raises ArtifactError where it is not one."""
    path = folder / MANIFEST
    content = read_artifact_file(path)
    try:
        manifest = json.loads(content)
        _check_manifest(manifest)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ArtifactError(path, f"not a manifest: {error!r}") from error
    return dict(manifest)


def _check_manifest(manifest: Any) -> None:
    manifest["files"][MODEL]
    for name, expected in manifest["files"].items():
        if os.sep in name or name in (".", "..", MANIFEST):
            raise ValueError(f"file name {name!r}")
        if not (isinstance(expected["sha256"], str) and isinstance(expected["size"], int)):
            raise ValueError(f"fingerprint of {name!r}")
    for part in manifest["metrics"].values():
        if not all(isinstance(value, int | float) for value in part.values()):
            raise ValueError("metrics")
