"""Whether a segment of POSIX shared memory was made by an httpd of a folder: its name is a hash of a path in it.

mod_slotmem_shm names a segment by a path, ``<folder>/slotmem-shm-p<id>[_<balancer>][_<generation>].shm``, and APR calls
shm_open with ``/ShM.<h1>H<h2>``, two hashes of that path (make_shm_open_safe_name in APR's shm.c). The id is 32 bits
that mod_proxy_balancer makes of its server, so the path is not known, but nearly: all but eight hexadecimal digits.

Both hashes are linear in the characters modulo 2**32: h1 multiplies by 33, h2 by another odd factor at each place, and
odd factors have inverses. So the hashes can be followed forwards through folder and first digits, and backwards through
the end of the path, and the two meet in the middle: 16**4 states on each side in place of 16**8 paths. Four digits add
less than 2**21 to h1, so of the sorted states before them some 30 can meet any of those behind. Both hashes, 64 bits,
must meet: a segment of somebody else's does so once in some 10**7.
"""

from __future__ import annotations

import platform
import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from functools import lru_cache

__all__ = ["made_in", "segment_name"]

_MASK = 0xFFFF_FFFF
_DIGITS = b"0123456789abcdef"
_RIGHT = 4
"""Digits behind the middle."""

_LENGTHS = (8, 7, 6)
"""Digits of an id, which is printed without leading zeros: one in 4,096 has fewer."""

_GENERATIONS = 32
_FIRST, _FACTOR = 63_689, 378_551
"""Of the second hash: its factor at the first place, and what that is multiplied by from place to place."""

_SIGN = 256 if platform.machine().lower() in {"x86_64", "amd64", "i386", "i686"} else 0
"""What a byte above 127 is less to the second hash, which adds C's ``char``."""

_State = tuple[int, int]
_Digits = tuple[int, int, bytes]
"""Both hashes behind some digits, and the digits."""


def segment_name(path: str) -> str:
    """What APR calls the segment of a path."""
    h1, h2 = _forward((0, 0), path.encode(), 0)
    return f"ShM.{h1:x}H{h2:x}"


def made_in(folder: str, names: Collection[str], configuration: str) -> set[str]:
    """Those of these segments that an httpd made which has this folder for its ``DefaultRuntimeDir``.

    Args:
        folder: an absolute path.
        names: of segments, without ``/dev/shm/``.
        configuration: that was served, for the names of its balancers and for paths of other segments.
    """
    known = {segment_name(path) for path in re.findall(rf"{re.escape(folder)}/[\w./-]+", configuration)}
    found = known.intersection(names)
    open_ = {name: hashes for name in names if name not in found and (hashes := _hashes(name))}
    begin = f"{folder}/slotmem-shm-p"
    ends = list(_ends(configuration))
    for end in ends:
        for name in tuple(open_):
            if name in open_ and (slot := _id(begin, end.encode(), open_[name])):
                own = {segment_name(f"{begin}{slot}{other}") for other in ends}.intersection(open_)
                found |= own
                for one in own:
                    del open_[one]
    return found


def _ends(configuration: str) -> Iterator[str]:
    """What may stand behind the id, the likeliest first; before 2.4.30 there is no generation."""
    balancers = dict.fromkeys(re.findall(r"balancer://([^/\s\"'<>]+)", configuration))
    for generation in (*(f"_{number}" for number in range(_GENERATIONS)), ""):
        for balancer in ("", *(f"_{name}" for name in balancers)):
            yield f"{balancer}{generation}.shm"


def _hashes(name: str) -> _State | None:
    found = re.fullmatch(r"ShM\.([0-9a-f]{1,8})H([0-9a-f]{1,8})", name)
    return (int(found[1], 16), int(found[2], 16)) if found else None


def _forward(state: _State, text: bytes, place: int) -> _State:
    """The hashes behind a text that begins at this place of the path."""
    h1, h2 = state
    factor = _FIRST * pow(_FACTOR, place, 1 << 32)
    for character in text:
        h1 = (h1 * 33 + character) & _MASK
        h2 = (h2 * factor + character - (_SIGN if character > 127 else 0)) & _MASK
        factor = factor * _FACTOR & _MASK
    return h1, h2


def _factors(length: int, place: int) -> _State:
    """By what a text of this length multiplies the hashes before it."""
    second = 1
    for offset in range(length):
        second = second * _FIRST * pow(_FACTOR, place + offset, 1 << 32) & _MASK
    return pow(33, length, 1 << 32), second


def _id(begin: str, end: bytes, hashes: _State) -> str | None:
    """The id that makes these hashes between begin and end of the path; None where none does."""
    for length in _LENGTHS:
        place = len(begin.encode()) + length
        behind, factors = _forward((0, 0), end, place), _factors(len(end), place)
        t1, t2 = ((h - b) * pow(f, -1, 1 << 32) & _MASK for h, b, f in zip(hashes, behind, factors, strict=True))
        firsts, left, lasts, (least_last, most_last) = _halves(begin, length)
        low, high = (t1 - most_last) & _MASK, (t1 - least_last) & _MASK
        for least, most in ((low, high),) if low <= high else ((low, _MASK), (0, high)):
            for at in range(bisect_left(firsts, least), bisect_right(firsts, most)):
                l1, l2, first = left[at]
                for r2, last in lasts.get((t1 - l1) & _MASK, ()):
                    if (l2 + r2) & _MASK == t2:
                        return (first + last).decode()
    return None


@lru_cache(maxsize=len(_LENGTHS))
def _halves(
    begin: str, length: int
) -> tuple[list[int], list[_Digits], dict[int, list[tuple[int, bytes]]], tuple[int, int]]:
    """What the first digits of an id add to the hashes behind it, in order of the first hash, which stands apart too;
    what its last ones add to the second, by the first; and the least and the most that they add to the first.
    """
    text = begin.encode()
    middle = len(text) + length - _RIGHT
    f1, f2 = _factors(_RIGHT, middle)
    start = _forward((0, 0), text, 0)
    left = sorted((h1 * f1 & _MASK, h2 * f2 & _MASK, digits) for h1, h2, digits in _written(start, len(text), middle))
    lasts: dict[int, list[tuple[int, bytes]]] = {}
    for h1, h2, digits in _written((0, 0), middle, middle + _RIGHT):
        lasts.setdefault(h1, []).append((h2, digits))
    return [h1 for h1, _, _ in left], left, lasts, (min(lasts), max(lasts))


def _written(state: _State, place: int, until: int) -> list[_Digits]:
    """The hashes behind all that can be written in digits from one place to another."""
    found = [(*state, b"")]
    for at in range(place, until):
        factor = _FIRST * pow(_FACTOR, at, 1 << 32) & _MASK
        found = [
            ((h1 * 33 + digit) & _MASK, (h2 * factor + digit) & _MASK, digits + bytes((digit,)))
            for h1, h2, digits in found
            for digit in _DIGITS
        ]
    return found
