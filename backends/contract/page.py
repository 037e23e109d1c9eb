"""The console page, read once and served from memory: no request ever reaches the file system."""

import html
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parents[1] / "console" / "WSConsole.html"
_PLACE = '<meta name="wslb-uri" content="">'

CONTENT_TYPE = "text/html; charset=utf-8"


@cache
def page(cl_path: str) -> bytes:
    """Return the page with the CL endpoint of its server filled in.

    The file itself leaves the field empty: behind Apache, which serves it unchanged, the page then takes
    the article's `/ws` or `/wss`.
    """
    source = _FILE.read_text(encoding="utf-8")
    return source.replace(_PLACE, f'<meta name="wslb-uri" content="{html.escape(cl_path)}">').encode()
