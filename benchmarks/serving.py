"""Requests per second, latency, memory and start of npserve and of other model servers, side by side.

    python -m benchmarks.serving [--set-up] [--peers DIR] [--servers A,B] [--bodies A,B] [--connections N,M | --full]
                                 [--rounds N] [--seconds N]
    python -m benchmarks.serving [--slow-clients] [--sharing] [--deterministic] [--scale] [--rounds N] [--seconds N]

A server has core 0, one worker and one BLAS thread; the load, wrk (Debian's package of that name), has core 1. All
answer from the same weights, the others in ONNX Runtime, each from a virtual environment of its own in DIR, which
--set-up makes. Before the load, the answer to each body is held to the network's own. In each round every server is
started anew; figures are medians over the rounds, and a ratio is the median of those within a round. It takes some
20 minutes, --full an hour. The second line measures what only npserve is asked.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import alone
from benchmarks.bodies import BODIES, Body
from benchmarks.load import CORE, Load
from benchmarks.networks import make_rows, publish_network, write_onnx
from benchmarks.running import NotMeasuredError, Running
from benchmarks.servers import NPSERVE, SERVERS, Server


@dataclass
class Results:
    """What was measured, round by round, and why something was not."""

    loads: dict[tuple[str, Body, int], list[Load]] = field(default_factory=lambda: defaultdict(list))
    starts: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    missing: dict[tuple[str, Body], str] = field(default_factory=dict)


def main() -> None:
    """Measure, print the tables; exit with 1 where npserve had an error."""
    options = _parser().parse_args()
    for program in ("wrk", "taskset"):
        if not shutil.which(program):
            sys.exit(f"{program} is missing: on Debian and Ubuntu, apt install wrk util-linux")
    if not {0, 1} <= os.sched_getaffinity(0):
        sys.exit("cores 0 and 1 are needed: one for the server, one for the load")
    os.sched_setaffinity(0, {CORE})  # this process shares the core of the load, and sleeps while it runs
    with tempfile.TemporaryDirectory() as folder:
        parts = [part for name, part in alone.PARTS.items() if getattr(options, name)]
        for part in parts:
            part(Path(folder), options.rounds, options.seconds)
        if not parts:
            sys.exit(_compare(options, Path(folder)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--set-up", action="store_true", help="make the environments of the other servers first")
    parser.add_argument("--peers", type=Path, default=Path(".peers"), metavar="DIR", help="where they are")
    for name, table, meaning in (("servers", SERVERS, "which to measure"), ("bodies", BODIES, "what to send them")):
        names = ",".join(table)
        parser.add_argument(f"--{name}", type=_choice(table), default=names, help=f"{meaning} (default: {names})")
    parser.add_argument("--connections", type=_numbers, default=[8], help="how many at once (default: 8)")
    parser.add_argument("--full", dest="connections", action="store_const", const=[1, 8, 64], help="1, 8 and 64")
    parser.add_argument("--rounds", type=int, default=5, help="starts of each server (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement (default: %(default)s)")
    for name, part in alone.PARTS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", action="store_true", help=part.__doc__)
    return parser


def _choice(table: Mapping[str, Any]) -> Callable[[str], list[Any]]:
    def read(text: str) -> list[Any]:
        if unknown := [name for name in text.split(",") if name not in table]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known are {', '.join(table)}")
        return [table[name] for name in text.split(",")]

    return read


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _compare(options: argparse.Namespace, folder: Path) -> int:
    """Let the servers take turns, print the tables, return the exit status."""
    servers, bodies, peers = options.servers, options.bodies, options.peers.absolute()
    if options.set_up:
        _set_up(servers, peers)
    stores = {network: publish_network(folder, network) for network in dict.fromkeys(body.network for body in bodies)}
    if any(server.packages for server in servers):
        _write_onnx(SERVERS["fastapi"].bin(peers) / "python", stores)
    results = Results()
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        for network, store in stores.items():
            for server in servers:
                own = [body for body in bodies if body.network == network and body.format in server.protocols]
                _measure(Running(server, peers, store, network), own, options.connections, options.seconds, results)
    for count in options.connections:
        for body in bodies:
            _print_loads(body, count, [server for server in servers if body.format in server.protocols], results)
    _print_starts(servers, results)
    return _conclude(results)


def _set_up(servers: list[Server], peers: Path) -> None:
    for server in dict.fromkeys([SERVERS["fastapi"].name, *(server.name for server in servers)]):
        try:
            SERVERS[server].set_up(peers)
        except subprocess.CalledProcessError as error:
            print(f"{server} could not be installed: {error}", flush=True)


def _write_onnx(python: Path, stores: Mapping[str, Path]) -> None:
    if not python.exists():
        sys.exit(f"the other servers need {python}, which writes their networks; --set-up makes it")
    for network, store in stores.items():
        write_onnx(python, store, network)


def _measure(running: Running, bodies: list[Body], connections: list[int], seconds: int, results: Results) -> None:
    """Start a server, take it through the bodies, stop it."""
    name = running.server.name
    try:
        with running:
            for body in bodies:
                try:
                    running.check(body)
                except NotMeasuredError as error:
                    results.missing[name, body] = str(error)
                    continue
                for count in connections:
                    results.loads[name, body, count].append(running.load(body, count, seconds))
            results.starts[name, running.network].append((running.ready, running.mebibytes()))
    except NotMeasuredError as error:
        results.missing.update({(name, body): str(error) for body in bodies})


def _print_loads(body: Body, connections: int, servers: list[Server], results: Results) -> None:
    kilobytes = len(NPSERVE.protocols[body.format].write(make_rows(body.network, body.rows)).content) / 1000
    print(f"\n{body}: {kilobytes:.1f} kB, {connections} connections")
    print(f"{'':10}{'requests/s':>12}{'ours/theirs':>13}{'p50 ms':>10}{'p99 ms':>10}{'p99/p50':>9}{'errors':>8}")
    ours = results.loads.get((NPSERVE.name, body, connections), [])
    for server in servers:
        found = results.loads.get((server.name, body, connections))
        if not found:
            print(f"{server.name:10}  not measured: {results.missing.get((server.name, body))}")
            continue
        load = Load.median(found)
        if not load.per_second:
            print(f"{server.name:10}  no answer within the time of a measurement")
            continue
        ratios = [own.per_second / (their.per_second or nan) for own, their in zip(ours, found, strict=False)]
        ratio = f"{median(ratios):.2f}" if ratios else ""
        latencies = f"{load.p50:10.2f}{load.p99:10.2f}{load.p99 / load.p50:9.1f}"
        print(f"{server.name:10}{load.per_second:12.1f}{ratio:>13}{latencies}{load.errors:8}")


def _print_starts(servers: list[Server], results: Results) -> None:
    """Print the seconds from the start to the first answer, and the memory of all processes after the load."""
    networks = dict.fromkeys(network for _, network in results.starts)
    print(f"\n{'':10}" + "".join(f"{f'{network}: ready s':>18}{'MiB (PSS)':>11}" for network in networks))
    for server in servers:
        found = [results.starts.get((server.name, network), []) for network in networks]
        figures = ([median(column) for column in zip(*starts, strict=True)] or [nan, nan] for starts in found)
        print(f"{server.name:10}" + "".join(f"{seconds:18.2f}{mebibytes:11.1f}" for seconds, mebibytes in figures))


def _conclude(results: Results) -> int:
    print()
    for (name, body), reason in results.missing.items():
        print(f"{name} with {body} failed: {reason}")
    errors = {name: 0 for name, _, _ in results.loads}
    for (name, _, _), found in results.loads.items():
        errors[name] += sum(load.errors for load in found)
    wrong = ", ".join(f"{name} {count}" for name, count in errors.items() if count)
    print(f"ERRORS: {wrong}" if wrong else "No socket errors, no time-outs, no answers of 400 or more.")
    return int(errors.get(NPSERVE.name, 0) > 0)


if __name__ == "__main__":
    main()
