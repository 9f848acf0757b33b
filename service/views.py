"""The routes with their descriptions. A route other than a prediction is declared at its handler.

Each sub-package keeps its routes in `views`; `service.app` joins them, adds them to Flask, and passes all of them to
the handlers of /openapi.json and /docs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from flask.typing import ResponseReturnValue

from service.metrics.registry import Metrics
from service.prediction.catalogue import Catalogue
from service.prediction.memory_budget import MemoryBudget
from service.prediction.pipeline import PredictionPipeline
from service.prediction.reloader import CatalogueReloader
from service.protocols import Codec
from service.protocols.json_schema import JsonSchema
from service.settings import Settings

Handler = Callable[..., ResponseReturnValue]  # called with the Service, and with the path segments by name
NOT_READY = {503: "Not ready; `error` gives the reason."}
UNKNOWN = {
    404: "Unknown model or version.",
    503: "The model is known, but no version of it is loaded (yet).",
}


class View(NamedTuple):
    """A route: handler, codec of its errors, JSON schema, statuses of its errors, other content types of its responses.

    The `schema` of a prediction is None: the codec describes the requests and responses of each model.
    """

    method: str
    template: str
    handler: Handler
    codec: type[Codec]
    summary: str
    schema: JsonSchema | None
    statuses: Mapping[int, str]
    texts: Sequence[str] = ()


class Views(list[View]):
    """The routes of one protocol, or of the service itself."""

    def __init__(self, codec: type[Codec] = Codec) -> None:
        self._codec = codec

    def route(
        self,
        template: str,
        summary: str,
        schema: JsonSchema | None,
        statuses: Mapping[int, str] | None = None,
        texts: Sequence[str] = (),
        method: str = "GET",
    ) -> Callable[[Handler], Handler]:
        """Return a decorator that adds a handler. Of several decorators, the lowest is applied first."""

        def add(handler: Handler) -> Handler:
            self.append(View(method, template, handler, self._codec, summary, schema, statuses or {}, texts))
            return handler

        return add


class Service(NamedTuple):
    """The components of the app, for its handlers and for the event-loop server."""

    settings: Settings
    metrics: Metrics
    reloader: CatalogueReloader
    pipeline: PredictionPipeline
    budget: MemoryBudget
    views: Sequence[View]

    @property
    def catalogue(self) -> Catalogue:
        """The versions served at this moment."""
        return self.reloader.catalogue
