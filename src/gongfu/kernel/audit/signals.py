"""Signing in, out, and failing to."""

from __future__ import annotations

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from gongfu.kernel.accounts.models import User
from gongfu.kernel.audit import services


def connect() -> None:
    """Listen to Django's own signals, so that no way of signing in is forgotten."""
    user_logged_in.connect(_signed_in, dispatch_uid="audit")
    user_logged_out.connect(_signed_out, dispatch_uid="audit")
    user_login_failed.connect(_failed, dispatch_uid="audit")


def _signed_in(sender: object, request: HttpRequest | None, user: User, **_: object) -> None:
    services.record(user, "sign_in", user, request=request)


def _signed_out(sender: object, request: HttpRequest | None, user: User | None, **_: object) -> None:
    if user is not None:
        services.record(user, "sign_out", user, request=request)


def _failed(sender: object, credentials: dict[str, str], request: HttpRequest | None = None, **_: object) -> None:
    name = str(credentials.get("username", ""))[:64]
    services.record(name, "sign_in_failed", User(username=name), request=request)
