"""The standard NodeSets that come with a build: all there, understood, and written again without loss."""

from __future__ import annotations

import os

import pytest

from gongfu.kernel.errors import NotFound
from gongfu.network.models import shipped
from gongfu.network.models.nodeset import comparing, reading, writing


@pytest.fixture(autouse=True)
def there() -> None:
    if not shipped.FOLDER.is_dir():
        assert not os.environ.get("GONGFU_REQUIRE_ALL"), "the NodeSets of the npm package are needed"
        pytest.skip("this build has no NodeSets of the npm package: it had no npm registry")


def test_every_file_of_the_package_is_offered_with_its_licence() -> None:
    files = {one.file for one in shipped.models()}
    assert len(files) == 38
    assert "MIT" in (shipped.FOLDER / "LICENSE.txt").read_text(encoding="utf-8")
    newest = next(one for one in shipped.models() if one.uri == "http://opcfoundation.org/UA/DI/")
    assert newest.label.startswith("DI 1.")
    assert newest.published > "2020"


def test_all_of_them_import_with_what_they_require_and_export_as_equivalent_models() -> None:
    catalogue = shipped.catalogue()
    assert not catalogue.unreadable
    missing: dict[str, set[str]] = {}
    for path in catalogue.paths:
        found = catalogue.load(path)
        again = reading.read_bytes(path.name, writing.write(found.nodeset))
        assert not list(comparing.differences(found.nodeset, again)), path.name
        if found.missing:
            missing[path.name] = {needed.uri for needed in found.missing}
    assert not missing


def test_a_file_that_is_not_among_them_is_not_found() -> None:
    with pytest.raises(NotFound):
        shipped.load("../../../../../etc/passwd")
