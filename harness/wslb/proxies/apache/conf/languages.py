"""Whether a text is the configuration of something else than httpd."""

from __future__ import annotations

import re

__all__ = ["another_language"]

_SECTION = re.compile(r"^\s*</?[A-Za-z]", re.MULTILINE)
_HAPROXY = re.compile(r"^(?:global|defaults|(?:frontend|backend)\s+[\w.-]+)\s*(?:#.*)?$", re.MULTILINE)
_YAML = re.compile(r"^\s*(?:- )?[\"']?[\w./-]+[\"']?:(?:\s|$)|^\s*- |^---$")


def another_language(text: str) -> str | None:
    """Name of the language, such as ``nginx``; None where the text may be httpd's, which has no such lines."""
    if text.startswith("#!"):
        return f"a program ({text.splitlines()[0][2:].strip()[:60]})"
    lines = [line.strip() for line in text[:100_000].splitlines()]
    code = [line for line in lines if line and not line.startswith("#")]
    if not code or _SECTION.search(text):
        return None
    opening = sum(line.endswith("{") for line in code)
    ended = sum(line.endswith((";", "{", "}")) for line in code)
    signs = {
        "JSON": code[0] in {"{", "["} and code[-1] in {"}", "]"} and any('":' in line for line in code),
        "nginx": opening and ended * 3 >= len(code) * 2 and any(line.endswith(";") for line in code),
        "Caddy": opening and any(line.startswith("reverse_proxy ") for line in code),
        "HAProxy": _HAPROXY.search(text),
        "YAML": sum(bool(_YAML.match(line)) for line in code) * 3 >= len(code) * 2,
    }
    return next((name for name, seen in signs.items() if seen), None)
