"""Which code of another scheme stands for which identifier of this node, and where its links lead."""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from gongfu.identity.schemes import codes, linkset
from gongfu.identity.schemes.types import Scheme
from gongfu.kernel.accounts.models import OwnedModel


def check_address(value: str) -> None:
    """A form's validator: only http and https, so that a scan can do nothing but open a page."""
    if not linkset.safe(value):
        raise ValidationError(_("Enter an address that begins with https:// or http://."))


class SchemeBinding(OwnedModel):
    """A code of a scheme and the identifier that answers for it here."""

    scheme = models.CharField(
        _("Scheme"),
        max_length=8,
        choices=[(found.scheme.value, _(found.name)) for found in codes.SCHEMES if found.scheme is not Scheme.HANDLE],
        editable=False,
    )
    kind = models.CharField(_("Kind"), max_length=20, editable=False)
    code = models.CharField(
        _("Bound code"),
        max_length=300,
        help_text=_("In any of its notations: digits, (01)…, a GS1 Digital Link, urn:oid:…, did:bid:…, VAA…"),
    )
    handle = models.CharField(
        _("Identifier"),
        max_length=255,
        blank=True,
        help_text=_("The identifier of your organisation that answers for it. Empty when there are only links."),
    )
    note = models.CharField(_("Note"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("bound code")
        verbose_name_plural = _("Bound codes")
        ordering = ("scheme", "code")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("scheme", "code", name="code_bound_once")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["handle"], name="codes_of_handle")]

    def __str__(self) -> str:
        return self.code


class SchemeLink(OwnedModel):
    """Where a bound code leads: a link of its link set."""

    binding = models.ForeignKey(SchemeBinding, models.CASCADE, related_name="links", verbose_name=_("Bound code"))
    linktype = models.CharField(
        _("Link type"),
        max_length=60,
        choices=[(key, _(name)) for key, name in linkset.LINK_TYPES.items()],
        default="gs1:pip",
    )
    href = models.CharField(_("Address"), max_length=2048, validators=[check_address])
    title = models.CharField(_("Title"), max_length=200)
    hreflang = models.CharField(
        _("Languages"), max_length=60, blank=True, help_text=_("As in zh or en, several divided by spaces.")
    )
    media_type = models.CharField(_("Media type"), max_length=100, blank=True, help_text=_("As in text/html."))
    is_default = models.BooleanField(
        _("Default"), default=False, help_text=_("Whoever scans the code is led here; several, if for other languages.")
    )

    class Meta:
        verbose_name = _("link of a code")
        verbose_name_plural = _("Links of codes")
        ordering = ("binding", "-is_default", "id")

    def __str__(self) -> str:
        return self.title

    def as_link(self) -> linkset.Link:
        """As the link set has it."""
        languages = tuple(self.hreflang.split())
        return linkset.Link(self.linktype, self.href, self.title, languages, self.media_type, self.is_default)
