"""The comparison as Markdown and as a chart; pure functions of the saved document."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

KIB = 1024
OWN, OTHER = "#1f5fbf", "#9aa3af"


_SHOWN = {
    "wrk": "wrk (HTTP, new connection each)",
    "locust": "Locust with websocket-client",
    "tsung": "Tsung",
}


def _ms(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1e3:.1f} ms"


def acceptance(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was promised, what was measured, and whether it holds."""
    direct, apache, held = (found["clients"][key] for key in ("direct", "apache", "held"))
    rows: list[tuple[str, str, bool]] = []

    def add(claim: str, measured: str, *, holds: bool) -> None:
        rows.append((claim, measured, holds))

    library = direct["websockets"]
    add("direct: at least 2.5 × the opens/s of websockets", f"{library['rate_ratio']:.2f} ×",
        holds=library["rate_ratio"] >= 2.5)  # fmt: skip
    add("direct: at most 0.32 × its CPU per open", f"{library['cpu_ratio']:.2f} ×", holds=library["cpu_ratio"] <= 0.32)
    if "wrk" in apache:
        ratio = apache["wrk"]["rate_ratio"]
        add(
            "Apache: at least 0.65 × the rate of wrk, HTTP with Connection: close",
            f"{ratio:.2f} ×",
            holds=ratio >= 0.65,
        )
    for name, title, least in (
        ("tsung", "Tsung", 1.5),
        ("locust", "Locust with websocket-client", 2.0),
        ("k6", "k6", 1.0),
    ):
        if name in apache:
            ratio = apache[name]["rate_ratio"]
            claim = f"at least {least:g} × the opens/s of {title}" if least > 1 else f"more opens/s than {title}"
            add(f"Apache: {claim}", f"{ratio:.2f} ×", holds=ratio >= least)
    add("a held tunnel takes the client at most 3 KiB", f"{held['wslb']['bytes_held'] / KIB:.1f} KiB",
        holds=held["wslb"]["bytes_held"] <= 3 * KIB)  # fmt: skip
    for row in found["scale"]:
        if row["tunnels"] == 10_000:
            fine = row["opened"] == row["echoed"] == 10_000 and not row["errors"] and (row["imbalance"] or 0) <= 0.01
            add("10,000 tunnels held and echoed: none lost, each backend within 1 % of half",
                f"{row['opened']} open, {row['lost']} lost, imbalance {row['imbalance']:.2%}", holds=fine)  # fmt: skip
            add("… in at most 20 s in all", f"{row['wall_seconds']:.1f} s", holds=row["wall_seconds"] <= 20)
            add("… with at most 3 KiB of the client for each", f"{row['client_bytes'] / KIB:.1f} KiB",
                holds=row["client_bytes"] <= 3 * KIB)  # fmt: skip
    steady = found["steady"]
    sent = steady["sent_rate"] or 0.0
    add("200/s: sent within 1 %, latencies valid", f"{sent:.2f}/s, {steady['outcome']['word']}",
        holds=abs(sent - 200) <= 2 and steady["outcome"]["word"] != "invalid")  # fmt: skip
    return [{"claim": claim, "measured": measured, "holds": holds} for claim, measured, holds in rows]


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
    lines += ["", "| Promised | measured | holds |", "|---|--:|---|"]
    lines += [
        f"| {row['claim']} | {row['measured']} | {'yes' if row['holds'] else '**no**'} |" for row in found["acceptance"]
    ]
    return "\n".join(lines) + "\n"


def chart(found: Mapping[str, Any]) -> str:
    """Opens per second as bars."""
    bars = [
        (f"{title}: {name}", row["rate"], name == "wslb")
        for where, title in (("direct", "direct"), ("apache", "Apache"))
        for name, row in found["clients"][where].items()
    ]
    top = max(rate for _, rate, _ in bars) or 1.0
    body = []
    for index, (name, rate, own) in enumerate(bars):
        y = 24 + 22 * index
        body.append(f'<text x="150" y="{y + 12}" text-anchor="end">{escape(name)}</text>')
        body.append(
            f'<rect x="156" y="{y}" width="{380 * rate / top:.1f}" height="16" fill="{OWN if own else OTHER}"/>'
        )
        body.append(f'<text x="{162 + 380 * rate / top:.1f}" y="{y + 12}">{rate:.0f}</text>')
    height = 30 + 22 * len(bars)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 {height}" width="600" height="{height}" '
        f'font-family="system-ui,sans-serif" font-size="12" role="img" aria-label="opens per second by client">'
        f'<text x="6" y="14">Opens per second (wrk: HTTP requests), {found["at_once"]} at a time</text>'
        f"{''.join(body)}</svg>\n"
    )
