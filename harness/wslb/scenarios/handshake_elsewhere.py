"""What a handshake leads to on other versions of httpd, and on nginx and HAProxy."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wslb.checks import handshake, members
from wslb.checks.answer import BACKEND, HTTPD, Expected, answered
from wslb.model.results import Check
from wslb.scenarios.claims import ACCEPTED, BEFORE_UPGRADES_IN_HTTP, handed_on_as_it_is
from wslb.scenarios.scenario import Elsewhere

__all__ = [
    "ANYTHING",
    "ANY_UPGRADE",
    "AS_CLIENTS",
    "BARE_LF",
    "BODY",
    "BOTH_KEYS",
    "H2C_PASSED",
    "HTTP10",
    "HUNG_UP",
    "KEY_JUDGED",
    "LENIENT",
    "LONG_HEAD",
    "MANY_FIELDS",
    "NEVER_ASKED",
    "NO_HOST",
    "REFUSED_THERE",
    "STRIPPED",
    "TAKEN_BY_NODE",
    "TUNNEL",
    "TWO_HOSTS",
    "UNHANDLED",
    "UNJUDGED",
    "UNNAMED_UPGRADE",
    "Each",
    "each",
    "logged_as_502",
    "opened_by",
    "refused",
    "row",
    "told_of",
]


def refused(status: int, says: str = "", *, logged: int = 200) -> tuple[Expected, Expected]:
    """A backend's own answer: with mod_proxy_http logged as it is, with mod_proxy_wstunnel as ``logged``."""
    expected = Expected(status=status, says=says, logged=status)
    return expected, replace(expected, logged=logged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Each:
    """What the two originals answer, where that is not the same; the first turn is Liberty's."""

    liberty: Expected
    node: Expected

    @property
    def told(self) -> str:
        """Both as a clause."""
        return f"Liberty's {_own(self.liberty)}, and Node.js's {_own(self.node)}, as the originals do"

    @property
    def by(self) -> str:
        """Who made them."""
        return self.liberty.by

    @property
    def row(self) -> tuple[Expected, Expected]:
        """In order."""
        return self.liberty, self.node

    def logging_502(self) -> Each:
        """With 502 in the access log for what is refused."""
        return Each(liberty=_logging_502(self.liberty), node=_logging_502(self.node))


def _own(expected: Expected) -> str:
    return expected.told.replace(f" by {BACKEND}", "")


def _logging_502(expected: Expected) -> Expected:
    return expected if expected.status == 101 else replace(expected, logged=502)


def row(expected: Expected | Each) -> Expected | tuple[Expected, Expected]:
    """As `answered` takes it."""
    return expected if isinstance(expected, Expected) else expected.row


def each(liberty: tuple[Expected, Expected], node: tuple[Expected, Expected]) -> tuple[Each, Each]:
    """Answers of the two, with mod_proxy_http and with mod_proxy_wstunnel."""
    http, wstunnel = (Each(liberty=one, node=other) for one, other in zip(liberty, node, strict=True))
    return http, wstunnel


def told_of(expected: Expected | Each) -> str:
    """As a clause of a limit."""
    return f"2 of 2: {expected.told}" if isinstance(expected, Expected) else expected.told


def logged_as_502(limit: str, wstunnel: Expected | Each, *checks: Check) -> Elsewhere:
    """The claim of versions whose access log told every refusal of a backend wrongly.

    Args:
        limit: what the client sees, in words.
        wstunnel: what it sees, of mod_proxy_wstunnel, which alone carried tunnels then.
        checks: further ones.
    """
    logged = _logging_502(wstunnel) if isinstance(wstunnel, Expected) else wstunnel.logging_502()
    return Elsewhere(
        since=(2, 4, 13),
        before=(2, 4, 28),
        does="a handshake that the backend refused stands in the access log as 502",
        source="CHANGES 2.4.28, PR 61283; measured on 2.4.23 and 2.4.27",
        limit=f"{limit}; 502 in the access log",
        checks=(answered(http=row(logged)), *checks),
    )


LENIENT = Elsewhere(
    before=(2, 4, 24),
    does="httpd lets malformed requests pass",
    source="manual, core: HttpProtocolOptions (2.2.32 and 2.4.24); measured on 2.4.12 and 2.4.23",
)
REFUSED_THERE = Expected(status=400, by=HTTPD, arrives=False)
BAD_GATEWAY = Expected(status=502, by=HTTPD, logged=502)
UNASKED = Expected(status=502, by=HTTPD, arrives=False, logged=502)
NEVER_ASKED = Expected(status=426, by=HTTPD, arrives=False, says="Upgrade Required")
NO_MODULE = Expected(status=500, by=HTTPD, arrives=False)
NO_PAGE = refused(404, "SRVE0190E")
TUNNEL = refused(101)
STRIPPED = Each(liberty=NO_PAGE[0], node=Expected(status=404, says="404 Not Found", logged=404))
TAKEN_BY_NODE = each(NO_PAGE, TUNNEL)
ANYTHING = Elsewhere(
    before=(2, 4, 13),
    does="mod_proxy_wstunnel asks the member for a tunnel whatever the request says",
    source="CHANGES 2.4.13; measured on 2.4.12",
)
UNHANDLED = replace(
    BEFORE_UPGRADES_IN_HTTP,
    limit=f"2 of 2: {NO_MODULE.told}",
    checks=(answered(http=NO_MODULE),),
)


def there(
    proxy: str,
    does: str,
    expected: Expected | Each,
    *,
    source: str,
    before: tuple[int, ...] = (99,),
) -> Elsewhere:
    """The claim of a product where both servers, or each, come to this."""
    return Elsewhere(
        proxy=proxy,
        does=does,
        source=source,
        before=before,
        limit=told_of(expected),
        checks=(answered(http=row(expected)),),
    )


def opened_by(proxy: str, does: str, source: str) -> Elsewhere:
    """The claim of a product before which both servers open a tunnel."""
    return there(proxy, does, TUNNEL[0], source=source)


BOTH_KEYS = "both fields are passed on: Liberty reads the first alone, and Node.js answers to the two as one"


ANY_UPGRADE = there(
    "nginx",
    "any Upgrade is passed on, and the package websocket of Node.js takes whatever asks for one",
    TAKEN_BY_NODE[0],
    source="measured on 1.31.3",
)


H2C_PASSED = tuple(
    replace(
        ANY_UPGRADE,
        proxy="HAProxy",
        since=since,
        before=before,
        source="changelog of 2.8.13: do not forward h2c upgrade header token; measured on 2.6.12",
    )
    for since, before in (((), (2, 6, 22)), ((2, 7), (2, 8, 13)), ((2, 9), (2, 9, 12)), ((3, 0), (3, 0, 6)))
)
"""The mend went to each branch that was alive."""


NGINX = "measured on 1.22.1 and 1.31.3"
HAPROXY = "measured on 2.6.12 and 2.8.25"
OLD_UPGRADES = "measured on 2.6.12, and not on 2.8.25"

UNNAMED_UPGRADE = (
    there(
        "HAProxy",
        "Upgrade is passed on without the Connection that should name it, which only Liberty minds as a handshake",
        Each(liberty=refused(400)[0], node=STRIPPED.node),
        before=(2, 8),
        source=OLD_UPGRADES,
    ),
    there("HAProxy", "an Upgrade that Connection does not name is taken off", STRIPPED, source="measured on 2.8.25"),
)
KEY_JUDGED = there(
    "HAProxy",
    "a key that is missing, or no 16 bytes, is refused before a server is elected",
    REFUSED_THERE,
    source=HAPROXY,
)
BODY = Elsewhere(
    proxy="HAProxy",
    before=(2, 8),
    does="takes Upgrade off a request that has a body, so that no tunnel opens",
    source=OLD_UPGRADES,
)
HTTP10 = (
    opened_by(
        "nginx", "its members are asked in HTTP/1.1, and the 101 reaches the client", f"proxy_http_version; {NGINX}"
    ),
    there(
        "HAProxy",
        "HTTP/1.0 stays HTTP/1.0, of which Liberty takes no Upgrade",
        Each(liberty=refused(400)[0], node=TUNNEL[0]),
        source=HAPROXY,
    ),
)
NO_HOST = there("HAProxy", "Host is the servers' affair, which refuse", refused(400)[0], source=HAPROXY)
TWO_HOSTS = opened_by("HAProxy", "of two equal Host fields one is passed on", HAPROXY)
BARE_LF = (
    opened_by("nginx", "LF alone ends a line, as RFC 9112 section 2.2 allows", NGINX),
    opened_by("HAProxy", "LF alone ends a line, as RFC 9112 section 2.2 allows", HAPROXY),
)
LONG_HEAD = opened_by(
    "HAProxy", "heads of up to 15 kB fit into tune.bufsize (16 kB)", f"tune.bufsize in the manual; {HAPROXY}"
)
MANY_FIELDS = opened_by(
    "nginx", "large_client_header_buffers limits the bytes of the fields, not how many they are", NGINX
)

HUNG_UP = Elsewhere(
    proxy="nginx",
    does="a hang-up counts as a failure: the next server is asked, and both are left alone for fail_timeout (10 s)",
    source=f"proxy_next_upstream, max_fails in the manual; {NGINX}",
    limit=f"each member elected once: {BAD_GATEWAY.told}; then {UNASKED.told}",
    checks=(
        answered(http=[BAD_GATEWAY, UNASKED]),
        members.elected_between("liberty", 1, 1, reason="the first handshake"),
        members.elected_between("node", 1, 1, reason="the first handshake"),
    ),
    allow_log=("AH00898", "AH00959", "AH01167"),
)
UNJUDGED = tuple(
    Elsewhere(
        proxy=proxy,
        does="nobody but the client judges the backend's 101",
        source=source,
        limit="101 as the backend sent it; 2 of 2",
        checks=(answered(http=Expected(status=101, logged=101)),),
    )
    for proxy, source in (("nginx", NGINX), ("HAProxy", HAPROXY))
)
AS_CLIENTS = handed_on_as_it_is("101 and the greeting on 2 of 2", *ACCEPTED, handshake.arrived_intact)
