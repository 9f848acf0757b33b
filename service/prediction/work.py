"""The work that a request means for its worker, estimated from its bytes before it is decoded.

Requests to one version differ by their rows, and rows by the bytes that a protocol needs for them. So each endpoint
keeps two averages per protocol, for plain and for compressed bodies: rows and seconds of decoding per byte. It also
keeps the pace of its passes: how much longer they take than the cost model of `forward` says. The averages are
exponential, and follow a change of the machine's load within some ten requests.
"""

from dataclasses import dataclass, field

WEIGHT = 0.1  # of a measurement in the averages
MIN_PASS_SECONDS = 5e-4  # the fixed costs of shorter passes would distort the pace
SMALL_SECONDS, SMALL_BYTE_SECONDS = 5e-5, 1e-8  # of a request whose body is too small to be measured, and per byte
FIXED_SECONDS = 3e-5  # of any request
DECODE_SECONDS = 5e-9  # per byte, until measured
BYTES_PER_VALUE = 4  # until measured: float32, or three digits and a comma
MIN_BYTES = 2**12  # the fixed costs of smaller bodies would distort the averages
MIN_PACE, MAX_PACE = 0.1, 10.0

Format = tuple[object, bool]  # a codec, and whether the body is compressed: never a text of the client


@dataclass(slots=True)
class MeasuredWork:
    """The measured costs of one endpoint."""

    columns: int
    rows: dict[Format, float] = field(default_factory=dict)  # per byte
    decoding: dict[Format, float] = field(default_factory=dict)  # seconds per byte
    pace: float = 1.0  # measured seconds of a pass / estimated seconds

    def decode_seconds(self, kind: Format, size: int) -> float:
        """Return the estimated seconds to decode a body of `size` bytes."""
        return FIXED_SECONDS + size * self.decoding.get(kind, DECODE_SECONDS)

    def expected_rows(self, kind: Format, size: int) -> float:
        """Return the estimated number of rows of a body."""
        return size * self.rows.get(kind, 1 / (BYTES_PER_VALUE * self.columns))

    def observe_decoding(self, kind: Format, size: int, seconds: float, *, is_complete: bool) -> None:
        """Learn from a body. An invalid one may fail at its first byte: it only raises the estimate."""
        before, measured = self.decoding.get(kind), seconds / max(size, MIN_BYTES)
        if is_complete or measured > (before or DECODE_SECONDS):
            self.decoding[kind] = _average(before, measured)

    def observe_rows(self, kind: Format, size: int, rows: int) -> None:
        self.rows[kind] = _average(self.rows.get(kind), rows / max(size, MIN_BYTES))

    def observe_pass(self, estimated: float, seconds: float) -> None:
        self.pace = min(max(_average(self.pace, seconds / estimated), MIN_PACE), MAX_PACE)


def _average(before: float | None, value: float) -> float:
    return value if before is None else before + WEIGHT * (value - before)
