"""Languages of proxies: text in, text out. `DIALECTS` names every one."""

from __future__ import annotations

from wslb.dialects.apache import ApacheDialect

__all__ = ["DIALECTS"]

DIALECTS = {"apache": ApacheDialect}
