"""NumPy's file format: arrays from NumPy are read; other input is rejected with fixed messages and without warnings."""

import struct

import numpy as np
import pytest

from service.errors import Malformed
from service.protocols.npy import read_npy
from tests.helpers.npy import write_npy

NUMBERS = [*("u1", "i1", "<u2", ">i2", "<i4", ">u4", "<i8", ">u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8")]
HEADER = b"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }"


def _with_header(header: bytes, data: bytes = b"\0" * 16) -> bytes:
    return b"\x93NUMPY\2\0" + struct.pack("<I", len(header)) + header + data


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_arrays_written_by_numpy_are_read(dtype: str, version: tuple[int, int], rng: np.random.Generator) -> None:
    for shape in ((), (3,), (2, 4), (0, 4), (2, 1, 3), (1,) * 15):
        array = np.asarray(rng.normal(scale=50, size=shape)).astype(dtype)
        for ordered in (array, np.asfortranarray(array)):
            for raw in (write_npy(ordered, version), bytearray(write_npy(ordered, version))):
                found = read_npy(raw)
                assert found.dtype == array.dtype
                np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    "header",
    [
        HEADER,
        HEADER + b" " * 70 + b"\n",
        b"{'shape':(2,),'fortran_order':False,'descr':'<f8'}",
        b'{"descr" : "<f8", "fortran_order" : True, "shape" : (2, )}',
    ],
)
def test_header_layouts_of_other_writers_are_read(header: bytes) -> None:
    np.testing.assert_array_equal(read_npy(_with_header(header)), [0.0, 0.0])


SECRET = "my secret"
DESCR, ORDER, SIZES, DATA_LENGTH = "'<f4' as descr", "True or False", "sizes such as", "as many bytes after the header"
REPRESENTABLE = "a shape that NumPy can represent"
REJECTED = [
    (b"", "a header of version"),
    (SECRET.encode(), "a header of version"),
    (b"\x93NUMPY\1\0\1", "a header of version"),
    (_with_header(HEADER).replace(b"Y\2\0", b"Y\3\0"), "a header of version"),
    (write_npy([1.0])[:20], DESCR),
    (write_npy([1.0])[:-1], DATA_LENGTH),
    (write_npy([1.0]) + b"0", DATA_LENGTH),
    (b"\x93NUMPY\2\0\xff\xff\xff\xff" + HEADER, DATA_LENGTH),
    (_with_header(b""), DESCR),
    (_with_header(b" " * 10_000 + HEADER), DESCR),
    (write_npy([SECRET]), DESCR),
    (write_npy([True]), DESCR),
    (write_npy([1j]), DESCR),
    (write_npy(np.zeros(2, [(SECRET, "<f8")])), DESCR),
    *(
        (_with_header(HEADER.replace(b"'<f8'", other)), DESCR)
        for other in (b"f8", b"'O'", b"'<f3'", b"'<f8,<f8'", b"''")
    ),
    *((_with_header(HEADER.replace(b"False", other)), ORDER) for other in (b"0", b"None", b"my secret")),
    *((_with_header(HEADER.replace(b"2", other)), SIZES) for other in (b"-2", b"2L", b"'my secret'", b"1," * 40)),
    (_with_header(HEADER.replace(b"2", b"9" * 5000)), SIZES),
    *(
        (_with_header(HEADER.replace(b"2,", b"0, " + other), b""), REPRESENTABLE)
        for other in (b"9" * 50, b"999999999, " * 3)
    ),
    (_with_header(HEADER.replace(b"2,", b"9" * 50)), DATA_LENGTH),
    (_with_header(HEADER.replace(b"2,", b"0, " + b"9" * 50)), DATA_LENGTH),
    # Python's parser would emit a warning or overflow the stack.
    (_with_header(rb"{'\d': '\m'}"), DESCR),
    (_with_header(b"1if 2else 3"), DESCR),
    (_with_header(b"(" * 9000), DESCR),
    (_with_header(b"-" * 9000 + b"1"), DESCR),
]


@pytest.mark.parametrize(("raw", "expected"), REJECTED)
def test_anything_but_an_array_of_numbers_is_rejected(raw: bytes, expected: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_npy(raw)
    message = str(caught.value)
    assert message.startswith("the body is not an array of numbers in NumPy's format: expected ")
    assert expected in message
    assert len(message) < 150
    assert SECRET not in message


def test_a_damaged_header_is_read_or_rejected(rng: np.random.Generator) -> None:
    raw = np.frombuffer(write_npy(np.zeros((2, 4))), np.uint8)
    for _ in range(2000):
        damaged = raw.copy()
        damaged[rng.integers(80, size=3)] = rng.integers(256, size=3)
        try:
            array = read_npy(damaged.tobytes())
        except Malformed:
            continue
        assert array.dtype.kind in "iuf"
