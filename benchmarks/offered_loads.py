"""The loads that benchmarks.overload offers: which requests, to which network, sent how, and their capacity."""

import gzip
from dataclasses import dataclass

from benchmarks.bodies import Body, Written
from benchmarks.load import Load
from benchmarks.prepared import PreparedRequest
from benchmarks.running import Running

CAPACITY_CONNECTIONS = 64
PIECES, PIECE_SECONDS = 10, 0.2  # of a body on a slow network


@dataclass(frozen=True)
class OfferedLoad:
    """Bodies that are sent in turn to one network; `pieces` divides each, as a slow network does."""

    name: str
    bodies: tuple[Body, ...]
    pieces: int = 1
    compressed: bool = False

    @property
    def network(self) -> str:
        """Return the only network of the bodies."""
        (network,) = {body.network for body in self.bodies}
        return network

    def prepare(self, running: Running) -> list[PreparedRequest]:
        """Encode the requests."""
        return [
            PreparedRequest.post(running.url(body), self._write(running, body), self.pieces, PIECE_SECONDS)
            for body in self.bodies
        ]

    def capacity(self, running: Running, seconds: int) -> float:
        """Measure the requests per second that the server answers with wrk, whose connections wait for each response.

        The bodies are measured apart, since wrk repeats a single one; sent in turn, their times add up.
        """
        found: dict[Body, float] = {}
        for body in dict.fromkeys(self.bodies):
            running.check(body)
            written = self._write(running, body)
            Load.measure(running.url(body), written, CAPACITY_CONNECTIONS, 1)
            found[body] = Load.measure(running.url(body), written, CAPACITY_CONNECTIONS, seconds).per_second
        return len(self.bodies) / sum(1 / found[body] for body in self.bodies)

    def _write(self, running: Running, body: Body) -> Written:
        written = running.write(body)
        if not self.compressed:
            return written
        return Written(gzip.compress(written.content), {**written.headers, "Content-Encoding": "gzip"})


ONE, MANY = Body("digits", 1), Body("digits", 64)
LOADS = {
    load.name: load
    for load in (
        OfferedLoad("small", (Body("tabular", 1),)),
        OfferedLoad("large", (MANY,)),
        OfferedLoad("slow-network", (MANY,), PIECES),
        OfferedLoad("slow-model", (Body("large", 1),)),  # the forward pass takes longer than everything else
        OfferedLoad("mixed", (ONE, ONE, ONE, MANY, ONE, ONE, ONE, Body("digits", 64, "binary"))),
        OfferedLoad("gzip", (MANY,), compressed=True),
    )
}
