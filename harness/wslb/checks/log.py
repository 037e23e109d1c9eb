"""The proxy's error log: what nobody announced fails the scenario."""

from __future__ import annotations

from wslb.checks.judging import About, judged
from wslb.model.results import Check, Claim, Grade, Record, Verdict

__all__ = ["announced", "only_announced"]


ENVIRONMENT = ("AH01873", "AH01882")
"""What every start says of itself, whatever is asked: no TLS session cache (our template wants none, so that every
handshake is a full one), and mod_ssl built against another OpenSSL release than the one loaded."""


GRADED = {
    "AH03490": "old children still hold their places, each for a tunnel; nothing that was asked waits for a new one",
    "AH01136": "a ProxyPass with nocanon matches by its unescaped path; it is about the configuration, not a request",
}
"""Numbers that should not come, with the reason why they break no claim: what they lead to other checks would see."""


def only_announced(*codes: str) -> Check:
    """No line of level warn or worse but those with these AH numbers. An empty log is what a good run leaves.

    What nobody gave a level, such as a library's own line on stderr, and what is in `GRADED` should not come.
    """

    def log_is_clean(record: Record) -> Verdict:
        expected_ones = (*codes, *ENVIRONMENT)
        odd = [line for line in record.log if (line.alarming or not line.level) and line.code not in expected_ones]
        broken = [line for line in odd if line.level and line.code not in GRADED]
        unexpected = broken or odd
        allowed = f" but {', '.join(codes)}" if codes else ""
        first = unexpected[0] if unexpected else None
        return judged(
            About(check="log_is_clean", phrase="unexpected lines in the proxy's log", claims=Claim.LOG),
            holds=not unexpected,
            expected=f"no warning or error in httpd's log{allowed}",
            observed=f"{len(unexpected)} lines, first: {first.level or 'no level:'} {first.text}" if first else "none",
            evidence=[line.told for line in unexpected],
            grade=Grade.MUST if broken or not odd else Grade.SHOULD,
        )

    return log_is_clean


def announced(*codes: str) -> Check:
    """Each of these AH numbers stands in the log at least once."""

    def log_tells(record: Record) -> Verdict:
        seen = {line.code for line in record.log}
        lacking = [code for code in codes if code not in seen]
        return judged(
            About(check="log_tells", phrase="an announced log line is missing"),
            holds=bool(codes) and not lacking,
            expected=f"httpd's log has {', '.join(codes)}",
            observed=f"{', '.join(lacking)} did not come" if lacking else "all came",
        )

    return log_tells
