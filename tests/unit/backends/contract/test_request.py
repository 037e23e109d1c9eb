"""The rules of the opening handshake, and the reader of heads that a library refuses."""

from collections.abc import Mapping

import pytest

from backends.contract.request import PlainResponse, RequestHead, choose_subprotocol, path_of, read_head, refusal

GOOD = {
    "Host": ["a"],
    "Upgrade": ["WebSocket"],
    "Connection": ["keep-alive, Upgrade"],
    "Sec-WebSocket-Version": ["13"],
    "Sec-WebSocket-Key": ["dGhlIHNhbXBsZSBub25jZQ=="],
}


def request(
    method: str = "GET", http_version: str = "1.1", changed: Mapping[str, list[str]] | None = None
) -> RequestHead:
    fields = {**GOOD, **(changed or {})}
    headers = tuple((name.encode(), value.encode("latin-1")) for name, values in fields.items() for value in values)
    return RequestHead(method=method, target="/", http_version=http_version, headers=headers)


def test_good_handshake_is_not_refused() -> None:
    assert refusal(request()) is None


@pytest.mark.parametrize(
    ("method", "version", "changed", "status", "header"),
    [
        ("POST", "1.1", {}, 405, ("Allow", "GET")),
        ("GET", "1.0", {}, 400, None),
        ("GET", "1.1", {"Upgrade": []}, 426, ("Upgrade", "websocket")),
        ("GET", "1.1", {"Upgrade": ["h2c"]}, 426, ("Upgrade", "websocket")),
        ("GET", "1.1", {"Upgrade": ["websocket", "h2c"]}, 426, ("Upgrade", "websocket")),
        ("GET", "1.1", {"Connection": []}, 400, None),
        ("GET", "1.1", {"Connection": ["close"]}, 400, None),
        ("GET", "1.1", {"Host": []}, 400, None),
        ("GET", "1.1", {"Host": ["a", "b"]}, 400, None),
        ("GET", "1.1", {"Sec-WebSocket-Version": []}, 400, ("Sec-WebSocket-Version", "13")),
        ("GET", "1.1", {"Sec-WebSocket-Version": ["8"]}, 400, ("Sec-WebSocket-Version", "13")),
        ("GET", "1.1", {"Sec-WebSocket-Key": []}, 400, None),
        ("GET", "1.1", {"Sec-WebSocket-Key": ["x", "x"]}, 400, None),
        ("GET", "1.1", {"Sec-WebSocket-Key": ["c2hvcnQ="]}, 400, None),
        ("GET", "1.1", {"Sec-WebSocket-Key": ["ü"]}, 400, None),
    ],
)
def test_malformed_handshake_is_refused(
    method: str, version: str, changed: dict[str, list[str]], status: int, header: tuple[str, str] | None
) -> None:
    answer = refusal(request(method, version, changed))
    assert answer is not None
    assert answer.status == status
    assert answer.headers == (() if header is None else (header,))


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/CLRunner?x=/y", "/CLRunner"),
        ("/a/../b", "/a/../b"),
        ("/%2e", "/%2e"),
        ("http://host:80/CLRunner?x", "/CLRunner"),
        ("http://host", "/"),
        ("//host/CLRunner", "//host/CLRunner"),
        ("*", "*"),
    ],
)
def test_path_is_taken_as_it_is(target: str, path: str) -> None:
    assert path_of(target) == path


@pytest.mark.parametrize(
    ("offered", "chosen"), [([], None), (["b"], "b"), (["x, b", "a"], "b"), (["x"], None), (["A"], None)]
)
def test_first_known_subprotocol_is_chosen(offered: list[str], chosen: str | None) -> None:
    assert choose_subprotocol(offered, known=("a", "b")) == chosen


def test_head_is_read_with_its_faults() -> None:
    found = read_head(b"GET /x HTTP/1.1\r\nHost: a\r\nno colon\r\nhOST:b \r\n\r\nrest")
    assert found is not None
    assert (found.method, found.target, found.http_version) == ("GET", "/x", "1.1")
    assert found.headers == ((b"Host", b"a"), (b"no colon", b""), (b"hOST", b"b"))
    assert found.values("HOST") == ["a", "b"]
    assert found.malformed


@pytest.mark.parametrize("line", [b"nonsense", b"a b: c", b"a : b", b": x", b"a: \0", b" a: folded"])
def test_malformed_line_is_told(line: bytes) -> None:
    good, bad = (
        read_head(b"GET / HTTP/1.1\r\nHost: a\r\nx:\r\n%sy: \xff\r\n\r\n" % each) for each in (b"", line + b"\r\n")
    )
    assert good is not None
    assert bad is not None
    assert (good.malformed, bad.malformed) == (False, True)


def test_answer_without_content_names_none() -> None:
    signature = [("X-Backend", "node")]
    names = [name for name, _ in PlainResponse(status=204, body=b"").fields(signature)]
    assert names == ["Date", "Connection", "X-Backend"]
    answer = PlainResponse(status=503, body=b"no\n", headers=(("Retry-After", "1"),))
    assert ("Content-Length", "3") in answer.fields(signature)
    assert (answer.phrase(), answer.fields(signature)[0], answer.fields(())[-1]) == (
        "Service Unavailable",
        ("Retry-After", "1"),
        ("Connection", "close"),
    )


@pytest.mark.parametrize("octets", [b"", b"GET /x HTTP/1.1\r\nHost: a\r\n", b"\0\r\n\r\n", b"GET /\r\n\r\n"])
def test_what_is_no_head_is_none(octets: bytes) -> None:
    assert read_head(octets) is None
