"""The headers of the pages, and the pages in a browser that obeys them."""

import base64
import hashlib
import re
import shutil
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.helpers.browser import Browser
from tests.helpers.server import Server
from tests.helpers.wire import JSON

HTML = {"Accept": "text/html"}


def _policy(header: str) -> dict[str, list[str]]:
    directives = [directive.split() for directive in header.split(";")]
    return {name: sources for name, *sources in directives}


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_allow_their_own_scripts_and_styles_alone(path: str, client: FlaskClient) -> None:
    response = client.get(path, headers=HTML)
    assert response.mimetype == "text/html"
    policy = _policy(response.headers["Content-Security-Policy"])
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    for kind, text in re.findall(r"<(script|style)>(.*?)</\1>", response.text, re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy[f"{kind}-src"]
    assert re.findall(r"<(?:script|style) |\son\w+=|\sstyle=|javascript:", response.text) == []
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/models", "/livez", "/metrics", "/openapi.json", "/nowhere", "/predict"]
)
def test_responses_of_the_app_have_their_declared_type(path: str, client: FlaskClient) -> None:
    for headers in ({}, HTML):
        response = client.get(path, headers=headers)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert ("Content-Security-Policy" in response.headers) == (response.mimetype == "text/html")


def test_predictions_have_no_headers_for_browsers(client: FlaskClient) -> None:
    response = client.post("/predict", data='{"instances": [[1, 2, 3, 4]]}', content_type=JSON)
    assert response.status_code == 200
    assert "X-Content-Type-Options" not in response.headers


def test_a_browser_reports_no_violation_and_the_send_button_works(shared_server: Server, tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("chromium is not installed")
    with Browser(chromium, tmp_path) as browser:
        browser.open(f"{shared_server.url}/")
        assert browser.run("getComputedStyle(document.querySelector('pre')).whiteSpace") == "pre-wrap"
        browser.open(f"{shared_server.url}/docs")
        assert browser.run("getComputedStyle(document.querySelector('.page')).display") in ("grid", "block")
        for method, expected in (("GET", "200 "), ("POST", "200 ")):
            form = f"document.querySelector('form[data-method={method}]')"
            browser.run(f"{form}.querySelector('button').click()")
            answer = f"{form}.parentElement.querySelector('.answer .outcome')?.textContent"
            assert browser.wait_for(answer).startswith(expected)
        assert "curl " in browser.run("document.querySelector('.curl').textContent")
        assert [entry for entry in browser.log if "favicon" not in entry] == []
        # The policy is in force: a script that is not in the template does not run.
        browser.run("document.body.append(Object.assign(document.createElement('script'), {textContent: 'ran = 1'}))")
        assert browser.run("typeof ran") == "undefined"
        assert "Content Security Policy" in str(browser.log)
