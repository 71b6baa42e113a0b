"""``gongfu messages``: every text that people see is in the Chinese catalogue of its room.

A developer's tool: it needs a checkout and Babel. It finds ``mark("…")`` and gettext calls in Python, and
the translation tags of Django's templates, and the help of options in manifests of drivers, without GNU gettext.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import PACKAGE, mark

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

_PLAIN = {"mark", "_", "gettext", "gettext_lazy", "gettext_noop"}
_PLURAL = {"ngettext", "ngettext_lazy"}
_CONTEXT = {"pgettext", "pgettext_lazy"}
_FIELDS = re.compile(r"%\((\w+)\)[sd]|\{(\w+)[^{}]*\}")

_HEADER = b"""\
msgid ""
msgstr ""
"Language: zh_Hans\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

"""

Message = tuple[str, str, str]
"""Context (empty: none), text, and its plural (empty: none)."""


def run(*, check: bool) -> None:
    """Add what is missing, drop what is unused, compile; with ``check`` change nothing and raise :class:`Conflict`."""
    problems = []
    catalogues = {room: read(room) for room in rooms()}
    for room, catalogue in catalogues.items():
        wanted = texts(room)
        if check:
            problems += [f"{room.name}: {problem}" for problem in faults(catalogue, wanted)]
        elif wanted or len(catalogue):
            update(room, catalogue, wanted)
    if check:
        problems += ambiguities({room.name: catalogue for room, catalogue in catalogues.items()})
    if problems:
        raise Conflict(
            mark("The translations are not complete:\n{problems}\n"),
            remedy=mark("Run gongfu messages and fill in the empty ones."),
            problems="\n".join(problems),
        )


def rooms() -> list[Path]:
    """The package's rooms."""
    return sorted(path for path in PACKAGE.iterdir() if (path / "__init__.py").exists())


def faults(catalogue: Catalog, wanted: set[Message]) -> list[str]:
    """What is missing, empty, uncertain, unused, or names other fields than its source."""
    used = {(context, text) for context, text, _ in wanted}
    found = [f"not used any more: {text!r}" for context, text, _ in entries(catalogue) if (context, text) not in used]
    for context, text, plural in sorted(wanted):
        entry = catalogue.get(text, context or None)
        text_or_forms = entry.string if entry else None
        strings = [text_or_forms] if isinstance(text_or_forms, str) else list(text_or_forms or ())
        if entry is None or not all(strings) or not strings or (plural and not entry.pluralizable):
            found.append(f"missing: {text!r}")
        elif entry.fuzzy:
            found.append(f"uncertain: {text!r}")
        elif any(fields(string) != fields(text) for string in strings):
            found.append(f"other fields than its source: {text!r}")
    return found


def entries(catalogue: Catalog) -> Iterator[tuple[str, str, str]]:
    """Context, text and translation of every entry."""
    for entry in catalogue:
        text = entry.id if isinstance(entry.id, str) else entry.id[0]
        string = entry.string if isinstance(entry.string, str) else "".join(entry.string or ())
        if text:
            yield entry.context or "", text, string


def ambiguities(catalogues: Mapping[str, Catalog]) -> list[str]:
    """Texts that two rooms translate differently: a running node has one catalogue, so one of them would lose."""
    translations: dict[tuple[str, str], dict[str, str]] = {}
    for room, catalogue in catalogues.items():
        for context, text, string in entries(catalogue):
            if string:
                translations.setdefault((context, text), {}).setdefault(string, room)
    return [
        f"{text!r} is translated differently in {' and '.join(sorted(by_string.values()))}"
        for (_, text), by_string in sorted(translations.items())
        if len(by_string) > 1
    ]


def fields(text: str) -> set[str]:
    """Names of what is filled in."""
    return {name or other for name, other in _FIELDS.findall(text)}


def texts(room: Path) -> set[Message]:
    """Everything marked for translation in ``room``."""
    found: set[Message] = set()
    for path in room.rglob("*.py"):
        if "migrations" not in path.parts:
            found.update(python_texts(path.read_text(encoding="utf-8")))
    for path in room.rglob("templates/**/*"):
        if path.suffix in (".html", ".txt"):
            found.update(template_texts(path.read_text(encoding="utf-8")))
    for path in room.rglob("manifest.toml"):
        found.update(manifest_texts(path.read_text(encoding="utf-8")))
    return found


def manifest_texts(source: str) -> Iterator[Message]:
    """What a driver's manifest says of its options: it stands beside the fields of a form."""
    for option in tomllib.loads(source).get("options", {}).values():
        if option.get("help"):
            yield "", option["help"], ""


def python_texts(source: str) -> Iterator[Message]:
    """Constant arguments of the translating functions."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        strings = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        if name in _PLAIN and len(strings) == 1 and strings[0]:
            yield "", strings[0], ""
        elif name in _PLURAL and len(strings) == 2:
            yield "", strings[0], strings[1]
        elif name in _CONTEXT and len(strings) == 2:
            yield strings[0], strings[1], ""


def template_texts(source: str) -> Iterator[Message]:
    """Texts of ``{% translate %}``, ``{% blocktranslate %}`` and ``_("…")``, through Django's own reader."""
    from django.conf import settings
    from django.utils.translation.template import templatize

    if not settings.configured:
        settings.configure()
    for line in templatize(source).splitlines():
        for call in re.finditer(r"\b(?:n|p)?gettext\(|\b_\(", line):
            yield from _call_texts(line[call.start() :])


def _call_texts(text: str) -> Iterator[Message]:
    """The messages of the call that ``text`` begins with; what follows it is not looked at."""
    for end in (match.end() for match in re.finditer(r"\)", text)):
        try:
            tree = ast.parse(text[:end], mode="eval")
        except SyntaxError:
            continue
        yield from python_texts(ast.unparse(tree))
        return


def read(room: Path) -> Catalog:
    """The Chinese catalogue of ``room``, empty when there is none."""
    from babel.messages.catalog import Catalog
    from babel.messages.pofile import read_po

    path = catalogue_path(room)
    if not path.exists():
        return Catalog(locale="zh_Hans")
    with path.open("rb") as file:
        return read_po(file, locale="zh_Hans")


def update(room: Path, catalogue: Catalog, wanted: set[Message]) -> None:
    """Write the catalogue with what was missing, without what is unused, sorted, and compile it."""
    from babel.messages.mofile import write_mo

    used = {(context, text) for context, text, _ in wanted}
    for context, text, _ in list(entries(catalogue)):
        if (context, text) not in used:
            catalogue.delete(text, context or None)
    for context, text, plural in wanted:
        if catalogue.get(text, context or None) is None:
            catalogue.add((text, plural) if plural else text, context=context or None)
    path = catalogue_path(room)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = written(catalogue)
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)
        sys.stdout.write(f"{path}\n")
    with path.with_suffix(".mo").open("wb") as file:
        write_mo(file, catalogue)


def written(catalogue: Catalog) -> bytes:
    """The catalogue as it stands in its file: sorted, one line a text, a header without dates and names."""
    from babel.messages.pofile import write_po

    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=0, sort_output=True, no_location=True, omit_header=True)
    return _HEADER + buffer.getvalue().rstrip(b"\n") + b"\n"


def catalogue_path(room: Path) -> Path:
    """Where the Chinese texts of ``room`` stand."""
    return room / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
