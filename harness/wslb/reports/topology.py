"""Who talks to whom: client, proxy with its lbmethod, members with their addresses."""

from __future__ import annotations

from markupsafe import Markup

from wslb.reports import svg
from wslb.reports.document import Document

__all__ = ["topology"]

_ROW = 44


def topology(document: Document) -> Markup | None:
    """The balancer of the first scenario that has one; None when none has."""
    found = next(((s, s.balancer) for s in document.scenarios if s.balancer and s.front), None)
    if found is None:
        return None
    scenario, balancer = found
    members = balancer.members
    height = max(1, len(members)) * _ROW + 8
    middle = height / 2
    front = next(iter(scenario.front.values()))
    proxy = f"{document.product or 'proxy'} {document.environment.get('proxy_version') or '?'}"
    body = [
        *_box(0, middle, 62, "client", ""),
        *_box(122, middle, 128, proxy, balancer.lbmethod),
        f'<path class="wire" fill="none" stroke="#57606d" d="M62 {middle:g}H118m-5 -4l5 4l-5 4"/>',
        svg.text(90, middle - 6, ":" + front.rpartition(":")[2], "t mid dim"),
    ]
    for index, member in enumerate(members):
        y = index * _ROW + _ROW / 2 + 4
        scheme = member.url.partition("://")[0]
        address = scenario.addresses.get(f"{scheme}://{member.backend}", member.url.partition("://")[2])
        body.append(f'<path {svg.stroke(index)} stroke-width="2" d="M250 {middle:g}L310 {y:g}"/>')
        factor = f" {svg.TIMES}{member.loadfactor:g}" if member.loadfactor != 1 else ""
        body += _box(310, y, 150, f"{svg.fit(member.route)}{factor}", address, svg.lane(index))
    names = ", ".join(f"{member.route} with loadfactor {member.loadfactor:g}" for member in members)
    label = f"client to {proxy} ({balancer.lbmethod}) to {names}"
    return svg.picture("topology", 462, height, label, body)


def _box(x: float, y: float, width: float, title: str, note: str, colour: str = "") -> list[str]:
    lines = [svg.text(x + width / 2, y + (4 if not note else -1), title, f"t mid strong {colour}".rstrip())]
    if note:
        lines.append(svg.text(x + width / 2, y + 12, note, "t mid dim"))
    place = f'x="{x + 0.5:g}" y="{y - 17.5:g}" width="{width:g}" height="35"'
    frame = f'<rect class="box" fill="none" stroke="#57606d" {place} rx="4"/>'
    return [frame, *lines]
