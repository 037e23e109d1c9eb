"""Whether a segment of POSIX shared memory was made by an httpd of a folder: its name is a hash of a path in it.

mod_slotmem_shm names a segment by a path, ``<folder>/slotmem-shm-p<id>[_<balancer>][_<generation>].shm``, and APR calls
shm_open with ``/ShM.<h1>H<h2>``, two hashes of that path (make_shm_open_safe_name in APR's shm.c). The id is 32 bits
that mod_proxy_balancer makes of its server, so the path is not known, but nearly: all but eight hexadecimal digits.

The first hash is linear in the characters modulo 2**32: it multiplies by 33, which has an inverse. So it can be
followed backwards through the end of the path, and what is left of it is what the digits of the id add. Of the 16**3
first ones some 64 leave a rest that five more can make, and the rest says them digit by digit, as a number of base 33
whose digits go up to 102 does: few fit at each place. That leaves about one id of 16**8, and the second hash judges it.
A segment of somebody else's passes both once in some 10**7.
"""

from __future__ import annotations

import platform
import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from functools import lru_cache
from itertools import product

__all__ = ["made_in", "segment_name"]

_MASK = 0xFFFF_FFFF
_DIGITS = sorted(b"0123456789abcdef")
_LEAST, _MOST = _DIGITS[0], _DIGITS[-1]
_FIRSTS = 3
"""Digits of an id that are tried; the others are computed."""

_LENGTHS = (8, 7, 6)
"""Digits of an id, which is printed without leading zeros: one in 4,096 has fewer."""

_GENERATIONS = 32
_FIRST, _FACTOR = 63_689, 378_551
"""Of the second hash: its factor at the first place, and what that is multiplied by from place to place."""

_SIGN = 256 if platform.machine().lower() in {"x86_64", "amd64", "i386", "i686"} else 0
"""What a byte above 127 is less to the second hash, which adds C's ``char``."""

_State = tuple[int, int]
"""Both hashes."""


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


def _id(begin: str, end: bytes, hashes: _State) -> str | None:
    """The id that makes these hashes between begin and end of the path; None where none does."""
    text = begin.encode()
    before, _ = _forward((0, 0), text, 0)
    for length in _LENGTHS:
        behind, _ = _forward((0, 0), end, len(text) + length)
        added = (hashes[0] - behind) * pow(33, -len(end), 1 << 32) - before * pow(33, length, 1 << 32)
        for slot in _adding(added & _MASK, length):
            if _forward((0, 0), text + slot + end, 0) == hashes:
                return slot.decode()
    return None


def _adding(added: int, length: int) -> Iterator[bytes]:
    """The digits that add this to the first hash, modulo 2**32."""
    rest = length - _FIRSTS
    least, most = _bounds(rest)
    sums, firsts = _first_digits(rest)
    low, high = (added - most) & _MASK, (added - least) & _MASK
    for begin, end in ((low, high),) if low <= high else ((low, _MASK), (0, high)):
        for at in range(bisect_left(sums, begin), bisect_right(sums, end)):
            yield from (firsts[at] + last for last in _digits((added - sums[at]) & _MASK, rest))


def _digits(value: int, count: int) -> Iterator[bytes]:
    """All ways to write a value with so many digits in base 33."""
    if count == 0:
        if value == 0:
            yield b""
        return
    scale, (least, most) = 33 ** (count - 1), _bounds(count - 1)
    for digit in _DIGITS:
        if least <= (left := value - digit * scale) <= most:
            yield from (bytes((digit,)) + last for last in _digits(left, count - 1))


def _bounds(count: int) -> tuple[int, int]:
    """The least and the most that so many digits add."""
    ones = (33**count - 1) // 32
    return _LEAST * ones, _MOST * ones


@lru_cache(maxsize=len(_LENGTHS))
def _first_digits(rest: int) -> tuple[list[int], list[bytes]]:
    """What first digits add with so many behind them, in order, and the digits."""
    found = sorted(
        (_forward((0, 0), bytes(one), 0)[0] * 33**rest & _MASK, bytes(one)) for one in product(_DIGITS, repeat=_FIRSTS)
    )
    return [added for added, _ in found], [digits for _, digits in found]
