"""The SQL page in a real browser: type, complete, run, draw, save."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from enterprises import Served, World

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.journey,
]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
SQL = (
    "SELECT toStartOfMinute(time) AS minute, device, round(avg(value), 1) AS mean FROM points"
    " GROUP BY minute, device ORDER BY minute"
)


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="there is no Chromium on this machine")
def test_a_query_is_completed_run_drawn_and_saved(world: World, web: Served) -> None:
    from playwright.sync_api import sync_playwright

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright keeps an event loop in this thread
    shots = Path(os.environ["ACCESS_SHOTS"]) if "ACCESS_SHOTS" in os.environ else None
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(30_000)
        faults: list[str] = []
        page.on("console", lambda found: faults.append(found.text) if found.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        address = f"http://127.0.0.1:{web.port}"
        page.goto(f"{address}/sign-in/")
        page.fill("#username", "li")
        page.fill("#password", "correct-horse-9")
        page.click("form[action='/sign-in/'] button")
        page.wait_for_url(f"{address}/")
        page.goto(f"{address}/data/sql/")
        page.wait_for_selector("#sql-catalogue summary:has-text('points')", state="attached")
        page.fill("#sql", "")
        page.type("#sql", "SELECT count() FROM poi")
        page.wait_for_selector(".sql-words li:has-text('points')")
        if shots:
            page.screenshot(path=shots / "sql-words.png")
        page.keyboard.press("Tab")
        assert page.input_value("#sql") == "SELECT count() FROM points"
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("#sql-table td:has-text('3600')")
        page.fill("#sql", SQL)
        page.click("#sql-run")
        page.wait_for_selector("#sql-table td:has-text('PUMP-1')")
        if shots:
            page.screenshot(path=shots / "sql-table.png")
        page.click("[data-show=line]")
        page.wait_for_selector("#sql-chart canvas")
        if shots:
            page.wait_for_timeout(300)
            page.screenshot(path=shots / "sql-line.png")
        page.fill("#sql-save [name=name]", "Minutes")
        page.click("#sql-save button")
        page.wait_for_selector("h1:has-text('Minutes')")
        assert page.input_value("#sql-save [name=chart]").startswith("line:minute:mean")
        page.fill("#sql", "SELECT nothing FROM points")
        page.click("#sql-run")
        page.wait_for_selector("#sql-error:has-text('nothing')")
        if shots:
            for name in ("sql", "exports", "exports/new", "queries", "export-runs"):
                page.goto(f"{address}/data/{name}{'' if name.endswith('new') else '/'}")
                page.wait_for_timeout(400)
                page.screenshot(path=shots / f"{name.replace('/', '-')}-1440.png")
            page.set_viewport_size({"width": 390, "height": 844})
            for name in ("sql", "exports", "exports/new"):
                page.goto(f"{address}/data/{name}{'' if name.endswith('new') else '/'}")
                page.wait_for_timeout(400)
                page.screenshot(path=shots / f"{name.replace('/', '-')}-390.png", full_page=True)
        browser.close()
    assert [fault for fault in faults if "422" not in fault] == []
