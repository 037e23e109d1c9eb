"""Files that travel with the package: templates, schema, the console page. Works from a checkout and from a wheel."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from harness.errors import EvidenceError

__all__ = ["console_page", "resource", "template"]

_PACKAGE = Path(__file__).resolve().parent
_APACHE = (_PACKAGE / "_apache", _PACKAGE.parent / "apache")


def template(name: str) -> str:
    """Text of a file of the ``apache/`` folder."""
    for folder in _APACHE:
        path = folder / name
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise EvidenceError(path=name, detail="it is not in the package", hint="Install wslb again.")


def resource(name: str) -> str:
    """Text of a file inside the package, such as ``report.schema.json``."""
    path = _PACKAGE / name
    try:
        return path.read_text(encoding="utf-8")
    except OSError as exc:
        raise EvidenceError(path=name, detail=f"it is not in the package ({exc.strerror})") from exc


def console_page() -> bytes:
    """The console page of ``backends/``, for the proxy's document root; found, never imported."""
    spec = find_spec("backends")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "console" / "WSConsole.html"
        if path.is_file():
            return path.read_bytes()
    raise EvidenceError(path="backends/console/WSConsole.html", detail="it is not installed")
