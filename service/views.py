"""The routes, as the documentation describes them. One that predicts nothing stands in one place: at its handler.

A room keeps its routes in `views`; `service.app` joins them, adds them to Flask, and hands all of them to the handlers
of /openapi.json and /docs.
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

Handler = Callable[..., ResponseReturnValue]  # takes the Service, and the segments of the path by name
NOT_READY = {503: "It is not ready, and says why."}
UNKNOWN = {
    404: "There is no such model or version.",
    503: "The model is known, but nothing of it could be loaded (yet).",
}


class View(NamedTuple):
    """A route: its JSON, the statuses of its errors, the types of text that it also returns, the codec of its errors.

    A prediction has no `schema`: its codec describes each model.
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
    """The routes of one protocol, or of none."""

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
        """Return a decorator that adds a handler. Of several at one handler, the lowest adds first."""

        def add(handler: Handler) -> Handler:
            self.append(View(method, template, handler, self._codec, summary, schema, statuses or {}, texts))
            return handler

        return add


class Service(NamedTuple):
    """What the app is made of, for its handlers and for the server that runs it."""

    settings: Settings
    metrics: Metrics
    reloader: CatalogueReloader
    pipeline: PredictionPipeline
    budget: MemoryBudget
    views: Sequence[View]

    @property
    def catalogue(self) -> Catalogue:
        """What is served at this moment."""
        return self.reloader.catalogue
