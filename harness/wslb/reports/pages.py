"""Pages are written by Jinja2 from templates of this package: one way of escaping, one meaning of each filter."""

from __future__ import annotations

from functools import cache

import jinja2
from markupsafe import Markup

from wslb.reports import texts
from wslb.resources import resource

__all__ = ["environment"]


@cache
def environment(folder: str) -> jinja2.Environment:
    """Templates of a folder of the package, such as ``reports/templates``; everything printed is escaped and clean."""
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: resource(f"{folder}/{name}")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_final,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["ms"] = texts.milliseconds
    made.filters["duration"] = texts.seconds
    made.filters["number"] = texts.number
    made.filters["signed"] = texts.signed
    made.filters["time"] = texts.spoken_time
    made.filters["shortened"] = texts.shortened
    made.globals["count"] = texts.count
    made.globals["dash"] = texts.DASH
    made.globals["style"] = Markup(resource("reports/templates/style.css"))  # noqa: S704 - a file of this package
    return made


def _final(value: object) -> object:
    """Every printed value: no control character gets through; Markup comes from this package and is clean."""
    return value if isinstance(value, Markup) else texts.clean(str(value))
