"""A load run in words: progress while it goes on, and the end, for a terminal and for a log."""

from __future__ import annotations

from wslb.load.progress import RunProgress
from wslb.load.saved import Clock, LoadDocument

__all__ = ["progress_line", "summary"]


def progress_line(news: RunProgress) -> str:
    """One line of progress."""
    opened = sum(news.opened.values())
    of = f" of {news.planned}" if news.planned else ""
    parts = [f"{news.at:6.1f} s", f"opened {opened}{of}", f"live {news.live}"]
    if len(news.opened) > 1:
        parts.append(" ".join(f"{name} {count}" for name, count in sorted(news.opened.items())[:4]))
    if news.echoed:
        parts.append(f"echoed {news.echoed}")
    failed = sum(news.errors.values())
    parts.append(f"failed {failed}" if failed else "none failed")
    return "  ".join(parts)


def summary(made: LoadDocument) -> list[str]:
    """The result in some lines."""
    told = [f"{made.opened} of {made.planned} opened"]
    if made.opened:
        told[0] += f" ({made.rate:.0f} a second)"
        told.append(f"{made.closed} closed in order")
    told.append(f"{made.errors} failed" + (f" ({made.lost} of them open tunnels)" if made.lost else ""))
    lines = [f"{made.outcome.word.upper()}  {', '.join(told)}"]
    if made.messages_due:
        lines.append(f"  {made.echoed} of {made.messages_due} messages came back as they were sent")
    for backend in made.backends:
        if backend.name:
            lines.append(f"  {backend.name:<12} {backend.opened:>7} opened  {backend.share:7.2%}")
    if made.imbalance is not None:
        lines.append(f"  imbalance {made.imbalance:.2%}")
    words: dict[Clock, str] = {"open": "time to open", "echo": "echo", "lag": "client's lag"}
    for clock, label in words.items():
        one = made.latency[clock]
        if one.max_seconds is not None and (clock == "lag" or made.valid):
            told = [f"p{key} {_time(value)}" for key, value in one.percentiles.items() if value is not None]
            lines.append(f"  {label:<12} {'  '.join([*told, f'max {_time(one.max_seconds)}'])}  (n = {one.count})")
    recorders = [use.cpu_seconds for name, use in made.usage.items() if name.startswith("recorder ")]
    if recorders:
        httpd = made.usage["httpd"].cpu_seconds if "httpd" in made.usage else 0.0
        lines.append(f"  CPU          {sum(recorders):.2f} s of the recorders in the path, {httpd:.2f} s of httpd")
    for kind, count in sorted(made.errors_by_kind.items(), key=lambda item: -item[1]):
        lines.append(f"  failed       {count:>7} {kind}")
    lines += [f"  {one.mark} {one.name:<9} {one.text}" for one in made.findings]
    for limit in made.limits:
        lines.append(f"  {'✓' if limit.holds else '✗'} {limit.text}: {limit.observed}")
    lines += [f"  {reason}" for reason in made.outcome.reasons if not reason.startswith("limit ")]
    return lines


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
