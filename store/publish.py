"""Publishing: a version appears under the next number, complete and verified, or not at all."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nn import Artifact
from nn.artifact import to_bytes
from store.durable import (
    LOCK,
    TEMPORARY,
    atomic_write,
    locked,
    remove,
    sync_folder,
    temporary_beside,
    write_file,
)
from store.interrupts import delay_interrupts
from store.layout import StoreError, model_folder, version_numbers
from store.manifest import MANIFEST, MODEL, SplitMetrics
from store.promote import Verdict, judge
from store.serving import Serving
from store.version import fingerprint, read_folder


@dataclass(frozen=True)
class Publication:
    """The result of publishing: version number, alias, the reason for the alias, and metrics."""

    name: str
    version: int
    alias: str
    reason: str
    metrics: SplitMetrics


def publish(
    models: Path,
    name: str,
    artifact: Artifact,
    metrics: SplitMetrics,
    provenance: Mapping[str, Any],
    *,
    files: Mapping[str, bytes] | None = None,
    promote: bool = True,
    force: bool = False,
) -> Publication:
    """Publish a model as the next version of a name.

    `metrics` are grouped by split, `provenance` describes how the model was made (command, seed, data, libraries,
    commit), `files` are stored beside the model. The version becomes `stable` if it passes the gate, otherwise
    `candidate`; `force` bypasses the gate, and `promote=False` keeps the current stable version. Raises ArtifactError
    if the written version does not verify, StoreError if the name is invalid or the store unusable: nothing is
    published then. Ctrl-C takes effect afterwards, and the KeyboardInterrupt says what was published.
    """
    folder = model_folder(models, name)
    contents = {MODEL: to_bytes(artifact), **(files or {})}
    manifest = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **provenance,
        "metrics": metrics,
        "files": {name: fingerprint(content) for name, content in contents.items()},
    }
    contents[MANIFEST] = json.dumps(manifest, indent=2, allow_nan=False).encode() + b"\n"
    publication = None
    try:
        _make_folder(folder)
        with locked(folder / LOCK), delay_interrupts():
            publication = _publish(folder, contents, metrics, promote=promote, force=force)
    except OSError as error:
        raise StoreError(f"{name} could not be published in {models}: {error.strerror or error}") from error
    except KeyboardInterrupt as error:
        if publication is None:
            raise
        raise KeyboardInterrupt(f"{name} {publication.version} was published as {publication.alias}") from error
    return publication


def _publish(
    folder: Path, contents: dict[str, bytes], metrics: SplitMetrics, *, promote: bool, force: bool
) -> Publication:
    serving = Serving.read(folder)
    # A number is never reused, not even that of a publisher that crashed.
    number = max([serving.next_version, *(number + 1 for number in version_numbers(folder))])
    verdict, alias = Verdict(False, "promotion was not requested"), "candidate"
    try:
        _write_version(folder / str(number), contents)
        if promote:
            verdict = judge(folder, serving, number, metrics, force=force)
        alias = "stable" if verdict.promoted else "candidate"
        replace(serving.with_alias(alias, number), next_version=number + 1).write(folder)
    except BaseException as error:
        if _withdraw(folder, number, serving) or not isinstance(error, OSError):
            raise
    return Publication(folder.name, number, alias, verdict.reason, metrics)


def _withdraw(folder: Path, number: int, before: Serving) -> bool:
    """Remove a version whose publication has failed; return False if it is published and cannot be removed."""
    if _is_named(folder, number):
        with suppress(OSError):
            replace(before, next_version=number + 1).write(folder)
        if _is_named(folder, number):
            return False
    with suppress(OSError):
        withdrawn = temporary_beside(folder / str(number))
        (folder / str(number)).rename(withdrawn)
        remove(withdrawn)
    return True


def _is_named(folder: Path, number: int) -> bool:
    try:
        return number in Serving.read(folder).aliases.values()
    except StoreError:  # it was readable before
        return True


def _write_version(target: Path, contents: dict[str, bytes]) -> None:
    """Write under a name that readers ignore, read the version back, verify it, and rename."""
    # Remove the remains of crashed publishers; the lock excludes running ones.
    for stale in target.parent.glob(f"{TEMPORARY}*"):
        remove(stale)
    with atomic_write(target) as temporary:
        temporary.mkdir()
        for name, content in contents.items():
            write_file(temporary / name, content)
        sync_folder(temporary)
        read_folder(temporary)


def _make_folder(folder: Path) -> None:
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for created in missing:
        sync_folder(created.parent)
