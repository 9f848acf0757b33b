"""The KServe client."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest


def kserve(module: str = "") -> Any:
    """Import KServe only in the tests that use it, because the import takes two seconds in each test process."""
    return pytest.importorskip(f"kserve{module}")


def ask(protocol: str, call: Callable[[Any], Awaitable[Any]]) -> Any:
    """Return the result of a call, which receives a client for this protocol."""

    async def session() -> Any:
        async with kserve().InferenceRESTClient(kserve().RESTConfig(protocol=protocol)) as client:
            return await call(client)

    return asyncio.run(session())
