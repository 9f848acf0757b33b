import json
from pathlib import Path

import numpy as np
import pytest

from nn import ArtifactError
from store import read_version
from tests.helpers.publications import Publish


def test_a_version_is_read_and_verified(tmp_path: Path, publish_one: Publish) -> None:
    publish_one()
    version = read_version(tmp_path, "iris", 1)
    assert (version.name, version.number, len(version.sha256)) == ("iris", 1, 64)
    assert version.metrics["test"]["accuracy"] == 0.9


def test_any_damage_to_any_file_is_detected(tmp_path: Path, publish_one: Publish, rng: np.random.Generator) -> None:
    publish_one(files={"report.html": b"<html>" * 100})
    for name in ("model.npz", "report.html"):
        path = tmp_path / "iris/1" / name
        content = path.read_bytes()
        damages = [content[:-1], content + b"x", b""]
        damages += [
            content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
            for place in rng.integers(0, len(content), 100)
        ]
        for damage in damages:
            path.write_bytes(damage)
            with pytest.raises(
                ArtifactError, match=f"{name}: size or SHA-256 differs from the manifest; restore the file"
            ):
                read_version(tmp_path, "iris", 1)
        path.unlink()
        with pytest.raises(ArtifactError, match=f"{name}: No such file"):
            read_version(tmp_path, "iris", 1)
        path.write_bytes(content)


@pytest.mark.parametrize(
    "manifest",
    [
        "",
        "null",
        "{}",
        "[" * 99999,
        '{"files": {}, "metrics": {}}',
        '{"files": {"model.npz": {"sha256": "x", "size": 1}}}',
        '{"files": {"model.npz": {"sha256": "x", "size": "1"}}, "metrics": {}}',
        '{"files": {"model.npz": {"sha256": "x", "size": 1}, "../x": {"sha256": "x", "size": 1}}, "metrics": {}}',
        '{"files": {"model.npz": {"sha256": "x", "size": 1}}, "metrics": {"test": {"accuracy": "good"}}}',
        '{"files": {"model.npz": {"sha256": "x", "size": 1}}, "metrics": {"test": 1}}',
    ],
)
def test_invalid_manifests_are_rejected(manifest: str, tmp_path: Path, publish_one: Publish) -> None:
    publish_one()
    (tmp_path / "iris/1/manifest.json").write_text(manifest)
    with pytest.raises(ArtifactError, match=r"manifest\.json: not a valid manifest"):
        read_version(tmp_path, "iris", 1)


def test_a_missing_manifest_is_reported(tmp_path: Path, publish_one: Publish) -> None:
    publish_one()
    (tmp_path / "iris/1/manifest.json").unlink()
    with pytest.raises(ArtifactError, match=r"manifest\.json: No such file"):
        read_version(tmp_path, "iris", 1)


def test_a_model_file_replaced_together_with_its_fingerprint_is_still_checked(
    tmp_path: Path, publish_one: Publish
) -> None:
    """A matching SHA-256 is not enough: the file is also loaded and its golden rows are run."""
    publish_one()
    folder = tmp_path / "iris/1"
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "model.npz").write_bytes(b"something else")
    manifest["files"]["model.npz"] = {
        "sha256": "008c5926ca861023c1d2a36653fd88e2a3e4a2bd3cb2dbd2d3d41a2cc9d1d8b8",
        "size": 14,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError):
        read_version(tmp_path, "iris", 1)
