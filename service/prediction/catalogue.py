"""The served versions at one moment, prepared for prediction and found by model, alias or version."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from service.conditional import Document
from service.errors import NotFound, NotLoaded
from service.metrics.registry import Metrics, VersionMetrics
from service.prediction.forward import READING_ROWS, row_seconds
from service.prediction.messages import Request
from service.prediction.work import MeasuredWork
from service.protocols import CODECS, Codec
from service.settings import Settings
from store import Version
from store.layout import VERSION_NUMBER
from store.watch import WHOLE_STORE, ServedModel

NO_STABLE_VERSION = "{0} has no stable version: run npserve promote {0} VERSION"


@dataclass(frozen=True, eq=False)
class Endpoint:
    """A loaded version with everything that a request to it needs."""

    version: Version
    codecs: Mapping[type[Codec], Codec]
    headers: Mapping[str, str]
    row_seconds: float  # estimate for the forward pass
    metrics: VersionMetrics
    work: MeasuredWork

    @classmethod
    def make(cls, version: Version, settings: Settings, metrics: Metrics) -> "Endpoint":
        """Prepare a version once, when it is loaded."""
        codecs = {codec: codec(version, settings) for codec in CODECS}
        headers = {"X-Model-Name": version.name, "X-Model-Version": str(version.number)}
        seconds = row_seconds(version.artifact.model.network)
        work = MeasuredWork(len(version.artifact.model.features))
        return cls(version, codecs, headers, seconds, VersionMetrics(metrics, version), work)

    def pass_seconds(self, rows: float) -> float:
        """Return the estimated seconds of a forward pass."""
        return self.row_seconds * (rows + READING_ROWS)

    def request_seconds(self, codec: type[Codec], request: Request, size: int) -> float:
        """Return the estimated seconds to decode and compute a request with a body of `size` bytes."""
        kind = codec, request.is_compressed
        rows = self.work.expected_rows(kind, size)
        return self.work.decode_seconds(kind, size) + self.pass_seconds(rows) * self.work.pace

    def observe_pass(self, rows: int, seconds: float) -> None:
        """Learn from a forward pass."""
        self.work.observe_pass(self.pass_seconds(rows), seconds)


@dataclass(frozen=True)
class Catalogue:
    """The served models, and their endpoints by (name, number). A change replaces the whole object.

    `loading` are the models of the store that have not been loaded for the first time yet, or WHOLE_STORE. While the
    service is starting, the only model is not known.
    """

    models: Mapping[str, ServedModel] = field(default_factory=dict)
    endpoints: Mapping[tuple[str, int], Endpoint] = field(default_factory=dict)
    default_model: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)
    loading: Set[str] = frozenset()
    is_starting: bool = False
    # The documents about this catalogue by route, each built at the first request for it.
    documents: dict[str, Document] = field(default_factory=dict)

    def find(self, name: str | None, version: str | None = None, alias: str | None = None) -> Endpoint:
        """Return the endpoint of a version, of an alias, or of the stable version. `name` None is the default model.

        The names come from a request: they are looked up here, never in the file system.
        Raises NotFound or NotLoaded.
        """
        name = self._default() if name is None else name
        served = self.model(name)
        if version is not None:
            number = int(version) if VERSION_NUMBER.fullmatch(version) else 0
            what = f"version {version}"
        else:
            number = served.aliases.get(alias or "stable", 0)
            what = f"alias {alias}" if alias else "stable version"
        if (name, number) in self.endpoints:
            return self.endpoints[name, number]
        if served.missing and (version is None or number in served.missing):
            reasons = "; ".join(served.missing.values())
            raise NotLoaded(f"{what} of {name} could not be loaded: {reasons}")
        if version is None and alias is None:
            raise NotLoaded(NO_STABLE_VERSION.format(name))
        message = f"{what} of {name} is not served: GET /models/{name} lists its versions and aliases"
        raise NotFound(message, name, version, alias)

    def awaited(self, name: str | None) -> str | None:
        """Return the model that a request for `name` waits for, because it is still loading; None if there is none."""
        if not self.loading:
            return None
        name = name or self.default_model
        if WHOLE_STORE in self.loading or (not name and self.is_starting and len(self.models) < 2):
            return next(iter(self.loading))
        return name if name in self.loading else None

    def model(self, name: str) -> ServedModel:
        """Return a served model. Raises NotFound or NotLoaded."""
        if name not in self.models:
            self._raise_problem(name)
            if self.awaited(name) is not None:
                raise NotLoaded(f"{name} is still loading: try again later")
            raise NotFound(f"unknown model {name!r}: GET /models lists the served models", name)
        return self.models[name]

    def _default(self) -> str:
        if self.default_model:
            return self.default_model
        if self.awaited(None) is not None:
            raise NotLoaded(self._what_is_loading())
        if len(self.models) == 1:
            return next(iter(self.models))
        if not self.models:
            self._raise_problem(WHOLE_STORE)
        urls = ", ".join(f"/models/{name}/predict" for name in self.models)
        raise NotFound(
            f"several models are served: use one of {urls}"
            if urls
            else "no model is served: run npserve train to publish one"
        )

    def _raise_problem(self, name: str) -> None:
        """Raises NotLoaded if the model, or the whole store, cannot be read."""
        for key in (name, WHOLE_STORE):
            if key in self.problems:
                raise NotLoaded(self.problems[key])

    @property
    def ready(self) -> bool:
        """Whether at least one stable version is loaded."""
        return any(served.stable for served in self.models.values())

    @property
    def ready_models(self) -> int:
        """The number of models whose stable version is loaded; without those that are gone, unless all are."""
        ready = [served for served in self.models.values() if served.stable]
        return len([served for served in ready if not served.is_gone] or ready)

    def why_not_ready(self) -> str:
        """Return the reasons in one line."""
        missing = [reason for served in self.models.values() for reason in served.missing.values()]
        unpromoted = [NO_STABLE_VERSION.format(name) for name, served in self.models.items() if not served.missing]
        loading = [self._what_is_loading()] if self.loading else []
        return (
            "; ".join([*self.problems.values(), *missing, *unpromoted, *loading]) or "the store has no published model"
        )

    def _what_is_loading(self) -> str:
        if WHOLE_STORE in self.loading:
            return "the store is still being read"
        return f"{len(self.loading)} of the store's models are still loading"
