"""Drivers and documents keep what the manifests promise."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

from gongfu.network.drivers import matrix, registry
from gongfu.network.drivers.registry import BUILT_IN, Capability, Kind

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_document_has_the_table_of_the_manifests(language: str) -> None:
    text = (ROOT / "docs" / language / "devices.md").read_text("utf-8")
    assert matrix.BEGIN in text
    assert matrix.written(text, language) == text


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_driver_can_do_what_its_manifest_says(name: str) -> None:
    known = registry.manifest(name)
    module = importlib.import_module(f"gongfu.network.drivers.{name}.driver")
    asks = {Capability.BROWSE, Capability.WRITE, Capability.READ} & set(known.capabilities)
    if known.kind is Kind.FED:
        assert callable(module.open_feed)
    else:
        assert inspect.iscoroutinefunction(module.run)
        if asks:
            assert callable(module.open_session)
    if Capability.SIMULATE in known.capabilities:
        assert importlib.import_module(f"gongfu.network.drivers.{name}.simulator")
    tests = [
        file.read_text("utf-8")
        for folder in (ROOT / "tests" / "network" / name, ROOT / "tests" / "network" / "drivers" / name)
        for file in folder.glob("test_*.py")
    ]
    for capability in asks:
        if known.kind is Kind.POLLED:
            assert any(f".{capability.value}(" in text for text in tests), f"no test of {name} says {capability}"
