"""The recipes of the README read the lines that stand beside them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from gongfu.network.drivers import registry
from gongfu.network.drivers.lines import driver
from gongfu.network.drivers.lines.address import Command, parse
from gongfu.network.drivers.lines.options import options_of
from gongfu.network.drivers.lines.translator import Problem, Translator, matchers
from gongfu.network.gateway.config import DeviceConfig, TagConfig

README = (Path(driver.__file__).parent / "README.md").read_text("utf-8")
RECIPES = [tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", README, re.DOTALL)]


def test_the_readme_has_recipes() -> None:
    assert len(RECIPES) >= 6


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe["line"])
def test_a_recipe_reads_its_line(recipe: dict[str, object]) -> None:
    wanted, commands, line = recipe.pop("tags"), recipe.pop("commands", {}), recipe.pop("line")
    assert isinstance(wanted, dict)
    assert isinstance(commands, dict)
    kinds = {bool: "boolean", float: "number", str: "text"}
    tags = [
        TagConfig(series=index, name=address, address=address, kind=kinds[type(value)])
        for index, (address, value) in enumerate(wanted.items())
    ]
    config = DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="x",
        driver="lines",
        options={"line": "/dev/ttyUSB0", **recipe},  # type: ignore[dict-item]
        tags=tags,
    )
    options, _, speech = options_of(registry.complete(config))
    translator = Translator(tags, matchers(options.pattern), speech.checksum, options.encoding)
    samples = translator.samples(str(line).encode(), 1)
    assert not isinstance(samples, Problem)
    assert {tags[sample.series].address: sample.value for sample in samples} == wanted
    for name, address in commands.items():
        command = parse(TagConfig(series=0, name=name, address=address, kind="boolean"))
        assert isinstance(command, Command)
        assert matchers(command.answer)
