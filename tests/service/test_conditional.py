"""ETag and If-None-Match: documents are built once per catalogue, and a client that has the current one gets a 304."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from nn import Artifact
from service.openapi.document import openapi
from store import publish


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/"])
def test_a_client_that_has_the_document_gets_a_304(path: str, client: FlaskClient) -> None:
    answer = client.get(path)
    tag = answer.headers["ETag"]
    assert tag.startswith('"')
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        unchanged = client.get(path, headers={"If-None-Match": known})
        assert (unchanged.status_code, unchanged.data, unchanged.headers["ETag"]) == (304, b"", tag)
        assert "Content-Length" not in unchanged.headers
        assert unchanged.headers["X-Request-ID"]
    assert client.get(path, headers={"If-None-Match": '"other"'}).data == answer.data
    assert client.get(path).headers["ETag"] == tag


def test_documents_are_built_once_per_catalogue(
    app: Flask, iris: Path, artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = list[object]()

    def count(*arguments: Any) -> Any:
        built.append(arguments)
        return openapi(*arguments)

    monkeypatch.setattr("service.openapi.views.openapi", count)
    client = app.test_client()
    tags = {client.get("/openapi.json").headers["ETag"] for _ in range(3)}
    assert (len(tags), len(built)) == (1, 1)
    publish(iris, "another", artifact, {}, {})
    app.extensions["npserve"].reloader.poll()
    answer = client.get("/openapi.json", headers={"If-None-Match": tags.pop()})
    assert (answer.status_code, len(built)) == (200, 2)
    assert "another" in answer.text


def test_the_index_depends_on_host_and_accept(client: FlaskClient) -> None:
    asked = [{"Host": host, "Accept": accept} for host in ("a", "b") for accept in ("text/html", "application/json")]
    answers = [client.get("/", headers=headers) for headers in asked]
    assert len({answer.headers["ETag"] for answer in answers}) == 4
    assert {answer.headers["Vary"] for answer in answers} == {"Accept"}
    for headers, answer in zip(asked, answers, strict=True):
        assert f"http://{headers['Host']}/models/iris/predict" in answer.text
