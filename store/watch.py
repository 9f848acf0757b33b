"""Watching a store: the versions named in its `serving.json` files are loaded, verified, and replaced atomically.

A broken version never replaces a working one. If a version fails to load, its alias keeps the previous version; if the
store cannot be read, nothing changes. A version is unloaded only when a readable `serving.json` no longer names it.
"""

import os
import time
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from nn import ArtifactError
from store.layout import StoreError, model_folder, model_names
from store.serving import SERVING, Serving
from store.version import Version, read_version

MAX_WAIT_SECONDS = 60.0
WHOLE_STORE = ""  # the key of a problem that concerns all models


@dataclass(frozen=True)
class ServedModel:
    """A snapshot of one model: aliases, loaded versions, and the reason for each version that failed to load."""

    aliases: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[int, Version] = field(default_factory=dict)
    missing: Mapping[int, str] = field(default_factory=dict)

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


@dataclass
class _Failure:
    reason: str
    wait: float
    retry_at: float


def describe(error: Exception) -> str:
    """Return a sentence for an error. One that is not ours has its type, because its text may be a word only."""
    expected = isinstance(error, ArtifactError | StoreError | OSError)
    return str(error) if expected else f"{type(error).__name__}: {error}"


FileState = tuple[int, ...]


def _file_state(path: str) -> FileState | None:
    """Return what changes when a file is replaced; None if there is none."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class StoreWatcher:
    """The served models of a store, and the problems of models that cannot be read, by name.

    `poll` looks for changes. It replaces `served` and `problems` atomically, so any thread may read them. `prepare` is
    called with each version that is loaded. If it raises an error, the version is not served. Whatever is wrong with
    one model is a problem of that model only.
    """

    def __init__(self, models: Path, prepare: Callable[[Version], object] = lambda _: None) -> None:
        self.models, self._prepare = models, prepare
        self.served: Mapping[str, ServedModel] = {}
        self.problems: Mapping[str, str] = {}
        self._failures: dict[tuple[str, int], _Failure] = {}
        self._attempts: list[LoadAttempt] = []
        self._states: dict[str, FileState] = {}  # of the `serving.json` that was followed last, by name
        self._gone: Set[str] = frozenset()  # models whose `serving.json` has vanished

    def poll(self) -> list[LoadAttempt]:
        """Check the store once; return the attempts to load versions."""
        self._attempts = []
        names, problems, served, followed = [], {}, dict(self.served), set[str]()
        try:
            names = model_names(self.models)
        except StoreError as error:
            problems[WHOLE_STORE] = str(error)
        for name in names:
            try:
                model = self._poll_model(name, served.get(name, NOT_SERVED))
            except Exception as error:
                problems[name] = describe(error)
            else:
                if model is not None:
                    served[name] = model
                    followed.add(name)
        if WHOLE_STORE not in problems:
            self._gone = served.keys() - followed - problems.keys()
        for name in self._gone:
            problems[name] = f"{self.models / name / SERVING} is gone: its loaded versions are still served"
            self._states.pop(name, None)
        self.problems = problems
        self.served = {name: model for name, model in served.items() if model.versions or model.missing}
        return self._attempts

    def _poll_model(self, name: str, before: ServedModel) -> ServedModel | None:
        """Return a model as its `serving.json` says. It is read only if it has changed, or versions are missing.

        Without the file, nothing is published yet or the disk is unmounted: the result is None.
        """
        state = _file_state(f"{self.models}/{name}/{SERVING}")
        if state is None:
            return None
        if state == self._states.get(name) and not before.missing:
            return before
        self._states.pop(name, None)
        serving = Serving.read(model_folder(self.models, name))
        model = self._follow(name, serving, before, is_back=name in self._gone)
        self._states[name] = state
        return model

    def _follow(self, name: str, serving: Serving, before: ServedModel, *, is_back: bool) -> ServedModel:
        """Load new versions; an alias whose version cannot be loaded keeps its previous version.

        Of a model that was gone and is back, all versions are loaded: it may be another one.
        """
        versions, missing, aliases = {}, {}, {}
        for number in sorted(set(serving.aliases.values())):
            loaded = (None if is_back else before.versions.get(number)) or self._load(name, number)
            if isinstance(loaded, Version):
                versions[number] = loaded
            else:
                missing[number] = loaded
        for alias, number in serving.aliases.items():
            kept = number if number in versions else before.aliases.get(alias, 0)
            if version := versions.get(kept) or before.versions.get(kept):
                aliases[alias], versions[kept] = kept, version
        return ServedModel(aliases, versions, missing)

    def _load(self, name: str, number: int) -> Version | str:
        """Load a version, or return the reason for failure; a failed version is retried after 1, 2, 4 … 60 s."""
        failure = self._failures.get((name, number))
        if failure and time.monotonic() < failure.retry_at:
            return failure.reason
        try:
            version = read_version(self.models, name, number)
            self._prepare(version)
            loaded: Version | str = version
            self._failures.pop((name, number), None)
        except Exception as error:
            loaded = describe(error)
            wait = min(failure.wait * 2, MAX_WAIT_SECONDS) if failure else 1.0
            self._failures[name, number] = _Failure(loaded, wait, time.monotonic() + wait)
        self._attempts.append(LoadAttempt(name, number, loaded if isinstance(loaded, str) else None))
        return loaded
