"""Measurements of npserve only: slow clients, batching, deterministic mode, and memory by number of workers."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from benchmarks.bodies import BODIES, Body
from benchmarks.load import Load
from benchmarks.networks import WIDTHS, publish_network
from benchmarks.prepared import request_head
from benchmarks.running import Running
from benchmarks.servers import NPSERVE

Part = Callable[[Path, int, int], None]  # arguments: a folder for stores, rounds, seconds per measurement
NO_PEERS = Path()
UNBATCHED = replace(
    NPSERVE,
    name="unbatched",
    command=("gunicorn", "-c", "benchmarks/peers/no_sharing.conf.py"),
    environment={**NPSERVE.environment, "NPSERVE_MODELS": "{store}", "NPSERVE_BIND": "127.0.0.1:{port}"},
)
CONNECTIONS = {"large": (1, 32), "digits": (1, 8)}  # by network
SLOW = 500  # clients of each kind
DEADLINES = {"NPSERVE_HEADER_SECONDS": "2", "NPSERVE_BODY_SECONDS": "2"}  # short enough to expire during a measurement


def slow_clients(folder: Path, rounds: int, seconds: int) -> None:
    """Measure the latency with and without 500 half-sent headers, 500 half-sent bodies and 500 idle connections."""
    body = BODIES["digits-1"]
    quiet: list[Load] = []
    disturbed: list[Load] = []
    ends: Counter[str] = Counter()
    store = publish_network(folder, "digits")
    with Running(NPSERVE, NO_PEERS, store, "digits", **DEADLINES) as running:
        for _ in range(rounds):
            quiet.append(running.load(body, 8, seconds))
            disturbed.append(asyncio.run(_load_with_slow_clients(running, body, seconds, ends)))
    print(f"\n{body}, 8 connections, {3 * SLOW} slow clients")
    _print_header()
    _print("without", quiet)
    _print("with", disturbed)
    print("outcomes of the slow clients:", ", ".join(f"{end} {count}" for end, count in ends.most_common()))


async def _load_with_slow_clients(running: Running, body: Body, seconds: int, ends: Counter[str]) -> Load:
    url, written = running.url(body), running.write(body)
    head = request_head(url, written)
    clients = [
        asyncio.create_task(_send_partially(url, sent, ends))
        for sent in (head[: len(head) // 2], head + written.content[: len(written.content) // 2], b"")
        for _ in range(SLOW)
    ]
    await asyncio.sleep(1)
    load = await asyncio.to_thread(running.load, body, 8, seconds)
    ends["still open"] += sum(not client.done() for client in clients)
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    return load


async def _send_partially(url: str, sent: bytes, ends: Counter[str]) -> None:
    """Send a part of a request and wait; reconnect when the server closes the connection."""
    while True:
        end = "connection refused or reset"
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
            try:
                writer.write(sent)
                response = await reader.read()
                end = f"status {response.split()[1].decode()}" if response else "closed"
            finally:
                writer.close()
        ends[end] += 1
        await asyncio.sleep(0.1)


def sharing(folder: Path, rounds: int, seconds: int) -> None:
    """Measure the gain of batching with many connections and its cost with one, for a large network and for digits.

    Typically more than twice the requests per second with many connections, and about a tenth less with one.
    """
    stores = {network: publish_network(folder, network) for network in CONNECTIONS}
    cases = [(network, count) for network, counts in CONNECTIONS.items() for count in counts]
    loads: dict[tuple[str, int, str], list[Load]] = defaultdict(list)
    for _ in range(rounds):
        for network, store in stores.items():
            for server in (UNBATCHED, NPSERVE):
                with Running(server, NO_PEERS, store, network) as running:
                    running.check(Body(network, 1))
                    for count in CONNECTIONS[network]:
                        loads[network, count, server.name].append(running.load(Body(network, 1), count, seconds))
    for network, count in cases:
        print(f"\n{'-'.join(map(str, WIDTHS[network]))}, 1 row, {count} connection{'s' * (count > 1)}")
        _print_header()
        unbatched, batched = (loads[network, count, server.name] for server in (UNBATCHED, NPSERVE))
        _print("unbatched", unbatched)
        _print("batched", batched)
        gains = [after.per_second / before.per_second for before, after in zip(unbatched, batched, strict=True)]
        print(f"batching: {median(gains):.2f} times the requests per second")


def deterministic(folder: Path, rounds: int, seconds: int) -> None:
    """Measure the cost of NPSERVE_DETERMINISTIC=1."""
    bodies = [body for body in BODIES.values() if body.format == "json"]
    loads: dict[tuple[Body, str], list[Load]] = {(body, flag): [] for body in bodies for flag in "01"}
    stores = {network: publish_network(folder, network) for network in {body.network for body in bodies}}
    for _ in range(rounds):
        for network, store in stores.items():
            for flag in "01":
                with Running(NPSERVE, NO_PEERS, store, network, NPSERVE_DETERMINISTIC=flag) as running:
                    for body in bodies:
                        if body.network == network:
                            running.check(body)
                            loads[body, flag].append(running.load(body, 8, seconds))
    print(f"\n8 connections{'':7}{'requests/s':>12}{'deterministic':>15}{'cost':>8}")
    for body in bodies:
        default, equal = ([load.per_second for load in loads[body, flag]] for flag in "01")
        cost = 1 - median(after / before for before, after in zip(default, equal, strict=True))
        print(f"{body!s:20}{median(default):12.1f}{median(equal):15.1f}{cost:8.1%}")


def scale(folder: Path, rounds: int, seconds: int) -> None:
    """Measure the memory with 1, 2 and 4 workers."""
    store, body = publish_network(folder, "digits"), BODIES["digits-64"]
    found: dict[int, list[float]] = {1: [], 2: [], 4: []}
    for _ in range(rounds):
        for workers, mebibytes in found.items():
            with Running(NPSERVE, NO_PEERS, store, "digits", NPSERVE_WORKERS=str(workers)) as running:
                running.load(body, 8 * workers, seconds)
                mebibytes.append(running.mebibytes())
    print(f"\nafter {body}, 8 connections per worker\n{'workers':>7}{'MiB (PSS)':>12}{'per additional':>16}")
    first = median(found[1])
    for workers, mebibytes in found.items():
        further = f"{(median(mebibytes) - first) / (workers - 1):16.1f}" if workers > 1 else ""
        print(f"{workers:7}{median(mebibytes):12.1f}{further}")


def _print_header() -> None:
    print(f"{'':16}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}{'errors':>8}")


def _print(what: str, found: list[Load]) -> None:
    load = Load.median(found)
    print(f"{what:16}{load.per_second:12.1f}{load.p50:10.2f}{load.p99:10.2f}{load.errors:8}", flush=True)


PARTS: dict[str, Part] = {
    "slow_clients": slow_clients,
    "sharing": sharing,
    "deterministic": deterministic,
    "scale": scale,
}
