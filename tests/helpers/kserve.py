"""The KServe client."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest


def import_kserve(module: str = "") -> Any:
    """Import KServe only in the tests that use it, because the import takes two seconds in each test process."""
    return pytest.importorskip(f"kserve{module}")


def call_client(protocol: str, call: Callable[[Any], Awaitable[Any]]) -> Any:
    """Return the result of a call, which receives a client for this protocol."""

    async def session() -> Any:
        async with import_kserve().InferenceRESTClient(import_kserve().RESTConfig(protocol=protocol)) as client:
            return await call(client)

    return asyncio.run(session())
