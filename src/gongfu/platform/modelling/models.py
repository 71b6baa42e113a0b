"""Versions of information models, and the bindings of devices to them."""

from __future__ import annotations

from typing import ClassVar, Self

import msgspec
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.models import Organisation, OwnedModel, User
from gongfu.kernel.errors import GongfuError
from gongfu.network.models import library, versions
from gongfu.network.models.categories import CATEGORIES
from gongfu.network.models.types import DeviceType
from gongfu.platform.devices.models import Device
from gongfu.platform.modelling import rules
from gongfu.platform.modelling.workflow import ModelFlow


def _check_version(value: str) -> None:
    try:
        versions.numbers(value)
    except GongfuError as error:
        raise ValidationError(error.text(get_language())) from error


class InformationModelQuerySet(models.QuerySet["InformationModel"]):
    """Versions of models."""

    def visible_to(self, user: User) -> Self:
        """The library, which everybody reads, and those of one's own organisations."""
        if user.is_superuser:
            return self
        own = Organisation.objects.visible_to(user).values("pk")
        return self.filter(models.Q(organisation=None) | models.Q(organisation__in=own))


class InformationModel(ModelFlow, models.Model):
    """One version of a model. The library's have no owner; an organisation's own are its own."""

    class Origin(models.TextChoices):
        """Where it comes from."""

        LIBRARY = "library", _("Library")
        OWN = "own", _("Own")
        NODESET = "nodeset", _("OPC UA NodeSet")

    organisation = models.ForeignKey(
        Organisation, models.PROTECT, null=True, related_name="+", verbose_name=_("organisation")
    )
    code = models.SlugField(
        _("Model code"), max_length=63, help_text=_("Lower-case letters, digits and dashes; the same for all versions.")
    )
    version = models.CharField(_("Version"), max_length=20, default="1.0.0", validators=[_check_version])
    number = models.BigIntegerField(default=0, editable=False)
    """The version, so that a later one is greater."""
    name = models.CharField(_("Name"), max_length=80)
    name_en = models.CharField(_("English name"), max_length=80)
    category = models.CharField(_("Category"), max_length=20, default="general")
    """A key of :data:`gongfu.network.models.categories.CATEGORIES`."""
    origin = models.CharField(_("Origin"), max_length=8, choices=Origin.choices, default=Origin.OWN, editable=False)
    source = models.CharField(_("Source"), max_length=500, blank=True)
    content = models.JSONField(default=dict, editable=False)
    """:class:`gongfu.network.models.types.DeviceType` in JSON."""
    search_text = models.TextField(editable=False, default="")
    tag_count = models.PositiveIntegerField(_("Tags"), default=0, editable=False)
    remark = models.CharField(_("Remark of the review"), max_length=2000, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    created_by = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, editable=False, related_name="+", verbose_name=_("created by")
    )

    objects = InformationModelQuerySet.as_manager()

    class Meta:
        verbose_name = _("information model")
        verbose_name_plural = _("Information models")
        ordering = ("code", "-number")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["organisation", "code", "version"], name="model_version_once"),
            models.UniqueConstraint(
                fields=["code", "version"],
                condition=models.Q(organisation=None),
                name="library_version_once",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["state", "category"], name="model_by_category")]

    def __str__(self) -> str:
        english = (get_language() or "").startswith("en")
        return f"{self.name_en if english and self.name_en else self.name} {self.version}"

    def get_category_display(self) -> str:
        """In the reader's language."""
        found = CATEGORIES.get(self.category)
        return found.in_language(get_language() or "") if found else self.category

    @property
    def spec(self) -> DeviceType:
        """The model itself. Identity, names and category are the record's own."""
        plain = self.content | {
            "id": self.code,
            "version": self.version,
            "name": {"zh": self.name, "en": self.name_en},
            "category": self.category,
            "source": self.source,
        }
        plain.setdefault("icon", "machine")
        return msgspec.convert(plain, DeviceType)

    def take(self, spec: DeviceType) -> None:
        """Copy ``spec`` into the record; nothing is stored yet."""
        self.code, self.version = spec.id, spec.version
        self.name, self.name_en = spec.name.zh, spec.name.en
        self.category, self.source = spec.category or "general", spec.source
        self.content = msgspec.to_builtins(spec)

    def derive(self) -> None:
        """What lists and search need, from the content."""
        major, minor, patch = versions.numbers(self.version)
        self.number = (major * 10**6 + minor) * 10**6 + patch
        spec = self.spec
        self.tag_count = len(spec.tags)
        self.search_text = rules.search_text(spec)

    def check_publishable(self) -> None:
        """Raises :class:`Invalid` with everything against it, and for a version number that promises too much."""
        spec = library.checked(self.code, self.spec)
        before = (
            InformationModel.objects.filter(organisation=self.organisation, code=self.code)
            .filter(state__in=[self.State.PUBLISHED, self.State.SUPERSEDED])
            .order_by("-number")
            .first()
        )
        if before is not None:
            versions.check_successor(before.spec, spec)

    def supersede_others(self) -> None:
        """Older published versions of the same model are superseded."""
        InformationModel.objects.filter(
            organisation=self.organisation, code=self.code, state=self.State.PUBLISHED, number__lt=self.number
        ).update(state=self.State.SUPERSEDED)

    def remember(self, reason: str) -> None:
        """Keep what the reviewer said."""
        self.remark = reason


class Binding(OwnedModel):
    """A device follows a version of a model, as a person confirmed; and how well it did when last checked."""

    device = models.OneToOneField(Device, models.CASCADE, related_name="binding", verbose_name=_("Device"))
    model = models.ForeignKey(
        InformationModel, models.PROTECT, related_name="bindings", verbose_name=_("Information model")
    )
    pairs = models.JSONField(_("Tags"), default=dict, editable=False)
    """Key of the model's tag → key of the device's tag."""
    confirmed_by = models.CharField(_("Confirmed by"), max_length=64, editable=False)
    confirmed_at = models.DateTimeField(_("Confirmed"), editable=False)
    percent = models.FloatField(_("Conformance (%)"), default=0.0, editable=False)
    errors = models.PositiveIntegerField(_("Errors"), default=0, editable=False)
    warnings = models.PositiveIntegerField(_("Warnings"), default=0, editable=False)
    report = models.JSONField(default=dict, editable=False)
    """:class:`gongfu.network.models.conformance.Report` in JSON."""
    checked_at = models.DateTimeField(_("Checked"), null=True, editable=False)

    class Meta:
        verbose_name = _("binding")
        verbose_name_plural = _("Conformance")
        ordering = ("percent", "pk")

    def __str__(self) -> str:
        return f"{self.device}: {self.model}"
