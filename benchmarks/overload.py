"""Measure npserve above its capacity, and beside request bodies that cost it much more than their sender.

    python -m benchmarks.overload

Prerequisites: two CPU cores, and the programs wrk and taskset. The server runs on core 0 with one worker; the loads run
on core 1, each in a process of its own. wrk measures the capacity; an open loop then offers a tenth of it (the latency
without load), and each of the factors, over at most --connections connections. Requests that find all connections in
use, or that the generator is too slow to send, are counted as unsent. Waits are measured from the last byte sent to the
end of the response, in milliseconds. `after` is the accepted share of half the capacity, offered from 1 to 3 seconds
after the load. Memory is the peak of the worker above its idle size. /livez is requested 20 times a second on new
connections.

Then each hostile body is sent repeatedly over 8 connections, beside small requests over 4; both wait for responses.

With --check the exit status is 1 if a limit is not kept; the last lines name them. About 15 minutes.
"""

import argparse
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.bodies import Body
from benchmarks.hostile_bodies import SHAPES, HostileBody, binary_bodies, hostile_bodies, random_bodies
from benchmarks.load import pin_to_load_core
from benchmarks.networks import WIDTHS, publish_network
from benchmarks.offered_loads import LOADS, OfferedLoad
from benchmarks.open_load import submit
from benchmarks.options import make_parser, names_of
from benchmarks.outcomes import Outcomes
from benchmarks.overload_limits import BODY_HEADER, LOAD_HEADER, OK, MeasuredBody, MeasuredLoad
from benchmarks.peak_memory import PeakMemory
from benchmarks.prepared import PreparedRequest
from benchmarks.running import Running
from benchmarks.servers import NPSERVE

GTHREAD = replace(
    NPSERVE,
    name="gthread",
    command=("gunicorn", "-c", "service/gunicorn.conf.py", "-k", "gthread", "service.app:create_app()"),
    environment={**NPSERVE.environment, "NPSERVE_MODELS": "{store}", "NPSERVE_BIND": "127.0.0.1:{port}"},
)
SERVERS = {"npserve": NPSERVE, "gthread": GTHREAD}
NO_PEERS = Path()
BINARY, RANDOM = "binary", "random"
KINDS = [*SHAPES, BINARY, RANDOM]
UNLOADED = 0.1  # of the capacity
AFTER_DELAY, AFTER_SECONDS, AFTER_RATE = 1.0, 2.0, 0.5  # of the load that shows the recovery; the rate is a share, too
CAPACITY_SECONDS = 3
LIVE_RATE, LIVE_CONNECTIONS = 20.0, 1000
HEALTHY, HOSTILE = 4, 8  # connections
SETTLED_MS, SETTLING_SECONDS, SETTLING_ROUNDS = 100.0, 0.2, 50
BODY_SECONDS = 3.0


def main() -> None:
    """Measure and print the tables."""
    options = _parser().parse_args()
    pin_to_load_core()  # inherited by the processes of the loads
    violations: list[str] = []
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(3, spawn) as executor:
        stores = {network: publish_network(Path(folder), network) for network in WIDTHS}
        for measured in _measure(stores, options, executor):
            print(measured, flush=True)
            if found := "; ".join(measured.violations()):
                violations.append(f"{measured.title}: {found}")
    print("\n" + ("\n".join(["LIMITS NOT KEPT", *violations]) if violations else "All limits are kept."))
    sys.exit(bool(violations) and options.check)


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("overload", __doc__)
    for name, choices, meaning in (
        ("loads", list(LOADS), "loads to offer"),
        ("bodies", KINDS, "kinds of hostile bodies"),
    ):
        meaning = f"{meaning}, from {', '.join(choices)} (default: all)"
        parser.add_argument(f"--{name}", type=names_of(choices), default=choices, metavar="A,B", help=meaning)
    parser.add_argument("--only", choices=("loads", "bodies"), help="measure only one of the two tables")
    parser.add_argument(
        "--factors",
        type=lambda text: [float(factor) for factor in text.split(",")],
        default=[1.0, 2.0, 5.0, 10.0],
        metavar="N,M",
        help="multiples of the capacity to offer (default: 1,2,5,10)",
    )
    for name, kind, default, meaning in (
        ("seconds", float, 10, "seconds per load, and at most 3 of them per body"),
        ("connections", int, 1000, "largest number of connections of a load"),
        ("random", int, 8, "number of random bodies"),
        ("seed", int, 17, "seed of the random bodies"),
    ):
        parser.add_argument(
            f"--{name}", type=kind, default=default, metavar="N", help=f"{meaning} (default: {default})"
        )
    parser.add_argument("--server", choices=SERVERS, default="npserve", help="worker class (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="exit with status 1 if a limit is not kept")
    return parser


def _measure(
    stores: dict[str, Path], options: argparse.Namespace, executor: Executor
) -> Iterator[MeasuredLoad | MeasuredBody]:
    """Print the headers of the tables, and yield their rows."""
    if options.only != "bodies":
        print(LOAD_HEADER, flush=True)
        for name in options.loads:
            yield from _measure_loads(LOADS[name], stores, options, executor)
    if options.only != "loads":
        print(f"\nseed of the random bodies: {options.seed}\n{BODY_HEADER}", flush=True)
        yield from _measure_bodies(stores, options, executor)


def _measure_loads(
    load: OfferedLoad, stores: dict[str, Path], options: argparse.Namespace, executor: Executor
) -> Iterator[MeasuredLoad]:
    """Yield the measurement of each factor, from the smallest, after one at a tenth of the capacity."""
    with Running(SERVERS[options.server], NO_PEERS, stores[load.network], load.network) as running:
        memory = PeakMemory(running)
        capacity, requests, unloaded_p99 = load.capacity(running, CAPACITY_SECONDS), load.prepare(running), 0.0
        port, seconds, connections = _port(running), options.seconds, options.connections
        for factor in (UNLOADED, *sorted(options.factors)):
            memory.reset()
            live = _probe(running, seconds, executor)
            rate, delay = AFTER_RATE * capacity, seconds + AFTER_DELAY
            after = submit(executor, port, requests, AFTER_SECONDS, connections, rate, delay)
            outcomes = submit(executor, port, requests, seconds, connections, factor * capacity).result()
            if factor == UNLOADED:
                unloaded_p99 = outcomes.milliseconds(99, OK)
            recovered = after.result().per_second(OK) / rate
            found = live.result(), recovered, memory.mebibytes(), memory.replaced()
            yield MeasuredLoad(load.name, factor, outcomes, *found, unloaded_p99)


def _measure_bodies(stores: dict[str, Path], options: argparse.Namespace, executor: Executor) -> Iterator[MeasuredBody]:
    """Yield the measurement of each body, beside the healthy rate that was measured just before it."""
    seconds, small = min(options.seconds, BODY_SECONDS), Body("tabular", 1)
    with Running(SERVERS[options.server], NO_PEERS, stores["tabular"], "tabular") as running:
        port, url = _port(running), running.url(small)
        healthy = [PreparedRequest.post(url, running.write(small))]
        submit(executor, port, healthy, 1, HEALTHY).result()
        memory = PeakMemory(running)
        for body in _bodies(options):
            _settle(executor, port, healthy)
            request = PreparedRequest.post(f"http://{urlsplit(url).netloc}{body.path}", body.body)
            alone = submit(executor, port, healthy, seconds / 2, HEALTHY).result().per_second(OK)
            memory.reset()
            live = _probe(running, seconds, executor)
            attack = submit(executor, port, [request], seconds, HOSTILE)
            beside = submit(executor, port, healthy, seconds, HEALTHY).result()
            found = beside, alone, attack.result(), live.result(), memory.mebibytes(), memory.replaced()
            yield MeasuredBody(body.name, len(body.body.content), body.inflated, *found)


def _settle(executor: Executor, port: int, healthy: list[PreparedRequest]) -> None:
    """Wait until the server has finished the abandoned requests of the load before."""
    for _ in range(SETTLING_ROUNDS):
        if submit(executor, port, healthy, SETTLING_SECONDS, HEALTHY).result().milliseconds(100) < SETTLED_MS:
            return


def _bodies(options: argparse.Namespace) -> Iterator[HostileBody]:
    yield from hostile_bodies({name: SHAPES[name] for name in options.bodies if name in SHAPES})
    if BINARY in options.bodies:
        yield from binary_bodies()
    if RANDOM in options.bodies:
        yield from random_bodies(options.seed, options.random)


def _probe(running: Running, seconds: float, executor: Executor) -> Future[Outcomes]:
    """Start requesting /livez while a load runs."""
    request = PreparedRequest.get("/livez")
    return submit(executor, _port(running), [request], seconds, LIVE_CONNECTIONS, LIVE_RATE)


def _port(running: Running) -> int:
    port = urlsplit(running.url(Body(running.network, 1))).port
    assert port
    return port


if __name__ == "__main__":
    main()
