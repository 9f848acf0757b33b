"""KServe's own client."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest


def kserve(module: str = "") -> Any:
    """Import it only where it is used: it takes two seconds, in every test process."""
    return pytest.importorskip(f"kserve{module}")


def ask(protocol: str, call: Callable[[Any], Awaitable[Any]]) -> Any:
    """Return what a call of a client of this protocol gives."""

    async def session() -> Any:
        async with kserve().InferenceRESTClient(kserve().RESTConfig(protocol=protocol)) as client:
            return await call(client)

    return asyncio.run(session())
