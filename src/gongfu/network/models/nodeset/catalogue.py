"""Which files there are, which models they offer, and what each needs: NodeSets joined with their requirements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gongfu.kernel.errors import GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.network.models.nodeset import reading
from gongfu.network.models.nodeset.nodes import BASE, Model, NodeSet, Requirement
from gongfu.network.models.nodeset.space import Layer, Space


@dataclass(frozen=True)
class Offer:
    """A model in a file."""

    model: Model
    path: Path


@dataclass(frozen=True)
class Imported:
    """A NodeSet with everything it requires."""

    space: Space
    warnings: tuple[str, ...]
    missing: tuple[Requirement, ...] = ()
    """Required models that no file offers: what builds on them is known by its NodeId only."""

    @property
    def nodeset(self) -> NodeSet:
        """The file itself."""
        return self.space.main

    def complete(self) -> Imported:
        """Itself; raises :class:`NotFound` when a required model is missing."""
        for needed in self.missing:
            raise NotFound(
                mark("{file} requires {needed} {version}, and no file offers it."),
                remedy=mark("Add the NodeSet file of that model."),
                file=self.nodeset.file,
                needed=needed.uri,
                version=needed.version,
            )
        return self


class Catalogue:
    """Files that requirements are looked up in. Every file is read once."""

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self.unreadable: dict[Path, GongfuError] = {}
        self._offers: dict[str, list[Offer]] = {}
        self._layers: dict[Path, Layer] = {}
        for path in sorted(paths):
            self._look_at(path)

    @classmethod
    def of_folder(cls, folder: Path) -> Catalogue:
        """Every ``.xml`` file under ``folder``; what is no NodeSet stands in :attr:`unreadable`."""
        return cls(path for path in folder.rglob("*") if path.suffix.lower() == ".xml" and path.is_file())

    def add(self, nodeset: NodeSet) -> None:
        """Offer a NodeSet that was read already, under its file's name."""
        path = Path(nodeset.file)
        self._layers[path] = Layer(nodeset)
        for model in nodeset.models:
            self._offers.setdefault(model.uri, []).append(Offer(model, path))

    def forget(self, uri: str) -> None:
        """Offer this model no longer."""
        self._offers.pop(uri, None)

    def _look_at(self, path: Path) -> None:
        try:
            head = reading.read_head(path)
        except GongfuError as error:
            self.unreadable[path] = error
            return
        for model in head.models:
            self._offers.setdefault(model.uri, []).append(Offer(model, path))

    @property
    def paths(self) -> list[Path]:
        """Every file that offers something."""
        return sorted({offer.path for offers in self._offers.values() for offer in offers})

    def all_offers(self) -> list[tuple[Model, Path]]:
        """Every model with its file."""
        return [(offer.model, offer.path) for offers in self._offers.values() for offer in offers]

    def offers(self, uri: str) -> Sequence[Offer]:
        """Files that offer the model, newest first."""
        return sorted(self._offers.get(uri, ()), key=lambda offer: _age(offer.model), reverse=True)

    def load(self, path: Path) -> Imported:
        """The file with what it requires; raises :class:`Invalid` naming file and node."""
        return self.join(self._layer(path))

    def load_bytes(self, file: str, content: bytes) -> Imported:
        """The same of a file that is not among the catalogue's."""
        return self.join(Layer(reading.read_bytes(file, content)))

    def join(self, layer: Layer) -> Imported:
        """``layer`` on top of what it requires, from this catalogue."""
        warnings = list(layer.nodeset.warnings)
        below: dict[str, Layer] = {}
        missing: dict[str, Requirement] = {}
        own = [model.uri for model in layer.nodeset.models]
        for model in layer.nodeset.models:
            self._require(model, own, below, warnings, missing)
        if BASE not in own and BASE not in below and self.offers(BASE):
            # An old file does not say so, and yet every model stands on it.
            below = {BASE: self._layer(self.offers(BASE)[0].path), **below}
        unique = list({id(found): found for found in below.values() if found is not layer}.values())
        space = Space([*unique, layer], absent=missing)
        return Imported(space, tuple(dict.fromkeys([*warnings, *space.check()])), tuple(missing.values()))

    def _require(
        self,
        model: Model,
        path: Sequence[str],
        below: dict[str, Layer],
        warnings: list[str],
        missing: dict[str, Requirement],
    ) -> None:
        """Put what ``model`` requires into ``below``, deepest first."""
        for needed in model.requires:
            if needed.uri in below or needed.uri == model.uri:
                continue
            if needed.uri in path:
                raise Invalid(
                    mark("The models require each other in a circle: {models}."),
                    remedy=mark("Correct the list of required models in one of the files."),
                    models=" → ".join([*path[path.index(needed.uri) :], needed.uri]),
                )
            offer = self._choose(needed, model, warnings)
            if offer is None:
                missing[needed.uri] = needed
                continue
            layer = self._layer(offer.path)
            for other in layer.nodeset.models:
                self._require(other, [*path, other.uri], below, warnings, missing)
            for other in layer.nodeset.models:
                below.setdefault(other.uri, layer)

    def _choose(self, needed: Requirement, model: Model, warnings: list[str]) -> Offer | None:
        offers = self.offers(needed.uri)
        if not offers:
            warnings.append(f"{model.uri} requires {needed.uri} {needed.version}, and no file offers it")
            return None
        for offer in offers:
            if offer.model.version == needed.version or offer.model.published[:10] == needed.published[:10] != "":
                return offer
        newest = offers[0]
        if _age(newest.model) < _age(needed):
            warnings.append(
                f"{model.uri} requires {needed.uri} {needed.version} ({needed.published[:10]}), "
                f"there is {newest.model.version} ({newest.model.published[:10]})"
            )
        return newest

    def _layer(self, path: Path) -> Layer:
        if path not in self._layers:
            self._layers[path] = Layer(reading.read(path))
        return self._layers[path]


def _age(model: Model | Requirement) -> tuple[str, tuple[int, ...]]:
    """Later is greater: day of publication, then the numbers of the version."""
    numbers = tuple(int(part[:9]) for part in model.version.split(".") if part.isascii() and part.isdigit())
    return model.published[:10], numbers
