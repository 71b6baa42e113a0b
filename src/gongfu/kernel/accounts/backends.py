"""How a password is checked."""

from __future__ import annotations

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from gongfu.kernel.accounts.models import User


class PasswordBackend(BaseBackend):
    """User name and password. Takes the same time for a user that does not exist."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: object
    ) -> User | None:
        """The user, or ``None``."""
        if not username or password is None:
            return None
        user = User.objects.filter(username=username.lower()).first()
        if user is None:
            User().set_password(password)
            return None
        return user if user.check_password(password) and user.is_active else None

    def get_user(self, user_id: int) -> User | None:
        """The user of a session; ``None`` once it may no longer sign in."""
        return User.objects.filter(pk=user_id, is_active=True).first()
