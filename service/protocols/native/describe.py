"""The service, its models and their versions described in JSON, and the command that tries one."""

import json
import shlex
from typing import Any

from nn import Category
from nn.columns import Column
from service.prediction.catalogue import Catalogue, Endpoint
from service.protocols.json_schema import example_row


def describe_service(catalogue: Catalogue, url: str) -> dict[str, Any]:
    """Describe the whole service; the curl line works as it stands."""
    models = [model_summary(catalogue, name) for name in catalogue.models]
    endpoint = _example(catalogue)
    return {
        "service": "npserve",
        "status": "alive",  # KServe's V1 client looks for it here
        "ready": catalogue.ready,
        "models": models,
        "curl": curl_command(endpoint, url) if endpoint else None,
    }


def model_summary(catalogue: Catalogue, name: str) -> dict[str, Any]:
    """Describe a model in a few words."""
    served = catalogue.models[name]
    stable = served.stable
    return {
        "name": name,
        "stable": served.aliases.get("stable"),
        "aliases": dict(served.aliases),
        "task": stable.artifact.model.task if stable else None,
        "metrics": stable.metrics if stable else None,
        "url": f"/models/{name}",
        "predict": f"/models/{name}/predict",
    }


def describe_model(catalogue: Catalogue, name: str) -> dict[str, Any]:
    """Describe a model: its aliases, its versions, and its stable version whole."""
    served = catalogue.model(name)
    return {
        "name": name,
        "aliases": dict(served.aliases),
        "versions": sorted(served.versions),
        "missing": {str(number): reason for number, reason in served.missing.items()},
        "stable": describe_version(catalogue.find(name)) if served.stable else None,
    }


def describe_version(endpoint: Endpoint) -> dict[str, Any]:
    """Describe one version."""
    described = endpoint.version
    model = described.artifact.model
    return {
        "name": described.name,
        "version": described.number,
        "task": model.task,
        "features": [_feature(column) for column in model.features.columns],
        "labels": list(model.labels) or None,
        "metrics": described.metrics,
        "sha256": described.sha256,
        "created": described.manifest.get("created"),
        "predict": f"/models/{described.name}/versions/{described.number}/predict",
    }


def _feature(column: Column) -> dict[str, Any]:
    """Describe what a client may send."""
    described: dict[str, Any] = {"name": column.name, "kind": column.kind, "missing": column.missing}
    if isinstance(column, Category):
        described["categories"] = list(column.categories)
    return described


def curl_command(endpoint: Endpoint, url: str) -> str:
    """Return a command that asks a model for a prediction, with one of its golden rows."""
    body = json.dumps({"instances": [example_row(endpoint.version)]}, separators=(",", ":"))
    address = f"{url.rstrip('/')}/models/{endpoint.version.name}/predict"
    return f"curl {shlex.quote(address)} -H 'Content-Type: application/json' -d {shlex.quote(body)}"


def startup_message(catalogue: Catalogue, url: str) -> str:
    """Return what a person reads when the service has started."""
    endpoint = _example(catalogue)
    if endpoint is None:
        return f"Serving at {url} - but nothing yet: {catalogue.why_not_ready()}."
    names = ", ".join(f"{v.name} {v.number}" for s in catalogue.models.values() if (v := s.stable))
    return f"Serving {names} at {url}\nTry it:\n\n{curl_command(endpoint, url)}\n"


def _example(catalogue: Catalogue) -> Endpoint | None:
    """Return the stable version with the shortest rows: its example is the easiest to read."""
    stable = [catalogue.find(name) for name, served in catalogue.models.items() if served.stable]
    return min(stable, key=lambda endpoint: len(endpoint.version.artifact.model.features), default=None)
