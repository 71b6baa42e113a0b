"""The published templates of this node, remembered until one is added."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from gongfu.identity.business import services as business
from gongfu.identity.business.fields import Field, TemplateSpec, parse_reference


class Specs:
    """Templates by reference, as of one moment; a published one never changes."""

    def __init__(self, by_reference: Mapping[str, TemplateSpec]) -> None:
        self.by_reference = by_reference
        self._fields: dict[str, list[Field]] = {}
        for spec in by_reference.values():
            for field in spec.fields:
                known = self._fields.setdefault(field.key, [])
                if all((field.type, field.unit, field.choices) != (k.type, k.unit, k.choices) for k in known):
                    known.append(field)

    def get(self, reference: str) -> TemplateSpec | None:
        """The template that an identifier names; None for an empty or unknown name."""
        return self.by_reference.get(reference)

    def fields(self, template: str = "") -> Mapping[str, Sequence[Field]]:
        """Every different field by key; of one template, in one version or in all of them, when it is named."""
        if not template:
            return self._fields
        chosen = {name: spec for name, spec in self.by_reference.items() if template in (name, family(name))}
        return Specs(chosen).fields()


def family(reference: str) -> str:
    """``operator/machinery`` of ``operator/machinery@2``."""
    parsed = parse_reference(reference)
    return f"{parsed[0]}/{parsed[1]}" if parsed else reference


_known: tuple[object, Specs] = (None, Specs({}))
_reading = threading.Lock()


def specs() -> Specs:
    """Those of now; one short query, and more only after a change."""
    global _known
    mark = business.published_mark()
    with _reading:
        if _known[0] != mark:
            _known = (mark, Specs(business.published()))
        return _known[1]
