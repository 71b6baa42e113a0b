"""Every NodeSet2 file of a folder, and those that come with the build: read, joined, written again, and compared.

    GONGFU_NODESETS=/where/they/are gongfu bench models --json

``nodesets_imported`` are those that joined and whose re-export reads back as an equivalent information model;
``nodesets_incomplete`` are those among them that require a model no file of the folder offers. ``seconds`` is all
of it. Without the variable the folder ``../shared/data/nodesets`` beside the checkout or one level up is taken.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import harness

from gongfu.kernel.errors import GongfuError
from gongfu.network.models import library, shipped
from gongfu.network.models.nodeset import comparing, reading, writing
from gongfu.network.models.nodeset.catalogue import Catalogue
from gongfu.network.models.nodeset.members import type_model

_ABOVE = Path(__file__).resolve().parents[2:4]


def folder() -> Path:
    """Where the files are."""
    named = os.environ.get("GONGFU_NODESETS")
    if named:
        return Path(named)
    places = [above / "shared" / "data" / "nodesets" for above in _ABOVE]
    return next((place for place in places if place.is_dir()), places[0])


def run(quick: bool) -> harness.Result:
    """Measure; ``quick`` takes every tenth file."""
    started = time.perf_counter()
    catalogues = [Catalogue.of_folder(folder()), shipped.catalogue()]
    imported = incomplete = types = members = nodes = 0
    failed = {path.name: str(error) for one in catalogues for path, error in one.unreadable.items()}
    files = [(one, path) for one in catalogues for path in one.paths]
    for catalogue, path in files[:: 10 if quick else 1]:
        try:
            found = catalogue.load(path)
            for node in found.space.types():
                types += 1
                members += sum(1 for _ in type_model(found.space, node.id).walk())
            again = reading.read_bytes(path.name, writing.write(found.nodeset))
        except GongfuError as error:
            failed[path.name] = str(error)
            continue
        difference = next(comparing.differences(found.nodeset, again), None)
        if difference is not None:
            failed[path.name] = f"not equivalent after export: {difference}"
            continue
        imported += 1
        incomplete += bool(found.missing)
        nodes += len(found.nodeset.nodes)
    seconds = round(time.perf_counter() - started, 2)
    for name, reason in failed.items():
        sys.stderr.write(f"{name}: {reason}\n")
    metrics = {
        "nodesets_imported": imported,
        "nodesets_failed": len(failed),
        "nodesets_incomplete": incomplete,
        "nodes": nodes,
        "object_types": types,
        "members": members,
        "library_types": len(library.types()),
        "seconds": seconds,
    }
    missing = {} if imported or failed else {"nodesets_imported": f"no files in {folder()}; set GONGFU_NODESETS"}
    baselines = {"files_of_the_folder": len(catalogues[0].paths), "files_of_the_build": len(catalogues[1].paths)}
    return harness.result("models", metrics, baselines, started, missing)
