"""A lenient reader of request heads, for requests that a library's own parser refuses."""

import re
from dataclasses import dataclass

_LINE = re.compile(rb"([A-Z]+) (\S+) HTTP/(\d\.\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The head of an HTTP request, as it came."""

    method: str
    target: str
    http_version: str
    headers: tuple[tuple[bytes, bytes], ...]

    def values(self, name: str) -> list[str]:
        """Return all values of the header field of that name, without regard to case."""
        wanted = name.lower().encode()
        return [value.decode("latin-1") for field, value in self.headers if field.lower() == wanted]


def read(octets: bytes) -> Head | None:
    """Return the head at the start of some bytes, or None when they are no HTTP/1 request with a complete head."""
    first, *others = octets.partition(b"\r\n\r\n")[0].split(b"\r\n")
    line = _LINE.fullmatch(first)
    if line is None or b"\r\n\r\n" not in octets:
        return None
    fields = (other.partition(b":") for other in others)
    method, target, version = (group.decode("latin-1") for group in line.groups())
    return Head(
        method=method,
        target=target,
        http_version=version,
        headers=tuple((name, value.strip(b" \t")) for name, _, value in fields),
    )
