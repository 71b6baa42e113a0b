"""The second factor: an authenticator app, and recovery codes for when it is lost.

Wrong codes are slowed by django-otp itself: 1, 2, 4, 8 … seconds for each device.
"""

from __future__ import annotations

import datetime as dt

from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django_otp import login as login_second_factor
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from gongfu.kernel.accounts.errors import SignInRefused
from gongfu.kernel.accounts.models import User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.i18n import mark

PENDING_FOR = dt.timedelta(minutes=5)
RECOVERY_CODES = 10
_PENDING = "sign_in_pending"
_PENDING_AT = "sign_in_pending_at"


def is_on(user: User) -> bool:
    """Whether the password alone is not enough."""
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


def remember_pending(request: HttpRequest, user: User) -> None:
    """The password was right; the second factor is still to come. Nobody is signed in yet."""
    request.session.cycle_key()
    request.session[_PENDING] = user.pk
    request.session[_PENDING_AT] = timezone.now().timestamp()


def pending_user(request: HttpRequest) -> User | None:
    """Who gave the right password within the last five minutes."""
    key = request.session.get(_PENDING)
    moment = request.session.get(_PENDING_AT, 0)
    if not isinstance(key, int) or timezone.now().timestamp() - moment > PENDING_FOR.total_seconds():
        return None
    return User.objects.filter(pk=key, is_active=True).first()


def check(user: User, code: str) -> Device:
    """The device that made ``code``: the authenticator, or a recovery code that is used up by this."""
    code = "".join(code.split()).lower()
    kind = TOTPDevice if code.isdigit() else StaticDevice
    with transaction.atomic():
        for device in kind.objects.select_for_update().filter(user=user, confirmed=True):
            if device.verify_token(code):
                return device
    raise SignInRefused(
        mark("This code does not fit."),
        remedy=mark("Wait for the next one, and check that the clock of your phone is right."),
    )


def complete(request: HttpRequest, user: User, device: Device | None = None) -> None:
    """Sign ``user`` in."""
    request.session.pop(_PENDING, None)
    login(request, user, backend="gongfu.kernel.accounts.backends.PasswordBackend")
    if device is not None:
        login_second_factor(request, device)


def new_authenticator(user: User) -> TOTPDevice:
    """The device ``user`` is setting up: the same one until it is confirmed, so that a reload shows the same code."""
    device, _new = TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "authenticator"})
    return device


def confirm(request: HttpRequest, user: User, code: str) -> list[str]:
    """Turn the second factor on; returns recovery codes, which nothing shows again. Raises :class:`SignInRefused`."""
    device = new_authenticator(user)
    if not device.verify_token("".join(code.split())):
        raise SignInRefused(
            mark("This code does not fit."),
            remedy=mark("Wait for the next one, and check that the clock of your phone is right."),
        )
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user, confirmed=True).delete()
        device.confirmed = True
        device.save()
        codes = new_recovery_codes(user)
        audit.record(user, "second_factor_on", user, request=request)
    login_second_factor(request, device)
    return codes


def new_recovery_codes(user: User) -> list[str]:
    """Ten codes that each work once in the place of the authenticator; the earlier ones stop working."""
    with transaction.atomic():
        StaticDevice.objects.filter(user=user).delete()
        device = StaticDevice.objects.create(user=user, name="recovery")
        codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
        StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes


def recovery_codes_left(user: User) -> int:
    """How many recovery codes still work."""
    return int(StaticToken.objects.filter(device__user=user).count())


def remove(request: HttpRequest, user: User) -> None:
    """From now on the password alone is enough."""
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user).delete()
        StaticDevice.objects.filter(user=user).delete()
        audit.record(user, "second_factor_off", user, request=request)
