"""Finds the proxy where it is to run, and what it can do."""

from __future__ import annotations

from pathlib import PurePosixPath

from wslb.errors import HarnessError, RuntimeUnavailable
from wslb.interfaces import Installation, Runtime
from wslb.proxies.apache.dialect import ApacheDialect

__all__ = ["find_httpd"]


async def find_httpd(runtime: Runtime, dialect: ApacheDialect, *, binary: str | None) -> Installation:
    """Find httpd and what it can do.

    Raises:
        RuntimeUnavailable: there is none, or it does not answer.
    """
    names = (binary,) if binary else dialect.binaries
    found = await runtime.find(names)
    if not found:
        raise RuntimeUnavailable(
            runtime=runtime.name,
            reason=f"{binary} is no program" if binary else "neither httpd nor apache2 was found",
            hint="wslb doctor says how to install it.",
        )
    try:
        version_text = await runtime.run([found, "-V"], timeout_seconds=10)
        version, facts = dialect.parse_version(version_text.output)
        built_in = dialect.parse_built_in((await runtime.run([found, "-l"], timeout_seconds=10)).output)
    except (OSError, TimeoutError, HarnessError) as exc:
        raise RuntimeUnavailable(
            runtime=runtime.name, reason=f"{found} is not a working Apache httpd ({exc})", hint="Name one: --httpd"
        ) from exc
    beside = str(PurePosixPath(found).parent.parent / "modules")
    for folder in (beside, *dialect.modules_folders):
        files = await runtime.listing(folder)
        loadable = frozenset(name[4:-3] for name in files if name.startswith("mod_") and name.endswith(".so"))
        if loadable:
            break
    else:
        folder, loadable = beside, frozenset()
    return Installation(
        binary=found,
        modules_folder=folder,
        version=version,
        built_in=built_in,
        loadable=loadable,
        facts={**facts, "mpm": facts.get("mpm") or "event"},
    )
