"""The comparison as Markdown and as a chart; pure functions of the saved document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wslb.reports.bars import shares
from wslb.reports.sequences import Share

KIB = 1024


_SHOWN = {
    "wrk": "wrk (HTTP, new connection each)",
    "locust": "Locust with websocket-client",
    "tsung": "Tsung",
}


def _ms(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1e3:.1f} ms"


Claim = dict[str, Any]
"""What is claimed, what was measured, and whether it holds."""


def claim(words: str, measured: str, *, holds: bool) -> Claim:
    return {"claim": words, "measured": measured, "holds": holds}


def promises(found: Mapping[str, Any]) -> list[Claim]:
    """What held in every run so far."""
    direct, apache, held = (found["clients"][key] for key in ("direct", "apache", "held"))
    library, bytes_held, steady = direct["websockets"], held["wslb"]["bytes_held"], found["steady"]
    sent = steady["sent_rate"] or 0.0
    rows = [
        claim("direct: at least 2.5 × the opens/s of websockets", f"{library['rate_ratio']:.2f} ×",
              holds=library["rate_ratio"] >= 2.5),
        claim("direct: at most 0.32 × its CPU per open", f"{library['cpu_ratio']:.2f} ×",
              holds=library["cpu_ratio"] <= 0.32),
        *_faster(apache, "locust", "Locust with websocket-client", 2.0),
        *_faster(apache, "k6", "k6", 1.0),
        claim("a held tunnel takes the client at most 3 KiB", f"{bytes_held / KIB:.1f} KiB",
              holds=bytes_held <= 3 * KIB),
    ]  # fmt: skip
    for row in found["scale"]:
        if row["tunnels"] == 10_000:
            fine = row["opened"] == row["echoed"] == 10_000 and not row["errors"] and (row["imbalance"] or 0) <= 0.01
            rows += [
                claim("10,000 tunnels held and echoed: none lost, each backend within 1 % of half",
                      f"{row['opened']} open, {row['lost']} lost, imbalance {row['imbalance']:.2%}", holds=fine),
                claim("… in at most 20 s in all", f"{row['wall_seconds']:.1f} s", holds=row["wall_seconds"] <= 20),
                claim("… with at most 3 KiB of the client for each", f"{row['client_bytes'] / KIB:.1f} KiB",
                      holds=row["client_bytes"] <= 3 * KIB),
            ]  # fmt: skip
    words = f"{sent:.2f}/s, {steady['outcome']}"
    fine = abs(sent - 200) <= 2 and steady["outcome"] != "invalid"
    return [*rows, claim("200/s: sent within 1 %, latencies valid", words, holds=fine)]


def goals(found: Mapping[str, Any]) -> list[Claim]:
    """What is wished for, and was not reached in every run."""
    apache = found["clients"]["apache"]
    return [
        *_faster(apache, "wrk", "wrk (HTTP, new connection each)", 0.65),
        *_faster(apache, "tsung", "Tsung", 1.5),
    ]


def _faster(rows: Mapping[str, Any], name: str, title: str, least: float) -> list[Claim]:
    """Opens per second beside another tool's, where that one was measured."""
    if name not in rows:
        return []
    ratio = rows[name]["rate_ratio"]
    return [claim(f"Apache: at least {least:g} × the opens/s of {title}", f"{ratio:.2f} ×", holds=ratio >= least)]


def markdown(found: Mapping[str, Any]) -> str:
    """The tables."""
    environment = found["environment"]
    lines = [
        f"{environment['proxy']}, Python {environment['python']}, {environment['cpus']} CPUs for clients, Apache and "
        f"backends together; load average {environment['load_average_before'][0]:.1f} before and "
        f"{environment['load_average_after'][0]:.1f} after. Medians of {found['rounds']} rounds, "
        f"{found['at_once']} opens at a time; ratios are made within a round.",
        "",
        "| Open, greeting checked, closed | opens/s | wslb is | client's CPU | wslb takes | with servers "
        "| p50 | p99 | failed |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for where, title in (("direct", "to a backend"), ("apache", "through Apache")):
        for name, row in found["clients"][where].items():
            shown = _SHOWN.get(name, name)
            own = name == "wslb"
            lines.append(
                f"| {title}: {shown} | {row['rate']:.0f} | {'' if own else format(row['rate_ratio'], '.2f') + ' ×'} | "
                f"{row['cpu_ms']:.3f} ms | {'' if own else format(row['cpu_ratio'], '.2f') + ' ×'} | "
                f"{row['all_cpu_ms']:.2f} ms | {_ms(row['p50'])} | {_ms(row['p99'])} | "
                f"{row['failed']} |"
            )
    held = found["clients"]["held"]
    lines += ["", "Memory of the client for each tunnel held through Apache: "
              + ", ".join(f"{name} {row['bytes_held'] / KIB:.1f} KiB" for name, row in held.items()) + "."]  # fmt: skip
    if found["skipped"]:
        lines.append(f"Not installed, so skipped: {', '.join(found['skipped'])}.")
    lines += [f"{name} is installed, but could not be measured: {why}." for name, why in found["failed_tools"].items()]
    if "tsung" in found["clients"]["apache"]:
        lines.append(
            "Tsung knows no bound of openings at a time: it is offered the rate that wslb reached in that round."
        )
    lines += ["", "| One CL command (WRKSYSSTS) through Apache | bytes both ways | time |", "|---|--:|--:|"]
    lines += [f"| {row['way']} | {row['bytes']:.0f} | {row['ms']:.2f} ms |" for row in found["commands"]]
    lines += [
        "",
        "| Tunnels held, one message on each | opening | opens/s | in all | CPU an open: client, httpd, backends "
        "| memory a tunnel: client, httpd, backends |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    for row in found["scale"]:
        lines.append(
            f"| {row['opened']:,} | {row['open_seconds']:.1f} s | {row['rate']:.0f} | {row['wall_seconds']:.1f} s | "
            f"{row['client_cpu_ms']:.2f}, {row['httpd_cpu_ms']:.2f}, {row['backend_cpu_ms']:.2f} ms | "
            f"{row['client_bytes'] / KIB:.1f}, {row['httpd_bytes'] / KIB:.0f}, {row['backend_bytes'] / KIB:.1f} KiB |"
        )
    for title, column, claims in (("Promised", "holds", found["promises"]), ("Goal", "reached", found["goals"])):
        if claims:
            lines += ["", f"| {title} | measured | {column} |", "|---|--:|---|"]
            lines += [f"| {c['claim']} | {c['measured']} | {'yes' if c['holds'] else '**no**'} |" for c in claims]
    return "\n".join(lines) + "\n"


def chart(rows: Mapping[str, Any]) -> str:
    """Opens per second (of wrk: HTTP requests) as bars, in a file of its own."""
    bars = [Share(lane=name, seen=round(row["rate"]), expected=None, tolerance=None) for name, row in rows.items()]
    return shares(bars).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"
