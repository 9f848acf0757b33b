"""The checks of a request head that both adapters share."""

import pytest

from service.errors import RequestRejected
from service.head_checks import check_host, check_transfer_encoding


@pytest.mark.parametrize(
    "host", ["", "x", "x:", "x:80", "127.0.0.1:8000", "[::1]:80", "[fe80::1%25eth0]", "my_service.svc", "%41", "xn--a"]
)
def test_valid_hosts(host: str) -> None:
    check_host("1.1", host)


@pytest.mark.parametrize("host", ["a b", "a/b", "u@h", "x:http", "x:80:81", "::1", "[::1", "é", "a\tb", "http://x"])
def test_invalid_hosts_are_a_400(host: str) -> None:
    with pytest.raises(RequestRejected, match="not a host name") as error:
        check_host("1.0", host)
    assert error.value.status == 400


def test_only_http_1_0_may_omit_the_host() -> None:
    check_host("1.0", None)
    with pytest.raises(RequestRejected, match="no Host header") as error:
        check_host("1.1", None)
    assert error.value.status == 400


@pytest.mark.parametrize(
    "coding",
    ["", "gzip", "identity", "gzip, chunked", "chunked, identity", "chunked,chunked", "xchunked", "chunked;q=1"],
)
def test_a_transfer_coding_other_than_chunked_is_a_501(coding: str) -> None:
    check_transfer_encoding("1.1", "Chunked")
    with pytest.raises(RequestRejected, match="send chunked alone") as error:
        check_transfer_encoding("1.1", coding)
    assert error.value.status == 501


def test_a_transfer_coding_in_http_1_0_is_a_400() -> None:
    with pytest.raises(RequestRejected, match=r"requires HTTP/1\.1") as error:
        check_transfer_encoding("1.0", "chunked")
    assert error.value.status == 400
