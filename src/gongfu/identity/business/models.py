"""Applications, contracts, templates, grants, and what was counted for the operator's reports."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.identity.business import classes, clock, fields, rules
from gongfu.identity.business.fields import TemplateSpec
from gongfu.identity.business.workflow import ApplicationFlow, ContractFlow, TemplateFlow
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.services import Prefix
from gongfu.identity.registry.store import Limits
from gongfu.kernel.accounts.models import Organisation, OwnedModel, OwnedQuerySet, User
from gongfu.kernel.accounts.rules import is_credit_code
from gongfu.kernel.errors import Conflict, GongfuError
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings
from gongfu.network.models.types import Text

MOST_IDENTIFIERS = 10**12
MOST_YEARS = 10


def _check_credit_code(value: str) -> None:
    if not is_credit_code(value):
        raise ValidationError(
            _("%(value)s is not a unified social credit code: its check character does not fit."),
            params={"value": value},
        )


def _check_industry(value: str) -> None:
    try:
        classes.check_industry(value)
    except GongfuError as error:
        raise ValidationError(error.text(get_language())) from error


def _check_region(value: str) -> None:
    try:
        classes.check_region(value)
    except GongfuError as error:
        raise ValidationError(error.text(get_language())) from error


def _language() -> str:
    return get_language() or ""


class EnterpriseFacts(models.Model):
    """Who applies: what an application says and a contract keeps."""

    enterprise = models.CharField(_("Enterprise name"), max_length=120)
    credit_code = models.CharField(
        _("Unified social credit code"),
        max_length=18,
        validators=[_check_credit_code],
        help_text=_("18 characters as on the business licence (GB 32100-2015)."),
    )
    industry = models.CharField(
        _("Industry"), max_length=8, validators=[_check_industry], help_text=_("Class of GB/T 4754-2017.")
    )
    region = models.CharField(
        _("Region"), max_length=6, validators=[_check_region], help_text=_("Six digits of GB/T 2260, as 310118.")
    )
    contact_name = models.CharField(_("Contact person"), max_length=60)
    contact_phone = models.CharField(_("Telephone"), max_length=30)
    contact_email = models.EmailField(_("E-mail"), max_length=120, blank=True)

    class Meta:
        abstract = True

    @property
    def industry_name(self) -> str:
        """Division of the industry in the reader's language."""
        return classes.industry_name(self.industry, _language())

    @property
    def region_name(self) -> str:
        """Name of the region in the reader's language."""
        return classes.region_name(self.region, _language())


class Terms(models.Model):
    """What a contract grants."""

    registrations = models.PositiveBigIntegerField(
        _("Quota of identifiers"),
        default=0,
        validators=[MaxValueValidator(MOST_IDENTIFIERS)],
        help_text=_("How many may be registered under the prefix; 0 for no limit."),
    )
    daily_resolutions = models.PositiveBigIntegerField(
        _("Resolutions a day"),
        default=0,
        validators=[MaxValueValidator(MOST_IDENTIFIERS)],
        help_text=_("How often they may be resolved in a day; 0 for no limit."),
    )
    fee_note = models.CharField(_("Fee"), max_length=200, blank=True, help_text=_("As agreed, in words."))

    class Meta:
        abstract = True


class Contract(ContractFlow, EnterpriseFacts, Terms, OwnedModel):
    """On which terms, and how long, an enterprise uses its prefix."""

    prefix = models.OneToOneField(Prefix, models.PROTECT, related_name="contract", verbose_name=_("Prefix"))
    starts_on = models.DateField(_("From"))
    ends_on = models.DateField(_("To (inclusive)"))
    lapsed = models.BooleanField(_("Suspended because it ended"), default=False, editable=False)
    remark = models.CharField(_("Last remark"), max_length=2000, blank=True, editable=False)

    class Meta:
        verbose_name = _("contract")
        verbose_name_plural = _("Contracts")
        ordering = ("ends_on", "pk")
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["state", "ends_on"], name="contract_ending")]

    def __str__(self) -> str:
        return f"{self.prefix.name} {self.enterprise}"

    def clean(self) -> None:
        """It does not end before it begins."""
        if self.starts_on and self.ends_on and self.ends_on < self.starts_on:
            raise ValidationError({"ends_on": _("It ends before it begins.")})

    @property
    def identifiers(self) -> int:
        """How many identifiers stand under its prefix."""
        return registry.count(self.prefix.name)

    @property
    def use(self) -> rules.Use:
        """Identifiers registered of those that may be."""
        return rules.Use(self.identifiers, self.registrations)

    @property
    def days_left(self) -> int:
        """Days until it has ended; negative afterwards."""
        return rules.days_left(self.ends_on, clock.today())

    @property
    def grace_ends(self) -> dt.date:
        """Last day on which the prefix is served although the contract has ended."""
        return rules.grace_ends(self.ends_on)

    def out_of_service(self, reason: str) -> None:
        """The resolver no longer answers for the prefix once this transaction commits."""
        self.remark = reason
        if self.prefix.state != Prefix.State.SUSPENDED:
            registry.change_state(self.prefix, Prefix.State.SUSPENDED)

    def in_service(self) -> None:
        """The resolver answers for the prefix again; raises :class:`Conflict` when the contract has ended."""
        if rules.must_suspend(self.ends_on, clock.today()):
            raise Conflict(
                mark("The contract of {prefix} ended on {day}."),
                remedy=mark("Renew it first."),
                prefix=self.prefix.name,
                day=self.ends_on,
            )
        self.lapsed, self.remark = False, ""
        if self.prefix.state != Prefix.State.ACTIVE:
            registry.change_state(self.prefix, Prefix.State.ACTIVE)

    def write_limits(self) -> None:
        """Put the quotas where the resolver and every registration read them, once this transaction commits."""
        name, limits = self.prefix.name, Limits(self.registrations, self.daily_resolutions)
        transaction.on_commit(lambda: registry.store().set_limits(name, limits))


class Application(ApplicationFlow, EnterpriseFacts, Terms, OwnedModel):
    """An enterprise asks for a prefix, or for its contract to be renewed or changed."""

    class Kind(models.TextChoices):
        """What it asks for."""

        PREFIX = "prefix", _("New prefix")
        RENEWAL = "renewal", _("Renewal or change")

    kind = models.CharField(_("Kind"), max_length=8, choices=Kind.choices, default=Kind.PREFIX, editable=False)
    contract = models.ForeignKey(
        Contract,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="applications",
        verbose_name=_("Contract"),
    )
    intended_use = models.TextField(
        _("Intended use"), max_length=2000, help_text=_("Which things are to be identified, and what for.")
    )
    years = models.PositiveSmallIntegerField(
        _("Period in years"), default=1, validators=[MinValueValidator(1), MaxValueValidator(MOST_YEARS)]
    )
    wished = models.CharField(
        _("Wished number"),
        max_length=30,
        blank=True,
        help_text=_("Last part of the prefix, letters and digits. Leave it empty for the next free number."),
    )
    submitted_at = models.DateTimeField(_("Submitted"), null=True, editable=False)
    decided_at = models.DateTimeField(_("Decided"), null=True, editable=False)
    decided_by = models.CharField(_("Decided by"), max_length=64, blank=True, editable=False)
    remark = models.CharField(_("Remark of the review"), max_length=2000, blank=True, editable=False)

    class Meta:
        verbose_name = _("application")
        verbose_name_plural = _("Applications")
        ordering = ("-created_at",)
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["state", "submitted_at"], name="application_queue")
        ]

    def __str__(self) -> str:
        return f"{self.enterprise} #{self.pk}" if self.pk else self.enterprise

    @property
    def editable(self) -> bool:
        """Whether the enterprise may change it now."""
        return self.state in (self.State.DRAFT, self.State.RETURNED)

    def submitted(self) -> None:
        """Waits for the operator from now on."""
        self.submitted_at, self.remark = clock.now(), ""

    def decided(self, user: User, remark: str) -> None:
        """Keep who decided, when and why."""
        self.decided_at, self.decided_by, self.remark = clock.now(), user.get_username(), remark

    def fulfil(self, user: User) -> None:
        """Allot the prefix with its contract, or renew the contract; raises :class:`Conflict`, :class:`Invalid`."""
        today = clock.today()
        if self.contract is None:
            name = f"{settings().identifier_prefix}.{self.wished}" if self.wished else ""
            prefix = registry.allot_prefix(user, self.organisation, name)
            self.contract = Contract(
                organisation=self.organisation,
                prefix=prefix,
                starts_on=today,
                ends_on=rules.last_day(today, self.years),
                created_by=user,
            )
        else:
            contract = Contract.objects.select_for_update(of=("self",)).get(pk=self.contract.pk)
            if contract.state == Contract.State.REVOKED:
                raise Conflict(
                    mark("The contract of {prefix} is revoked."),
                    remedy=mark("Apply for another prefix."),
                    prefix=contract.prefix.name,
                )
            contract.ends_on = rules.renewed_until(contract.ends_on, self.years, today)
            if contract.lapsed:
                contract.in_service()
                contract.state = Contract.State.ACTIVE
            self.contract = contract
        for field in (*EnterpriseFacts._meta.fields, *Terms._meta.fields):
            setattr(self.contract, field.name, getattr(self, field.name))
        self.contract.save()
        self.contract.write_limits()


class Notice(models.Model):
    """An enterprise was told that its contract ends in so many days; -1 when it was suspended."""

    contract = models.ForeignKey(Contract, models.CASCADE, related_name="notices")
    ends_on = models.DateField()
    days = models.SmallIntegerField()
    told_on = models.DateField()

    class Meta:
        verbose_name = _("reminder")
        verbose_name_plural = _("reminders")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["contract", "ends_on", "days"], name="told_once")
        ]

    def __str__(self) -> str:
        return f"{self.contract_id} {self.ends_on} {self.days}"


class TemplateQuerySet(OwnedQuerySet["Template"]):
    """Templates."""

    def visible_to(self, user: User) -> Self:
        """Those of one's own organisations, and what the node's operator has published."""
        if user.is_superuser:
            return self
        own = models.Q(organisation__in=Organisation.objects.visible_to(user).values("pk"))
        offered = models.Q(organisation__parent=None, organisation__kind=Organisation.Kind.OPERATOR) & ~models.Q(
            state=Template.State.DRAFT
        )
        return self.filter(own | offered)


class Template(TemplateFlow, OwnedModel):
    """One version of a metadata template: which fields identifiers of a class of things have."""

    code = models.SlugField(
        _("Template code"),
        max_length=63,
        help_text=_("Lower-case letters, digits and dashes; the same for all versions."),
    )
    version = models.PositiveIntegerField(_("Version"), default=1, editable=False)
    name = models.CharField(_("Name"), max_length=80)
    name_en = models.CharField(_("English name"), max_length=80)
    industry = models.CharField(_("Industry"), max_length=8, validators=[_check_industry])
    description = models.CharField(_("What it is for"), max_length=500, blank=True)
    description_en = models.CharField(_("What it is for, in English"), max_length=500, blank=True)
    source = models.CharField(
        _("Source"), max_length=300, blank=True, help_text=_("Standards the fields come from, as they are cited.")
    )
    fields = models.JSONField(_("Fields"), default=list, editable=False)
    """As :class:`gongfu.identity.business.fields.Field` in JSON."""

    objects = TemplateQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("metadata template")
        verbose_name_plural = _("Metadata templates")
        ordering = ("organisation", "code", "-version")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["organisation", "code", "version"], name="template_version_once")
        ]

    def __str__(self) -> str:
        name = self.name_en if _language().startswith("en") else self.name
        return f"{name} v{self.version}"

    @property
    def reference(self) -> str:
        """What identifiers keep of it."""
        return fields.reference(self.organisation.code, self.code, self.version)

    @property
    def industry_name(self) -> str:
        """Division of the industry in the reader's language."""
        return classes.industry_name(self.industry, _language())

    @property
    def spec(self) -> TemplateSpec:
        """As files and the rules know it."""
        described = Text(self.description, self.description_en) if self.description else None
        return TemplateSpec(
            code=self.code,
            version=self.version,
            name=Text(self.name, self.name_en),
            industry=self.industry,
            fields=fields.decode_fields(self.fields),
            description=described,
            source=self.source,
        )

    def check_complete(self) -> None:
        """Raises :class:`Invalid` with everything that forbids publishing it."""
        fields.checked(self.spec)


class Grant(OwnedModel):
    """An enterprise lets another organisation read the partner fields under one of its prefixes."""

    prefix = models.ForeignKey(Prefix, models.CASCADE, related_name="grants", verbose_name=_("Prefix"))
    partner = models.SlugField(
        _("Partner's code"),
        max_length=63,
        help_text=_("Code of the partner's organisation on this node; ask your partner for it."),
    )
    valid_until = models.DateField(_("Valid until"), null=True, blank=True, help_text=_("Empty: until you end it."))
    note = models.CharField(_("Note"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("Grants to partners")
        ordering = ("prefix", "partner")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["prefix", "partner"], name="one_grant_for_a_partner")
        ]

    def __str__(self) -> str:
        return f"{self.prefix} → {self.partner}"


class Meter(models.Model):
    """What was last read of a prefix's counters, so that the next reading tells how many came since."""

    prefix = models.OneToOneField(Prefix, models.CASCADE, related_name="+")
    identifiers = models.PositiveBigIntegerField(default=0)
    resolutions = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = _("meter")
        verbose_name_plural = _("meters")

    def __str__(self) -> str:
        return str(self.prefix_id)


class Sample(models.Model):
    """What happened under a prefix within one hour; there is none for an hour in which nothing did."""

    prefix = models.ForeignKey(Prefix, models.CASCADE, related_name="+")
    hour = models.DateTimeField()
    registrations = models.PositiveBigIntegerField(default=0)
    resolutions = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = _("hour of a prefix")
        verbose_name_plural = _("hours of prefixes")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["prefix", "hour"], name="sample_once_an_hour")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["hour"], name="sample_hour")]

    def __str__(self) -> str:
        return f"{self.prefix_id} {self.hour:%Y-%m-%d %H}"


class DailyRun(models.Model):
    """The daily work was done for this day, by whichever worker came first."""

    day = models.DateField(primary_key=True)
    finished_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("daily run")
        verbose_name_plural = _("daily runs")

    def __str__(self) -> str:
        return self.day.isoformat()
