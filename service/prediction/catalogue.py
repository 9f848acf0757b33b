"""What is served at one moment, made ready to answer: found by model, alias or version."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.errors import NotFound, NotLoaded
from service.metrics.registry import Metrics, VersionMetrics
from service.prediction.forward import READING_ROWS, row_seconds
from service.protocols import CODECS, Codec
from service.settings import Settings
from store import Version
from store.layout import VERSION_NUMBER
from store.watch import WHOLE_STORE, ServedModel

NUMBER_BYTES = 12  # of a number as JSON writes it; binary ones have 4


@dataclass(frozen=True, eq=False)
class Endpoint:
    """A loaded version with all that a request to it needs."""

    version: Version
    codecs: Mapping[type[Codec], Codec]
    headers: Mapping[str, str]
    row_seconds: float  # of a forward pass, about
    row_bytes: int  # of a response, about
    metrics: VersionMetrics

    @classmethod
    def make(cls, version: Version, settings: Settings, metrics: Metrics) -> "Endpoint":
        """Prepare a version once, when it is loaded."""
        codecs = {codec: codec(version, settings) for codec in CODECS}
        headers = {"X-Model-Name": version.name, "X-Model-Version": str(version.number)}
        network = version.artifact.model.network
        row = row_seconds(network), network.outputs * NUMBER_BYTES
        return cls(version, codecs, headers, *row, VersionMetrics(metrics, version))

    def pass_seconds(self, rows: int) -> float:
        """Return how long a forward pass of so many rows takes, about."""
        return self.row_seconds * (rows + READING_ROWS)


@dataclass(frozen=True)
class Catalogue:
    """The served models and their endpoints by (name, number); replaced whole, never changed."""

    models: Mapping[str, ServedModel] = field(default_factory=dict)
    endpoints: Mapping[tuple[str, int], Endpoint] = field(default_factory=dict)
    default_model: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)

    def find(self, name: str | None, version: str | None = None, alias: str | None = None) -> Endpoint:
        """Return what answers: a version, an alias, or the stable version of a model or of the default.

        The names come from a request. They are only ever looked up here, never in a file system.
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
            raise NotLoaded(f"{name} has no {what} that could be loaded: {reasons}")
        if version is None and alias is None:
            raise NotLoaded(f"{name} has no stable version: python -m store promote makes one")
        raise NotFound(f"{name} serves no {what}: GET /models/{name} lists what it serves", name, version, alias)

    def model(self, name: str) -> ServedModel:
        """Return what is served of a model."""
        if name not in self.models:
            self._raise_problem(name)
            raise NotFound(f"there is no model {name!r}: GET /models lists those that are served", name)
        return self.models[name]

    def _default(self) -> str:
        if self.default_model:
            return self.default_model
        if len(self.models) == 1:
            return next(iter(self.models))
        if not self.models:
            self._raise_problem(WHOLE_STORE)
        urls = ", ".join(f"/models/{name}/predict" for name in self.models)
        raise NotFound(
            f"several models are served: use one of {urls}"
            if urls
            else "no model is served: python -m training train publishes one"
        )

    def _raise_problem(self, name: str) -> None:
        """Raise what keeps a model, or the whole store, from being known."""
        for key in (name, WHOLE_STORE):
            if key in self.problems:
                raise NotLoaded(self.problems[key])

    @property
    def ready(self) -> bool:
        """Whether at least one stable version answers."""
        return any(served.stable for served in self.models.values())

    def why_not_ready(self) -> str:
        """Say what is missing."""
        missing = [reason for served in self.models.values() for reason in served.missing.values()]
        return "; ".join([*self.problems.values(), *missing]) or "the store serves no model with a stable version"
