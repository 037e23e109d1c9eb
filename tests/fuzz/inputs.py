"""Texts and bytes that are nearly right: parts of a language in any order, with anything between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

__all__ = ["JSON", "NUMBERS", "changed", "frames", "heard", "octets_of", "pieces_of", "text_of"]

NUMBERS = ("0", "1", "-1", "99", "2147483648", "9" * 5000, "1e999", "NaN", "²", "٣", "0x1f", "")
"""What readers of numbers meet: among them digits of other scripts, and more digits than `int` takes."""


def heard(error: type[Exception], read: Callable[..., object], *arguments: object) -> str:
    """The sentence of the documented error, or ``read``; any other error is raised."""
    try:
        read(*arguments)
    except error as exc:
        return str(exc)
    return "read"


def text_of(parts: Sequence[str], *, most: int = 30) -> SearchStrategy[str]:
    """Texts of these parts, numbers of every kind, and any characters."""
    anything = st.text(max_size=4)
    return st.lists(st.sampled_from(parts) | st.sampled_from(NUMBERS) | anything, max_size=most).map("".join)


def octets_of(parts: Sequence[str], *, most: int = 30) -> SearchStrategy[bytes]:
    """The same as bytes, with any bytes between them."""
    known = st.sampled_from([part.encode() for part in (*parts, *NUMBERS)])
    return st.lists(known | st.binary(max_size=4), max_size=most).map(b"".join)


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Some frames: any first byte, masked at times, lengths told in each of three forms and not always truly."""
    found = b""
    for _ in range(draw(st.integers(1, 5))):
        payload = draw(st.binary(max_size=140) | st.text(max_size=40).map(str.encode))
        usual = st.sampled_from([0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8A])
        first = draw(usual | st.integers(0, 255))
        size = draw(st.just(len(payload)) | st.integers(0, (1 << 64) - 1)) if draw(st.booleans()) else len(payload)
        form = draw(st.sampled_from([0, 126, 127]))
        if form == 0 and size < 126:
            length = bytes((size,))
        elif form == 126 and size < 65_536:
            length = b"\x7e" + size.to_bytes(2)
        else:
            length = b"\x7f" + size.to_bytes(8)
        if draw(st.integers(0, 9)) == 0:
            length = bytes((length[0] | 0x80,)) + length[1:]
        found += bytes((first,)) + length + payload
    return found


@st.composite
def pieces_of(draw: st.DrawFn, whole: SearchStrategy[bytes]) -> list[bytes]:
    """Bytes cut anywhere."""
    data = draw(whole)
    cuts = sorted({0, len(data), *draw(st.lists(st.integers(0, len(data)), max_size=4))})
    return [data[a:b] for a, b in pairwise(cuts)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def changed(draw: st.DrawFn, document: object) -> object:
    """The document with one of its values, however deep, gone or with another in its place."""
    if isinstance(document, dict) and document and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(document)))
        if draw(st.integers(0, 9)) == 0:
            return {name: value for name, value in document.items() if name != key}
        return {**document, key: draw(changed(document[key]))}
    if isinstance(document, list) and document and draw(st.integers(0, 5)):
        at = draw(st.integers(0, len(document) - 1))
        return [*document[:at], draw(changed(document[at])), *document[at + 1 :]]
    return draw(JSON)
