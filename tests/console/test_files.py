"""What the build makes, and what pages ask of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from gongfu.console import modules, vendor
from gongfu.kernel.pages.menu import MenuEntry

ROOT = Path(__file__).parents[2]
TEMPLATES = [*ROOT.glob("src/gongfu/**/templates/**/*.html")]


def test_the_vendor_files_are_those_of_the_lock() -> None:
    assert vendor.vendor_ready()


def test_a_changed_lock_is_noticed(tmp_path: Path) -> None:
    for name in ("frontend/package.json", "frontend/package-lock.json", "frontend/icons.txt", "hatch_build.py"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes((ROOT / name).read_bytes() + b"\n")
    assert not vendor.vendor_ready(tmp_path)


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((ROOT / "frontend/package-lock.json").read_text("utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    for package in packages.values():
        assert "resolved" not in package
        assert package["integrity"].startswith("sha512-")


def test_every_icon_used_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'id="([\w-]+)"', (vendor.FOLDER / "icons.svg").read_text("utf-8")))
    used = {name for file in TEMPLATES for name in re.findall(r'{%\s*icon "([\w-]+)"', file.read_text("utf-8"))}
    used |= {entry.icon for entry in modules.menu_entries() if isinstance(entry, MenuEntry)}
    assert used
    assert used <= sprite


def test_scripts_only_use_texts_that_are_handed_to_them() -> None:
    from gongfu.console.texts import TEXTS

    scripts = [*(ROOT / "src/gongfu/console/static/console").rglob("*.js")]
    used = {text for file in scripts for text in re.findall(r'\btext\(\s*"([^"]+)"', file.read_text("utf-8"))}
    assert used
    assert used <= set(TEXTS)


def test_styles_and_scripts_call_no_other_host() -> None:
    for file in (ROOT / "src/gongfu/console/static/console").rglob("*"):
        if file.suffix in {".css", ".js"}:
            addresses = re.findall(r"https?://[^\s\"'`)]+", file.read_text("utf-8"))
            assert set(addresses) <= {"http://www.w3.org/2000/svg"}, file
