"""A route is declared once: the handler with its description defines both the API and its documentation."""

from pathlib import Path

import pytest
from flask.typing import ResponseReturnValue

from service.app import ALL_VIEWS, create_app
from service.errors import NotFound
from service.protocols.json_schema import STRING, record
from service.settings import Settings
from service.views import UNKNOWN, Service, Views


def test_a_declared_handler_is_served_and_documented(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    views = Views()

    @views.route("/echo/<name>", "Echo a word", record(word=STRING), UNKNOWN)
    def echo(service: Service, name: str) -> ResponseReturnValue:
        if name == "none":
            raise NotFound(f"unknown word; {len(service.catalogue.models)} models")
        return {"word": name}

    monkeypatch.setattr("service.app.ALL_VIEWS", [*ALL_VIEWS, *views])
    client = create_app(Settings(models=models)).test_client()
    assert client.get("/echo/yes").get_json() == {"word": "yes"}
    assert (client.get("/echo/none").status_code, client.post("/echo/yes").status_code) == (404, 405)
    described = client.get("/openapi.json").get_json()["paths"]["/echo/{name}"]["get"]
    assert (described["summary"], described["tags"]) == ("Echo a word", ["service"])
    assert described["responses"]["200"]["content"]["application/json"]["schema"] == record(word=STRING)
    assert described["responses"].keys() == {"200", "404", "503"}
    assert '<details id="GET-/echo/&lt;name&gt;"' in client.get("/docs").text


def test_a_route_needs_a_description() -> None:
    with pytest.raises(TypeError, match="'summary' and 'schema'"):
        Views().route("/undescribed")  # type: ignore[call-arg]
