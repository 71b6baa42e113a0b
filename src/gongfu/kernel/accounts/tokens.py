"""API tokens: made once, shown once, kept as a digest."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets

from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from gongfu.kernel.accounts.models import ApiToken, User
from gongfu.kernel.errors import Forbidden
from gongfu.kernel.i18n import mark

PREFIX = "gongfu_"
"""Scanners of leaked secrets recognise a prefix."""


def create(user: User, name: str, *, read_only: bool = True, days: int | None = None) -> tuple[ApiToken, str]:
    """A new token and its text, which cannot be had again."""
    text = PREFIX + secrets.token_urlsafe(32)
    expires = timezone.now() + dt.timedelta(days=days) if days else None
    token = ApiToken.objects.create(user=user, name=name, digest=_digest(text), read_only=read_only, expires_at=expires)
    return token, text


def find(text: str) -> ApiToken | None:
    """The valid token with this text."""
    token = ApiToken.objects.select_related("user").filter(digest=_digest(text)).first()
    return token if token and token.is_valid else None


def touch(token: ApiToken) -> None:
    """Remember that ``token`` was used, to the minute."""
    now = timezone.now()
    if token.used_at is None or now - token.used_at > dt.timedelta(minutes=1):
        ApiToken.objects.filter(pk=token.pk).update(used_at=now)


class TokenAuth(HttpBearer):
    """``Authorization: Bearer gongfu_…``."""

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        """The token's user; raises :class:`Forbidden` when a read-only token wants to write."""
        found = find(token)
        if found is None:
            return None
        if found.read_only and request.method not in ("GET", "HEAD", "OPTIONS"):
            raise Forbidden(
                mark("This API token may only read."),
                remedy=mark("Create one that may write."),
            )
        touch(found)
        request.user = found.user
        return found.user


def _digest(text: str) -> str:
    # A token has 256 random bits: one SHA-256 is enough, and a lookup by index needs it unsalted.
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
