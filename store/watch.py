"""Watching a store: the versions named in its `serving.json` files are loaded, verified, and replaced atomically.

A broken version never replaces a working one. If a version fails to load, its alias keeps the previous version; if the
store cannot be read, nothing changes. A version is unloaded only when a readable `serving.json` no longer names it.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from nn import ArtifactError
from store.layout import StoreError, model_folder, model_names
from store.manifest import MANIFEST
from store.serving import SERVING, Serving
from store.version import Version, read_version

MAX_WAIT_SECONDS = 60.0
LISTING_SETTLED_NS = 2 * 10**9  # after the last change of a folder, by the clock of its disk
WHOLE_STORE = ""  # the key of a problem that concerns all models


@dataclass(frozen=True)
class ServedModel:
    """A snapshot of one model: aliases, loaded versions, and the reason for each version that failed to load.

    It is gone if its `serving.json` has vanished.
    """

    aliases: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[int, Version] = field(default_factory=dict)
    missing: Mapping[int, str] = field(default_factory=dict)
    is_gone: bool = False

    @property
    def stable(self) -> Version | None:
        """The default version."""
        return self.versions.get(self.aliases.get("stable", 0))


NOT_SERVED = ServedModel()


@dataclass(frozen=True)
class LoadAttempt:
    """One attempt to load a version; `error` is None on success."""

    name: str
    number: int
    error: str | None


FileState = tuple[int, ...]


@dataclass
class _Failure:
    reason: str
    state: FileState | None  # of the manifest
    wait: float
    retry_at: float


def describe(error: Exception) -> str:
    """Return a sentence for an error. One that is not ours has its type, because its text may be a word only."""
    expected = isinstance(error, ArtifactError | StoreError | OSError)
    return str(error) if expected else f"{type(error).__name__}: {error}"


def _file_state(path: str) -> FileState:
    """Return what changes when a file is replaced."""
    status = os.stat(path)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class StoreWatcher:
    """The served models of a store, and the problems of models that cannot be read.

    Whatever is wrong with one model is a problem of that model only, also a disk that does not answer: models can be
    checked in several threads, each by one at a time. `prepare` is called with each version that is loaded. If it
    raises an error, the version is not served.
    """

    def __init__(self, models: Path, prepare: Callable[[Version], object] = lambda _: None) -> None:
        self.models, self._root, self._prepare = models, str(models), prepare
        self._served: dict[str, ServedModel] = {}
        self._problems: dict[str, str] = {}
        self._failures: dict[tuple[str, int], _Failure] = {}
        self._states: dict[str, FileState] = {}  # of the `serving.json` that was followed last
        self._listing: tuple[FileState | None, list[str]] = None, []
        self._loaded: dict[tuple[str, int], FileState | None] = {}  # of the manifests of the loaded versions

    @property
    def served(self) -> Mapping[str, ServedModel]:
        """A snapshot of the served models, by name."""
        return self._served.copy()

    @property
    def problems(self) -> Mapping[str, str]:
        """A snapshot of the problems, by the names of the models, or WHOLE_STORE."""
        return self._problems.copy()

    def names(self) -> list[str]:
        """Return the models to check: those in the store, and known ones that have vanished. None in a broken store."""
        try:
            names = self._list()
        except StoreError as error:
            self._problems[WHOLE_STORE] = str(error)
            return []
        self._problems.pop(WHOLE_STORE, None)
        return names + sorted((self._served.keys() | self._problems.keys()).difference(names))

    def _list(self) -> list[str]:
        """List the models of the store, which may be thousands, only if its folder has changed."""
        before, names = self._listing
        try:
            state = _file_state(self._root)
        except OSError:
            return model_names(self.models)  # with the right message
        if state != before:
            names = model_names(self.models)
            # Another entry may be added at the time of the last one, by a clock that ticks every few milliseconds.
            is_settled = time.time_ns() - os.stat(self._root).st_mtime_ns > LISTING_SETTLED_NS
            self._listing = state if is_settled else None, names
        return names

    def check(self, name: str) -> list[LoadAttempt]:
        """Look for changes of a model. Return the attempts to load versions. Never raises."""
        attempts: list[LoadAttempt] = []
        before = self._served.get(name, NOT_SERVED)
        try:
            state = _file_state(f"{self._root}/{name}/{SERVING}")
            if state == self._states.get(name) and not before.missing and not before.is_gone:
                self._problems.pop(name, None)
                return attempts
            model, problem = self._follow(name, before, attempts), ""
        except (FileNotFoundError, NotADirectoryError):
            # Nothing is published yet, or the model was removed, or the disk is unmounted.
            gone = f"{self.models / name / SERVING} is gone: its loaded versions are still served"
            model, problem = (replace(before, is_gone=True), gone) if before.versions else (NOT_SERVED, "")
            state = None
        except Exception as error:
            model, problem, state = before, describe(error), None
        if model.versions or model.missing:
            self._served[name] = model
        else:
            self._served.pop(name, None)
        if problem:
            self._problems[name] = problem
        else:
            self._problems.pop(name, None)
        if state is None:
            self._states.pop(name, None)
        else:  # only now, because the process may be forked at any point
            self._states[name] = state
        return attempts

    def _follow(self, name: str, before: ServedModel, attempts: list[LoadAttempt]) -> ServedModel:
        """Return a model as its `serving.json` says, which has changed, or names versions that are missing.

        New versions are loaded. An alias whose version cannot be loaded keeps its previous version.
        """
        serving = Serving.read(model_folder(self.models, name))
        versions, missing, aliases = {}, {}, {}
        for number in sorted(set(serving.aliases.values())):
            loaded = self._unchanged(name, number, before) or self._load(name, number, attempts)
            if isinstance(loaded, Version):
                versions[number] = loaded
            else:
                missing[number] = loaded
        for alias, number in serving.aliases.items():
            kept = number if number in versions else before.aliases.get(alias, 0)
            if version := versions.get(kept) or before.versions.get(kept):
                aliases[alias], versions[kept] = kept, version
        for number in before.versions.keys() - versions.keys():
            self._loaded.pop((name, number), None)
        return ServedModel(aliases, versions, missing)

    def _unchanged(self, name: str, number: int, before: ServedModel) -> Version | None:
        """Return a loaded version, unless another one has been published under its number since."""
        version = before.versions.get(number)
        if version and self._manifest_state(name, number) in (None, self._loaded.get((name, number))):
            return version
        return None

    def _manifest_state(self, name: str, number: int) -> FileState | None:
        try:
            return _file_state(f"{self._root}/{name}/{number}/{MANIFEST}")
        except OSError:
            return None

    def _load(self, name: str, number: int, attempts: list[LoadAttempt]) -> Version | str:
        """Load a version, or return the reason for failure.

        A failed version is tried again after 1, 2, 4 … 60 s, or when another one is published under its number.
        """
        key, state = (name, number), self._manifest_state(name, number)
        failure = self._failures.get(key)
        if failure and failure.state == state and time.monotonic() < failure.retry_at:
            return failure.reason
        try:
            version = read_version(self.models, name, number)
            self._prepare(version)
        except Exception as error:
            reason = describe(error)
            wait = min(failure.wait * 2, MAX_WAIT_SECONDS) if failure else 1.0
            self._failures[key] = _Failure(reason, state, wait, time.monotonic() + wait)
            attempts.append(LoadAttempt(name, number, reason))
            return reason
        self._failures.pop(key, None)
        self._loaded[key] = state
        attempts.append(LoadAttempt(name, number, None))
        return version
