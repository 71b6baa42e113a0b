"""Static files under names that carry their content's hash, so that browsers may keep them for ever.

They are collected into the node's home when the web process starts and something has changed since. Where nothing
was collected, in tests for instance, pages name the files themselves.
"""

from __future__ import annotations

import fcntl
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from whitenoise.storage import CompressedManifestStaticFilesStorage

_KEY = "static.key"
_HASHED = re.compile(r"\.[0-9a-f]{12}\.")
# The documentation of the API is large and seldom read: it is served from its package. The extensions of htmx are
# written for a bundler, and nothing uses them.
_LEFT_OUT = ["ninja/*", "django_htmx/ext/*", "django_htmx/htm*-4*"]


class Storage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Hashed names when they are known, plain names otherwise."""

    support_js_module_import_aggregation = True
    manifest_strict = False

    def stored_name(self, name: str) -> str:
        """Name under which ``name`` is served."""
        return str(self.hashed_files.get(self.hash_key(self.clean_name(name)), name))


def collect() -> None:
    """Copy, hash and compress every static file, unless these very files were collected before."""
    root = Path(settings.STATIC_ROOT)
    root.parent.mkdir(parents=True, exist_ok=True)
    with root.with_name("static.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several web processes one collects, the others wait
        _collect(root)


def _collect(root: Path) -> None:
    key = _key()
    mark = root.with_name(_KEY)  # beside it: what is inside can be asked for
    if root.exists() and mark.is_file() and mark.read_text(encoding="ascii") == key:
        return
    call_command("collectstatic", interactive=False, verbosity=0, clear=root.exists(), ignore_patterns=_LEFT_OUT)
    mark.write_text(key, encoding="ascii")


@dataclass(frozen=True)
class StaticFile:
    """One collected file, and the same compressed when that is smaller."""

    path: Path
    zipped: Path | None
    content_type: str


def collected() -> dict[str, StaticFile]:
    """The collected files by their address."""
    root = Path(settings.STATIC_ROOT)
    found = {}
    for path in root.rglob("*"):
        if path.is_file() and path.suffix != ".gz" and _HASHED.search(path.name):
            zipped = path.with_name(f"{path.name}.gz")
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            found[f"{settings.STATIC_URL}{path.relative_to(root).as_posix()}"] = StaticFile(
                path, zipped if zipped.exists() else None, f"{kind}; charset=utf-8" if kind.startswith("text") else kind
            )
    return found


def _key() -> str:
    """Hash of names, sizes and times of all sources: quick, and different after every edit."""
    digest = hashlib.sha256(version("gongfu").encode())
    for finder in finders.get_finders():
        for name, storage in finder.list(_LEFT_OUT):
            stat = Path(storage.path(name)).stat()
            digest.update(f"{name}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()
