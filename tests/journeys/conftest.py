"""A real browser in front of a web process with two enterprises, or in front of a node that runs already.

``GONGFU_JOURNEY_URL`` and ``GONGFU_JOURNEY_PASSWORD`` (of ``admin``) name a running node; without them a web process
alone is started on an empty home, with devices in its database and no store or bus behind it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
# What the web process says when store or bus are away is meant; everything else on a browser's console is a fault.
_MEANT = ("/data/telemetry/",)
# htmx gives up a request when the next one, or the next page, takes its place, and calls that an error.
_SUPERSEDED = ("htmx:sendAbort", "htmx:afterRequest")


@dataclass(frozen=True)
class Node:
    """Where to sign in, and how."""

    url: str
    password: str
    alone: bool
    """Whether only the web process runs."""
    home: Path | None = None
    """Of the web process that we started."""


@dataclass
class Visit:
    """A signed-in page that remembers everything that should not have happened."""

    page: Page
    node: Node
    size: str
    language: str
    theme: str
    faults: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go there, as a person would, and wait until the page is quiet."""
        self.page.goto(self.node.url + path)
        self.page.wait_for_load_state("load")
        self.page.wait_for_timeout(150)

    def photograph(self, name: str) -> None:
        """Keep what is seen under ``screenshots/``."""
        SCREENSHOTS.mkdir(exist_ok=True)
        file = f"{name}-{self.size}-{self.language[:2]}-{self.theme}.png"
        self.page.screenshot(path=SCREENSHOTS / file, full_page=self.size == "phone")


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """The node of the environment, or a web process of our own."""
    if given := os.environ.get("GONGFU_JOURNEY_URL"):
        yield Node(given.rstrip("/"), os.environ["GONGFU_JOURNEY_PASSWORD"], alone=False)
        return
    home, port, password = tmp_path_factory.mktemp("journey"), _free_port(), secrets.token_urlsafe(12)
    environment = os.environ | {"GONGFU_HOME": str(home), "GONGFU_WEB_PORT": str(port), "JOURNEY_PASSWORD": password}
    for name in ("BUS", "STORE", "SUPERVISOR", "RESOLVER"):
        environment[f"GONGFU_{name}_PORT"] = str(_free_port())
    subprocess.run([sys.executable, str(Path(__file__).with_name("seed.py"))], env=environment, check=True)
    with (home / "web.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "gongfu.cli", "web"], env=environment, stdout=log, stderr=log)
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None, (home / "web.log").read_text("utf-8")
            try:
                opener.open(f"http://127.0.0.1:{port}/readyz", timeout=2).close()
                break
            except OSError:
                assert time.monotonic() < deadline, (home / "web.log").read_text("utf-8")
                time.sleep(0.2)
        yield Node(f"http://127.0.0.1:{port}", password, alone=True, home=home)
    finally:
        process.terminate()
        try:
            process.wait(12)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium of this machine. Playwright keeps an event loop running, which asyncio's tests must not meet."""
    if not Path(CHROMIUM).exists():
        if os.environ.get("GONGFU_REQUIRE_ALL"):
            pytest.fail("Chromium is needed: apt-get install chromium")
        pytest.skip("there is no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        # As root, in a container: no sandbox and no graphics.
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield found
        found.close()


Visitor = Callable[..., Visit]


@pytest.fixture
def visit(browser: Browser, node: Node) -> Iterator[Visitor]:
    """Sign in with a window of some size, a language and a theme; at the end nothing forbidden has happened."""
    made: list[Visit] = []

    def start(
        size: str = "desktop",
        language: str = "zh-hans",
        theme: str = "light",
        *,
        scripts: bool = True,
        username: str = "admin",
    ) -> Visit:
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            is_mobile=size == "phone",
            has_touch=size == "phone",
            java_script_enabled=scripts,
        )
        context.set_default_timeout(15_000)
        page = context.new_page()
        found = Visit(page, node, size, language, theme)
        made.append(found)
        _watch(found)
        # Nobody but the administrator has much of a start page to wait for.
        page.goto(f"{node.url}/sign-in/" + ("" if username == "admin" else "?next=/about/"))
        page.fill("#username", username)
        page.fill("#password", node.password)
        page.click("form[action='/sign-in/'] button")
        page.wait_for_url(lambda url: "/sign-in/" not in url)
        if page.get_attribute("html", "lang") != language:
            if size == "phone":
                page.locator("details.menu:has(a[href='/me/']) > summary").click()
            page.locator("form[action='/me/language'] button:visible").first.click()
            page.wait_for_selector(f"html[lang='{language}']")
        return found

    yield start
    faults = [fault for one in made for fault in one.faults]
    for one in made:
        one.page.context.close()
    assert not faults, "\n".join(faults)


def _watch(visit: Visit) -> None:
    def message(found: ConsoleMessage) -> None:
        address = found.location.get("url", "")
        if found.text.startswith(_SUPERSEDED):
            return
        if found.type in ("error", "warning") and not (visit.node.alone and any(part in address for part in _MEANT)):
            visit.faults.append(f"{visit.page.url}: {found.type}: {found.text}")

    def request(found: Request) -> None:
        if not found.url.startswith((visit.node.url, "data:", "blob:")):
            visit.faults.append(f"{visit.page.url}: asked another host: {found.url}")

    visit.page.on("console", message)
    visit.page.on("request", request)
    visit.page.on("pageerror", lambda error: visit.faults.append(f"{visit.page.url}: {error}"))
