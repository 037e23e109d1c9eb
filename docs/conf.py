"""How Sphinx makes a site of these pages: ``make docs`` writes reports/docs, and any warning is an error.

Nothing is fetched when it is built or read: Furo uses the fonts of the system, and its scripts travel with the site.
"""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

project = "wslb"
copyright = "the authors of wslb, Apache-2.0"  # noqa: A001 - Sphinx reads this name
extensions = ["myst_parser"]
exclude_patterns = ["requirements.lock"]

html_theme = "furo"
html_title = "wslb"
html_copy_source = False
html_show_sphinx = False
html_favicon = "icon.svg"
html_static_path = html_css_files = ["print.css"]
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
highlight_language = "none"

myst_heading_anchors = 4
myst_html_meta = {
    "description": "Proves, connection by connection, whether Apache httpd, nginx or HAProxy balances WebSockets."
}
nitpicky = True

ACCESSIBLE = {
    'role="heading">': 'role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Pages">',
    '<aside class="toc-drawer">': '<aside class="toc-drawer" aria-label="On this page">',
    "<pre>": '<pre tabindex="0">',
    '<th class="head"><p></p></th>': "<td></td>",
    '<div id="search-results">': '<h1>Search</h1><div id="search-results">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
}
"""What Furo leaves out: levels of captions, names of regions, a heading, corners of tables, how keys scroll."""


def _accessible(app: Sphinx, failed: Exception | None) -> None:
    for page in Path(app.outdir).rglob("*.html") if failed is None else ():
        text = page.read_text(encoding="utf-8")
        for furo, ours in ACCESSIBLE.items():
            text = text.replace(furo, ours)
        page.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect("build-finished", _accessible)
