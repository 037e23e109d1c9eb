"""Draws the pictures of the README from a real run: ``python -m tools.screenshots``, with Chromium at hand.

Writes docs/report.png, docs/red.png and docs/console.png.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

DOCS = Path(__file__).parents[1] / "docs"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
WSLB = [sys.executable, "-m", "wslb"]


def report(page: Page, folder: Path) -> None:
    """The report of the article's family, with its balanced scenario open."""
    subprocess.run([*WSLB, "test", "lb", "headers", "article", "--report", str(folder)], check=True)
    page.goto(f"{(folder / 'report.html').as_uri()}#lb-byrequests")
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=DOCS / "report.png")


def red(page: Page, folder: Path) -> None:
    """The report of the configuration that the tutorial begins with."""
    configuration = re.findall(r"```apache\n(.*?)```", (DOCS / "tutorial.md").read_text(encoding="utf-8"), re.DOTALL)[0]
    (folder / "site.conf").write_text(configuration, encoding="utf-8")
    subprocess.run([*WSLB, "try", "site.conf", "--report", "try"], check=False, cwd=folder)
    page.goto((folder / "try" / "report.html").as_uri())
    page.screenshot(path=DOCS / "red.png")


def console(page: Page) -> None:
    """The console page on Apache, after one command and twenty connections."""
    lab = subprocess.Popen([*WSLB, "up", "--port", "18090", "--tls-port", "18491"], stdout=subprocess.PIPE, text=True)
    try:
        for line in lab.stdout or ():
            if "Ctrl+C" in line:
                break
        page.goto("http://127.0.0.1:18090/WSConsole.html")
        page.get_by_role("button", name="Connect 20 times").click()
        expect(page.locator("#log")).to_contain_text("Connected 20 times")
        page.locator("#connect").click()
        expect(page.locator("#log")).to_contain_text("Connected to")
        page.locator("#command").fill("WRKSBS")
        page.locator("#run").click()
        expect(page.locator("#log")).to_contain_text("L I S T I N G")
        page.screenshot(path=DOCS / "console.png")
    finally:
        lab.send_signal(signal.SIGINT)
        lab.wait(timeout=30)


def main() -> None:
    """Draw all."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_viewport_size({"width": 1080, "height": 640})
        report(page, Path(folder))
        red(page, Path(folder))
        page.set_viewport_size({"width": 1280, "height": 800})
        console(page)
        browser.close()


if __name__ == "__main__":
    main()
