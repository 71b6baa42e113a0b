"""From an address to a target."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gongfu.data.backup.targets.folder import Folder
from gongfu.data.backup.targets.s3 import S3
from gongfu.data.backup.targets.signing import Credentials
from gongfu.data.backup.targets.target import Target
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import Settings

_SCHEME: Final = "s3://"


def open_target(address: str, settings: Settings) -> Target:
    """A folder, or ``s3://bucket/prefix`` with the settings ``s3_*``; raises :class:`Invalid`."""
    if not address:
        raise Invalid(
            mark("No place for backups is named."),
            remedy=mark("Name a folder or s3://bucket/prefix, or set backup_to."),
        )
    if not address.startswith(_SCHEME):
        if "://" in address:
            raise Invalid(
                mark("{address} is no place for backups."),
                remedy=mark("Name a folder or s3://bucket/prefix."),
                address=address.partition("://")[0],
            )
        return Folder(Path(address).expanduser().absolute())
    parts = urlsplit(address)
    if not parts.netloc or not settings.s3_access_key or not settings.s3_secret_key:
        raise Invalid(
            mark("{address} cannot be reached without bucket and keys."),
            remedy=mark("Write s3://bucket/prefix and set s3_access_key and s3_secret_key."),
            address=address,
        )
    endpoint = settings.s3_endpoint or f"https://s3.{settings.s3_region}.amazonaws.com"
    credentials = Credentials(settings.s3_access_key, settings.s3_secret_key, settings.s3_region)
    return S3(endpoint, parts.netloc, parts.path.strip("/"), credentials)


def inside(address: str, home: Path) -> set[Path]:
    """The folder of the backups when it lies in ``home``: it is no part of what is backed up."""
    if "://" in address:
        return set()
    path = Path(address).expanduser().absolute()
    return {path} if path.is_relative_to(home) else set()
