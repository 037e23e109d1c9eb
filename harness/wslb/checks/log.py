"""The proxy's error log: what nobody announced fails the scenario."""

from __future__ import annotations

from wslb.checks.judging import About, judged
from wslb.model.results import Check, Claim, Record, Verdict

__all__ = ["announced", "only_announced"]


ENVIRONMENT = ("AH01873", "AH01882")
"""What every start says of itself, whatever is asked: no TLS session cache (our template wants none, so that every
handshake is a full one), and mod_ssl built against another OpenSSL release than the one loaded."""


def only_announced(*codes: str) -> Check:
    """No line of level warn or worse but those with these AH numbers. An empty log is what a good run leaves."""

    def log_is_clean(record: Record) -> Verdict:
        unexpected = [line for line in record.log if line.alarming and line.code not in (*codes, *ENVIRONMENT)]
        allowed = f" but {', '.join(codes)}" if codes else ""
        first = unexpected[0] if unexpected else None
        return judged(
            About(check="log_is_clean", phrase="unexpected lines in Apache's log", claims=Claim.LOG),
            holds=not unexpected,
            expected=f"no warning or error in httpd's log{allowed}",
            observed=f"{len(unexpected)} lines, first: {first.level} {first.text}" if first else "none",
            evidence=[line.told for line in unexpected],
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
