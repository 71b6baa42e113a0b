"""The door of accounts: organisations, users, first run, the active organisation."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from gongfu.kernel.accounts.models import Membership, Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.errors import Conflict, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import Settings

_ACTIVE = "gongfu.organisation"


@dataclass(frozen=True)
class FirstRun:
    """The administrator a new node begins with; the password is nowhere else."""

    username: str
    password: str


def user_of(request: HttpRequest) -> User:
    """Who is signed in; raises :class:`NotFound` for nobody, which the middleware has excluded before."""
    if isinstance(request.user, User):
        return request.user
    raise NotFound(mark("Nobody is signed in."), remedy=mark("Sign in first."))


def visible_organisations(user: User) -> QuerySet[Organisation]:
    """Organisations ``user`` may know of."""
    return Organisation.objects.visible_to(user)


def organisation_ids(user: User) -> list[int]:
    """Keys of :func:`visible_organisations`, for stores that are not the database (telemetry, live streams)."""
    return list(visible_organisations(user).values_list("pk", flat=True))


def create_organisation(
    code: str,
    name: str,
    *,
    name_en: str = "",
    kind: str = Organisation.Kind.ENTERPRISE,
    parent: Organisation | None = None,
    credit_code: str = "",
) -> Organisation:
    """A new organisation; raises :class:`Invalid` naming the field, :class:`Conflict` when the code is taken."""
    organisation = Organisation(
        code=code, name=name, name_en=name_en, kind=kind, parent=parent, credit_code=credit_code
    )
    if Organisation.objects.filter(code=code).exists():
        raise Conflict(
            mark("The code {code} belongs to another organisation."), remedy=mark("Choose another code."), code=code
        )
    _validate(organisation)
    organisation.save()
    return organisation


def create_user(
    username: str,
    password: str | None,
    *,
    display_name: str = "",
    roles: dict[Organisation, Role] | None = None,
    is_superuser: bool = False,
    language: str = "",
) -> User:
    """A new user with ``roles``; without a password nobody can sign in as it.

    Raises :class:`Invalid` for a bad name or a weak password, :class:`Conflict` when the name is taken.
    """
    user = User(username=username.lower(), display_name=display_name, is_superuser=is_superuser, language=language)
    if password is not None:
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise Invalid(
                mark("This password is too weak: {reason}"),
                remedy=mark("Choose a longer one."),
                reason=" ".join(error.messages),
            ) from error
    user.set_password(password)
    _validate(user)
    try:
        with transaction.atomic():
            user.save()
            for organisation, role in (roles or {}).items():
                Membership.objects.create(user=user, organisation=organisation, role=role.value)
    except IntegrityError as error:
        raise Conflict(
            mark("The user name {username} is taken."), remedy=mark("Choose another one."), username=username
        ) from error
    return user


def first_run(settings: Settings) -> FirstRun | None:
    """On an empty database: the operator's organisation and its administrator. Later: ``None``."""
    with transaction.atomic():
        if User.objects.exists():
            return None
        operator = Organisation.objects.filter(parent=None).first() or create_organisation(
            "operator", "平台运营方", name_en="Platform operator", kind=Organisation.Kind.OPERATOR
        )
        password = secrets.token_urlsafe(12)
        user = create_user(
            "admin",
            password,
            display_name="平台管理员",
            roles={operator: Role.ADMIN},
            is_superuser=True,
            language=settings.language,
        )
    return FirstRun(user.username, password)


def active_organisation(request: HttpRequest) -> Organisation | None:
    """The organisation the user looks at and works for; ``None`` means all that are visible. One query a request."""
    if _ACTIVE not in request.META:
        chosen = request.session.get(_ACTIVE)
        visible = visible_organisations(user_of(request))
        request.META[_ACTIVE] = visible.filter(pk=chosen).first() if isinstance(chosen, int) else None
    found = request.META[_ACTIVE]
    return found if isinstance(found, Organisation) else None


def switch_organisation(request: HttpRequest, organisation_id: int | None) -> None:
    """Look at one organisation and those below it, or at all; raises :class:`NotFound` for one not visible."""
    request.META.pop(_ACTIVE, None)
    if organisation_id is None:
        request.session.pop(_ACTIVE, None)
        return
    if not visible_organisations(user_of(request)).filter(pk=organisation_id).exists():
        raise NotFound(
            mark("There is no organisation {id}."), remedy=mark("Choose one from the list."), id=organisation_id
        )
    request.session[_ACTIVE] = organisation_id


def _validate(instance: Organisation | User) -> None:
    """Raise :class:`Invalid` for the first field that does not fit; uniqueness is the database's."""
    try:
        instance.full_clean(exclude=["path"], validate_unique=False)
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Invalid(mark("{field} cannot be used: {reason}"), field=field, reason=" ".join(messages)) from error
