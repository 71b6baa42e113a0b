"""Organisations, users, memberships, API tokens, and the base of everything an organisation owns."""

from __future__ import annotations

from typing import Any, ClassVar, Self, TypeVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from rules.permissions import has_perm

from gongfu.kernel import nats_server
from gongfu.kernel.accounts import rules
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.errors import Invalid


def _check_credit_code(value: str) -> None:
    if not rules.is_credit_code(value):
        raise ValidationError(
            _("%(value)s is not a unified social credit code: its check character does not fit."),
            params={"value": value},
        )


class OrganisationQuerySet(models.QuerySet["Organisation"]):
    """Organisations."""

    def visible_to(self, user: User) -> Self:
        """Those ``user`` belongs to, and everything below them; all for a platform administrator."""
        if user.is_superuser:
            return self
        paths = [membership.organisation.path for membership in user.memberships_cached]
        if not paths:
            return self.none()
        below = Q()
        for path in paths:
            below |= Q(path__startswith=path)
        return self.filter(below)


class Organisation(models.Model):
    """Who owns things: the operator of this node, an enterprise, a department."""

    class Kind(models.TextChoices):
        """What an organisation is."""

        OPERATOR = "operator", _("Operator")
        ENTERPRISE = "enterprise", _("Enterprise")
        DEPARTMENT = "department", _("Department")
        AUTHORITY = "authority", _("Authority")
        SUPPLIER = "supplier", _("Service provider")

    code = models.SlugField(
        _("code"),
        max_length=63,
        unique=True,
        validators=[RegexValidator(rf"^{rules.CODE.pattern}\Z")],
        help_text=_("Lower-case letters, digits and dashes. It stands in addresses and cannot be changed later."),
    )
    name = models.CharField(_("name"), max_length=120)
    name_en = models.CharField(_("English name"), max_length=120, blank=True)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices, default=Kind.ENTERPRISE)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("belongs to")
    )
    path = models.CharField(max_length=255, editable=False, db_index=True)
    """Codes from the root, each followed by a slash: ``operator/plant/``. Prefixes are ancestors."""
    credit_code = models.CharField(
        _("unified social credit code"), max_length=18, blank=True, validators=[_check_credit_code]
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = OrganisationQuerySet.as_manager()

    class Meta:
        ordering = ["path"]
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")

    def __str__(self) -> str:
        return self.name_en if self.name_en and (translation.get_language() or "").startswith("en") else self.name

    def clean(self) -> None:
        """An organisation cannot lie below itself, nor bear a name that the bus keeps for itself."""
        if self.code:
            try:
                nats_server.check_code(self.code)
            except Invalid as error:
                raise ValidationError({"code": error.text()}) from error
        if self.pk and self.parent and rules.is_within(self.parent.path, self.path):
            raise ValidationError({"parent": _("An organisation cannot belong to itself or to one below it.")})
        if len(self.expected_path) > 255:
            raise ValidationError({"parent": _("The hierarchy is too deep.")})

    @property
    def expected_path(self) -> str:
        """The path that follows from parent and code."""
        return f"{self.parent.path if self.parent else ''}{self.code}/"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep ``path`` true here and below."""
        before, self.path = self.path, self.expected_path
        with transaction.atomic():
            super().save(*args, **kwargs)
            if before and before != self.path:
                for child in Organisation.objects.filter(parent=self):
                    child.save()


class UserManager(BaseUserManager["User"]):
    """Users."""

    def visible_to(self, user: User) -> models.QuerySet[User]:
        """Oneself and the people of every visible organisation; all for a platform administrator."""
        if user.is_superuser:
            return self.all()
        theirs = Membership.objects.visible_to(user).values("user")
        return self.filter(Q(pk=user.pk) | Q(pk__in=theirs))

    def get_by_natural_key(self, username: str | None) -> User:
        """The user who signs in as ``username``, whatever the case."""
        return self.get(username=(username or "").lower())


class User(AbstractBaseUser):
    """A person who signs in."""

    class Language(models.TextChoices):
        """Languages of the console."""

        CHINESE = "zh-hans", "简体中文"
        ENGLISH = "en", "English"

    class Theme(models.TextChoices):
        """How the console looks."""

        SYSTEM = "system", _("As the computer")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    username = models.CharField(
        _("user name"),
        max_length=64,
        unique=True,
        validators=[RegexValidator(rf"^{rules.USERNAME.pattern}\Z")],
        help_text=_("Lower-case letters, digits and . _ @ -"),
    )
    display_name = models.CharField(_("display name"), max_length=60, blank=True)
    language = models.CharField(_("language"), max_length=10, choices=Language.choices, blank=True)
    theme = models.CharField(_("theme"), max_length=10, choices=Theme.choices, default=Theme.SYSTEM)
    is_active = models.BooleanField(_("may sign in"), default=True)
    is_superuser = models.BooleanField(_("platform administrator"), default=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    organisations = models.ManyToManyField(Organisation, through="Membership", related_name="users")

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "username"

    class Meta:
        ordering = ["username"]
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.display_name or self.username

    @property
    def memberships_cached(self) -> list[Membership]:
        """Memberships with their organisations: one query for the life of this object, that is of a request."""
        cached: list[Membership] | None = self.__dict__.get("_memberships")
        if cached is None:
            cached = list(self.memberships.select_related("organisation").order_by("organisation__path"))
            self.__dict__["_memberships"] = cached
        return cached

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        """Also forget the memberships read before."""
        self.__dict__.pop("_memberships", None)
        super().refresh_from_db(*args, **kwargs)

    def has_perm(self, permission: str, obj: object = None) -> bool:
        """Whether the predicate registered with ``rules`` under ``permission`` holds; never for an inactive user."""
        return self.is_active and bool(has_perm(permission, self, obj))  # type: ignore[no-untyped-call]


class MembershipQuerySet(models.QuerySet["Membership"]):
    """Memberships."""

    def visible_to(self, user: User) -> Self:
        """Those in every visible organisation; all for a platform administrator."""
        if user.is_superuser:
            return self
        return self.filter(organisation__in=Organisation.objects.visible_to(user).values("pk"))


class Membership(models.Model):
    """What a user does in an organisation."""

    class RoleChoice(models.TextChoices):
        """:class:`~gongfu.kernel.accounts.rules.Role` with its names."""

        ADMIN = Role.ADMIN.value, _("Administrator")
        ENGINEER = Role.ENGINEER.value, _("Engineer")
        OPERATOR = Role.OPERATOR.value, _("Operator on duty")
        VIEWER = Role.VIEWER.value, _("Viewer")
        AUDITOR = Role.AUDITOR.value, _("Auditor")

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships", verbose_name=_("user"))
    organisation = models.ForeignKey(
        Organisation, models.PROTECT, related_name="memberships", verbose_name=_("organisation")
    )
    role = models.CharField(_("role"), max_length=20, choices=RoleChoice.choices)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        ordering = ["organisation__path", "user__username"]
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [models.UniqueConstraint(fields=["user", "organisation", "role"], name="one_role_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()} ({self.organisation})"


_Owned_co = TypeVar("_Owned_co", bound=models.Model, covariant=True)


class OwnedQuerySet(models.QuerySet[_Owned_co]):
    """Things that organisations own."""

    def visible_to(self, user: User) -> Self:
        """What ``user`` may know of. Pages, API, streams and store queries all start here."""
        if user.is_superuser:
            return self
        return self.filter(organisation__in=Organisation.objects.visible_to(user).values("pk"))


class OwnedModel(models.Model):
    """Base of everything that belongs to an organisation. Read it through ``objects.visible_to(user)``."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+", verbose_name=_("organisation"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    created_by = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, editable=False, related_name="+", verbose_name=_("created by")
    )

    objects = OwnedQuerySet.as_manager()

    class Meta:
        abstract = True


class ApiToken(models.Model):
    """A key with which a program calls the API as its user. Only its SHA-256 is kept."""

    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens", verbose_name=_("user"))
    name = models.CharField(_("name"), max_length=60, help_text=_("What uses it, so that you know what to revoke."))
    digest = models.CharField(max_length=64, unique=True, editable=False)
    read_only = models.BooleanField(_("read only"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("valid until"), null=True, blank=True)
    used_at = models.DateTimeField(_("last used"), null=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    def __str__(self) -> str:
        return self.name

    @property
    def is_valid(self) -> bool:
        """Whether it has not run out and its user may sign in."""
        return self.user.is_active and (self.expires_at is None or self.expires_at > timezone.now())


class SignInThrottle(models.Model):
    """Failed sign-ins of one user name from one address."""

    key = models.CharField(max_length=64, unique=True)
    failures = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()
