"""The standard NodeSets that come with the programme: those of the npm package ``node-opcua-nodesets``.

The build puts them in the folder ``vendor`` beside this file, unchanged. A build without the npm registry has none.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import mark
from gongfu.network.models.nodeset.catalogue import Catalogue, Imported
from gongfu.network.models.nodeset.nodes import BASE

FOLDER = Path(__file__).parent / "vendor"


class Shipped(msgspec.Struct, frozen=True):
    """One model in one of the files. ``file``: path below the folder."""

    file: str
    uri: str
    version: str
    published: str
    """Day, as ISO 8601."""

    @property
    def label(self) -> str:
        """What people choose by: the end of the URI, and the version."""
        name = "OPC UA" if self.uri == BASE else self.uri.removeprefix(BASE).removeprefix("http://").strip("/")
        return f"{name} {self.version}".strip()


def catalogue() -> Catalogue:
    """The files to look requirements up in; only their heads are read until one is needed."""
    return Catalogue.of_folder(FOLDER) if FOLDER.is_dir() else Catalogue()


def models() -> list[Shipped]:
    """Every model that is there, by its URI, newest first."""
    offers = catalogue().all_offers()
    found = [
        Shipped(str(path.relative_to(FOLDER)), model.uri, model.version, model.published[:10]) for model, path in offers
    ]
    return sorted(sorted(found, key=lambda one: (one.published, one.version), reverse=True), key=lambda one: one.uri)


def load(file: str) -> Imported:
    """One file with what it requires; raises :class:`NotFound` for a name that is not among :func:`models`."""
    known = catalogue()
    path = next((path for path in known.paths if str(path.relative_to(FOLDER)) == file), None)
    if path is None:
        raise NotFound(mark("No NodeSet {file} came with this build."), file=file[:200])
    return known.load(path)
