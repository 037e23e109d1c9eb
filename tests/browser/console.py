"""The console page as its user sees it: fields, buttons, lines of the log."""

from __future__ import annotations

import re
from collections.abc import Mapping

from playwright.async_api import Locator, Page, expect

from wslb.lab.lab import Lab
from wslb.model.balancer import Listener

__all__ = ["Console"]


class Console:
    """One console page."""

    def __init__(self, page: Page, lab: Lab) -> None:
        self.page = page
        self.lab = lab

    def __getattr__(self, name: str) -> Locator:
        """The element with this id, such as ``console.uri``."""
        return self.page.locator(f"#{name}")

    def address(self, listener: Listener = Listener.PLAIN) -> str:
        """URL of the page on a side of the proxy."""
        front = self.lab.proxy.front
        return f"{'https' if listener is Listener.TLS else 'http'}://{front.host}:{front.port(listener)}/WSConsole.html"

    async def load(self, listener: Listener = Listener.PLAIN, query: str = "") -> Console:
        """Load the page from the proxy's document root."""
        await self.page.goto(self.address(listener) + query)
        return self

    async def load_from(self, backend: str, scheme: str = "ws") -> Console:
        """Load the page from a backend itself."""
        info = self.lab.fleet[backend].info
        await self.page.goto(f"{scheme.replace('ws', 'http', 1)}://{self.at(backend, scheme)}{info.page_path}")
        return self

    def at(self, backend: str, scheme: str = "ws") -> str:
        """Host and port of a backend's listener."""
        return self.lab.addresses[f"{scheme}://{backend}"]

    def echo(self, backend: str = "node") -> str:
        """URI of a backend's echo endpoint."""
        return f"ws://{self.at(backend)}{self.lab.fleet[backend].info.echo_path}"

    async def open(self, uri: str | None = None) -> Console:
        """Press Connect, and wait until the state is Open."""
        if uri is not None:
            await self.uri.fill(uri)
        await self.connect.click()
        await expect(self.status).to_contain_text("Open")
        return self

    async def answered(self) -> str:
        """Backend whose greeting the state shows."""
        await expect(self.status).to_have_text(re.compile("^Open · [A-Z]: "))
        shown = (await self.status.inner_text()).partition(": ")[2]
        [name] = [name for name, greeting in self.greetings.items() if greeting.removesuffix(".").endswith(f" {shown}")]
        return name

    @property
    def greetings(self) -> Mapping[str, str]:
        """Greeting of every backend."""
        return {name: backend.info.greeting for name, backend in self.lab.fleet.items()}

    async def end(self) -> None:
        """Press Disconnect, and wait until the state is Closed."""
        await self.disconnect.click()
        await expect(self.status).to_have_text("Closed")

    async def send(self, text: str) -> None:
        """Type a command and press Enter."""
        await self.command.fill(text)
        await self.command.press("Enter")

    def lines(self, kind: str = "entry") -> Locator:
        """Lines of the log: all, or those of a kind (sent, received, event, bad)."""
        return self.page.locator(f"#log .{kind}:not([hidden])")

    def line(self, text: str | re.Pattern[str], kind: str = "entry") -> Locator:
        """Lines whose content holds this text."""
        return self.lines(kind).filter(has=self.page.locator(".body", has_text=text))

    def bodies(self, kind: str = "entry") -> Locator:
        """Contents of the lines; the page draws them once in a frame, so they are expected, not read."""
        return self.lines(kind).locator(".body")

    async def texts(self, kind: str = "entry") -> list[str]:
        """Contents of the lines, once something else was expected that came behind them."""
        return await self.bodies(kind).all_text_contents()

    async def strip(self) -> str:
        """Letters of the strip, one for each connection."""
        return "".join(await self.page.locator("#strip b").all_text_contents())

    async def strip_cells(self) -> list[str]:
        """Text of each cell of the strip, as a screen reader gets it."""
        return await self.page.locator("#strip li").all_text_contents()
