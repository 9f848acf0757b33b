"""Compare npserve with other model servers: requests per second, latency, memory and startup time.

    python -m benchmarks.serving

Prerequisites: two CPU cores, the programs wrk and taskset, and a virtual environment for each of the other servers,
which --set-up creates (with network access). The server runs on core 0 with one worker and one BLAS thread, and wrk
sends the load from core 1. All servers have the same weights; the others run them in ONNX Runtime. Before the load, the
response to each body is compared with the output of the network. Every round restarts every server; results are medians
over the rounds, and a ratio is the median of the ratios within each round. A comparison takes about 20 minutes, with
--full an hour. The exit status is 1 if requests to npserve failed.

The options --slow-clients, --sharing, --deterministic and --scale measure npserve only, instead of the comparison.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from statistics import median

from benchmarks import npserve_only
from benchmarks.bodies import BODIES, Body
from benchmarks.load import Load, pin_to_load_core
from benchmarks.networks import make_rows, publish_network, write_onnx
from benchmarks.options import add_peers, make_parser, names_of
from benchmarks.running import NotMeasuredError, Running
from benchmarks.servers import NPSERVE, SERVERS, Server


@dataclass
class Results:
    """The measurements by round, and the reasons for missing ones."""

    loads: dict[tuple[str, Body, int], list[Load]] = field(default_factory=lambda: defaultdict(list))
    starts: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    missing: dict[tuple[str, Body], str] = field(default_factory=dict)


def main() -> None:
    """Measure and print the tables."""
    options = _parser().parse_args()
    pin_to_load_core()
    with tempfile.TemporaryDirectory() as folder:
        parts = [part for name, part in npserve_only.PARTS.items() if getattr(options, name)]
        for part in parts:
            part(Path(folder), options.rounds, options.seconds)
        if not parts:
            sys.exit(_compare(options, Path(folder)))


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("serving", __doc__)
    parser.add_argument("--set-up", action="store_true", help="create the environments of the other servers first")
    add_peers(parser, "the other servers")
    for name, table, meaning in (("servers", SERVERS, "servers to measure"), ("bodies", BODIES, "bodies to send")):
        meaning = f"{meaning}, from {', '.join(table)} (default: all)"
        parser.add_argument(f"--{name}", type=names_of(table), default=[*table], metavar="A,B", help=meaning)
    parser.add_argument(
        "--connections", type=_numbers, default=[8], metavar="N,M", help="numbers of connections (default: 8)"
    )
    parser.add_argument(
        "--full", dest="connections", action="store_const", const=[1, 8, 64], help="same as --connections 1,8,64"
    )
    parser.add_argument(
        "--rounds", type=int, default=5, metavar="N", help="rounds of measurements (default: %(default)s)"
    )
    parser.add_argument(
        "--seconds", type=int, default=5, metavar="N", help="seconds per measurement (default: %(default)s)"
    )
    for name, part in npserve_only.PARTS.items():
        first_line = (part.__doc__ or "").splitlines()[0].rstrip(".")
        parser.add_argument(f"--{name.replace('_', '-')}", action="store_true", help=first_line.replace("M", "m", 1))
    return parser


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _compare(options: argparse.Namespace, folder: Path) -> int:
    """Measure the servers in turns, print the tables, and return the exit status."""
    servers, bodies = [SERVERS[name] for name in options.servers], [BODIES[name] for name in options.bodies]
    peers = options.peers.absolute()
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
        sys.exit(f"{python}, which converts the networks to ONNX, is missing: run once with --set-up to create it")
    for network, store in stores.items():
        write_onnx(python, store, network)


def _measure(running: Running, bodies: list[Body], connections: list[int], seconds: int, results: Results) -> None:
    """Start a server, measure it with each body, and stop it."""
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
            print(f"{server.name:10}  no response during the measurement")
            continue
        ratios = [own.per_second / (their.per_second or nan) for own, their in zip(ours, found, strict=False)]
        ratio = f"{median(ratios):.2f}" if ratios else ""
        latencies = f"{load.p50:10.2f}{load.p99:10.2f}{load.p99 / load.p50:9.1f}"
        print(f"{server.name:10}{load.per_second:12.1f}{ratio:>13}{latencies}{load.errors:8}")


def _print_starts(servers: list[Server], results: Results) -> None:
    """Print the seconds from the start to the first prediction, and the memory of all processes after the load."""
    networks = dict.fromkeys(network for _, network in results.starts)
    print(f"\n{'':10}" + "".join(f"{f'{network}: ready s':>18}{'MiB (PSS)':>11}" for network in networks))
    for server in servers:
        found = [results.starts.get((server.name, network), []) for network in networks]
        columns = ([median(column) for column in zip(*starts, strict=True)] or [nan, nan] for starts in found)
        print(f"{server.name:10}" + "".join(f"{seconds:18.2f}{mebibytes:11.1f}" for seconds, mebibytes in columns))


def _conclude(results: Results) -> int:
    print()
    for (name, body), reason in results.missing.items():
        print(f"{name} was not measured with {body}: {reason}")
    errors = {name: 0 for name, _, _ in results.loads}
    for (name, _, _), found in results.loads.items():
        errors[name] += sum(load.errors for load in found)
    failed = ", ".join(f"{name} {count}" for name, count in errors.items() if count)
    print(f"ERRORS: {failed}" if failed else "No socket errors, no timeouts, no statuses of 400 or more.")
    return int(errors.get(NPSERVE.name, 0) > 0)


if __name__ == "__main__":
    main()
