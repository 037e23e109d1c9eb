"""Finds the proxy where it is to run, and what it can do: asked of the program, and proved by its syntax check.

A folder of modules is a guess until httpd has loaded from it what a lab loads: builds differ in where they keep
them, and a module file may want a library that is not there, or another httpd.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from wslb.errors import EvidenceError, RuntimeUnavailable
from wslb.interfaces import Installation, Runtime
from wslb.model.sites import wide
from wslb.proxies.apache.conf.directives import tree_of
from wslb.proxies.apache.conf.effect import resolve
from wslb.proxies.apache.conf.textfiles import LocalFiles
from wslb.proxies.apache.dialect import ApacheDialect

__all__ = ["find_httpd"]

_ANOTHER = "Name an Apache httpd 2.4: --httpd FILE. wslb doctor says how to install one."


async def find_httpd(
    runtime: Runtime, dialect: ApacheDialect, *, binary: str | None, modules: str | None = None, mpm: str | None = None
) -> Installation:
    """Find httpd and what it can do; of several that are here, the first that can be used.

    Args:
        runtime: where it is to run.
        dialect: its language.
        binary: the program; None looks for one.
        modules: folder of its modules; None asks the program and looks where systems keep them.
        mpm: which it must have; None takes the best.

    Raises:
        RuntimeUnavailable: there is none, or it does not answer.
    """
    refusal: RuntimeUnavailable | None = None
    for name in (binary,) if binary else dialect.binaries:
        found = await runtime.find((name,))
        if found:
            try:
                return await _Program(runtime, dialect, found, modules=modules, mpm=mpm).installation()
            except RuntimeUnavailable as exc:
                refusal = refusal or exc
    raise refusal or RuntimeUnavailable(
        runtime=runtime.name,
        reason=f"{binary} is no program" if binary else "neither httpd nor apache2 was found",
        hint="wslb doctor says how to install it.",
    )


class _Program:
    """One program that may be an httpd."""

    def __init__(
        self, runtime: Runtime, dialect: ApacheDialect, binary: str, *, modules: str | None, mpm: str | None
    ) -> None:
        self._runtime = runtime
        self._dialect = dialect
        self._binary = binary
        self._modules = modules
        self._mpm = mpm

    async def installation(self) -> Installation:
        """What it can do, with the first folder from which it loads all that the main job needs."""
        told = await self._answer("-V")
        try:
            version, facts = self._dialect.parse_version(told)
        except EvidenceError as exc:
            raise self._refused(exc.detail) from exc
        built_in = self._dialect.parse_built_in(await self._answer("-l"))
        static = self._dialect.mpms(built_in, frozenset())
        if static and self._mpm not in {None, *static}:
            raise RuntimeUnavailable(
                runtime=self._runtime.name,
                reason=f"{self._binary} has MPM {static[0]} built in, so MPM {self._mpm} cannot be had",
                hint=f"Take --mpm {static[0]}, or another httpd: --httpd FILE.",
            )
        first: Installation | None = None
        async for folder in self._folders(told, static[0] if static else self._mpm or "event"):
            loadable = _modules(await self._runtime.listing(folder))
            if not loadable:
                continue
            found = await self._proved(
                Installation(
                    binary=self._binary,
                    modules_folder=folder,
                    version=version,
                    built_in=built_in,
                    loadable=loadable,
                    facts=facts,
                )
            )
            if not self._dialect.missing(wide(tls=False), found):
                return found
            first = first or found
        return first or Installation(
            binary=self._binary,
            modules_folder=self._modules or self._dialect.folders_beside(self._binary, "event")[0],
            version=version,
            built_in=built_in,
            loadable=frozenset(),
            mpm=static[0] if static else self._mpm or "event",
            facts=facts,
        )

    async def _answer(self, question: str) -> str:
        """What it prints when it is asked about itself."""
        try:
            return (await self._runtime.run([self._binary, question], timeout_seconds=10)).output
        except TimeoutError as exc:
            raise self._refused(f"it does not answer {question} within 10 s") from exc
        except OSError as exc:
            raise self._refused(f"it cannot be started: {(exc.strerror or str(exc)).lower()}") from exc

    def _refused(self, why: str) -> RuntimeUnavailable:
        return RuntimeUnavailable(
            runtime=self._runtime.name, reason=f"{self._binary} is not a working Apache httpd: {why}", hint=_ANOTHER
        )

    async def _folders(self, told: str, mpm: str) -> AsyncIterator[str]:
        """Where its modules may lie, the likeliest first and none twice."""
        seen: set[str] = set()
        async for folder in self._guesses(told, mpm):
            if folder not in seen:
                seen.add(folder)
                yield folder

    async def _guesses(self, told: str, mpm: str) -> AsyncIterator[str]:
        local = self._runtime.name == "local"
        if self._modules:
            yield str(Path(self._modules).absolute()) if local else self._modules
            return
        for folder in self._dialect.folders_beside(self._binary, mpm):
            yield folder
        root, file = self._dialect.own_configuration(told)
        if local and file:
            for folder in _loaded_from(root, file):
                yield folder
        beside = PurePosixPath(self._binary).parent
        apxs = await self._runtime.find((f"{beside}/apxs", f"{beside}/apxs2", "apxs", "apxs2"))
        if apxs:
            with contextlib.suppress(OSError, TimeoutError):
                asked = await self._runtime.run([apxs, "-q", "LIBEXECDIR"], timeout_seconds=10)
                if asked.returncode == 0 and asked.output.startswith("/"):
                    yield asked.output.splitlines()[0].strip()
        if root:
            yield f"{root}/modules"
        real = str(Path(self._binary).resolve()) if local else self._binary
        for folder in (*self._dialect.folders_beside(real, mpm), *self._dialect.usual_folders(mpm)):
            yield folder

    async def _proved(self, found: Installation) -> Installation:
        """The installation with an MPM that it can load, and with what it cannot load told from what it can."""
        there = [m for m in self._dialect.mpms(found.built_in, found.loadable) if self._mpm in {None, m}]
        unproved = replace(found, mpm=self._mpm or next(iter(there), "event"))
        for mpm in there:
            broken = {**self._dialect.unfit(mpm), **await self._broken(found, mpm)}
            proved = replace(found, mpm=mpm, broken=broken, facts={**found.facts, "mpm": mpm})
            if f"mpm_{mpm}" not in broken:
                return proved
            unproved = replace(unproved, broken={**unproved.broken, **broken})
        return unproved

    async def _broken(self, found: Installation, mpm: str) -> dict[str, str]:
        """Modules that it cannot load, with its loader's words: each is left out and the rest tried again."""
        dialect, broken = self._dialect, dict[str, str]()
        wanted = [n for n in dialect.probed(mpm) if n in found.loadable and n not in found.built_in]
        while names := [name for name in wanted if name not in broken]:
            file = await self._runtime.write("probe.conf", dialect.probe(names, found.modules_folder).encode())
            try:
                done = await self._runtime.run([found.binary, "-t", "-f", file])
            except TimeoutError:
                break
            stopped = dialect.unloadable(names, done.output) if done.returncode else None
            if stopped is None:
                break
            broken[stopped[0]] = stopped[1]
            if stopped[0].startswith("mpm_"):
                break
        return broken


def _modules(files: frozenset[str]) -> frozenset[str]:
    return frozenset(name[4:-3] for name in files if name.startswith("mod_") and name.endswith(".so"))


def _loaded_from(root: str, file: str) -> list[str]:
    """Folders that the LoadModule lines of a configuration name."""
    files = LocalFiles()
    text = files.read(file)
    if text is None:
        return []
    effect = resolve(tree_of(text, file), file, files)
    base = next((d.first for d in effect.directives if d.key == "serverroot" and d.first), root)
    named = (line.words[1] for line in effect.loaded.values() if len(line.words) > 1)
    return [str((PurePosixPath(base) / path).parent) for path in named if path.endswith(".so") and "${" not in path]
