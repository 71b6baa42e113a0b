"""Alarm rules, the occurrences they cause, what operators say of them, and the outbox that carries rules to streams."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.data.alarms.rules import ANNUNCIATED, LONGEST_DELAY, AlarmState, Direction, Kind, Priority
from gongfu.kernel.accounts.models import OwnedModel, OwnedQuerySet, User
from gongfu.platform.devices.models import Device

_SECONDS = [MinValueValidator(0), MaxValueValidator(LONGEST_DELAY)]


class Urgency(models.IntegerChoices):
    """Priorities, :class:`gongfu.data.alarms.rules.Priority`."""

    URGENT = Priority.URGENT.value, _("Urgent")
    HIGH = Priority.HIGH.value, _("High priority")
    MEDIUM = Priority.MEDIUM.value, _("Medium priority")
    LOW = Priority.LOW.value, _("Low priority")


class AlarmRule(OwnedModel):
    """What must not be, at one device or at every device of an information model. Tags are named by their keys."""

    class Test(models.TextChoices):
        """Kinds, :class:`gongfu.data.alarms.rules.Kind`."""

        HIGH_HIGH = Kind.HIGH_HIGH.value, _("Above the upper limit (HH)")
        HIGH = Kind.HIGH.value, _("Above the limit (H)")
        LOW = Kind.LOW.value, _("Below the limit (L)")
        LOW_LOW = Kind.LOW_LOW.value, _("Below the lower limit (LL)")
        RATE = Kind.RATE.value, _("Changes too fast")
        DEVIATION = Kind.DEVIATION.value, _("Deviates from a set-point or another tag")
        FROZEN = Kind.FROZEN.value, _("Value is frozen")
        NO_DATA = Kind.NO_DATA.value, _("No data")
        EQUALS = Kind.EQUALS.value, _("Is a state, on, off or a text")
        BAD_QUALITY = Kind.BAD_QUALITY.value, _("Bad quality")
        FORMULA = Kind.FORMULA.value, _("Formula")

    class Way(models.TextChoices):
        """Directions, :class:`gongfu.data.alarms.rules.Direction`."""

        BOTH = Direction.BOTH.value, _("Either way")
        UP = Direction.UP.value, _("Upwards")
        DOWN = Direction.DOWN.value, _("Downwards")

    class Operator(models.TextChoices):
        """Comparisons of a gate."""

        EQUAL = "=", "="
        UNEQUAL = "!=", "≠"
        BELOW = "<", "<"
        AT_MOST = "<=", "≤"
        ABOVE = ">", ">"
        AT_LEAST = ">=", "≥"

    name = models.CharField(_("Name"), max_length=80)
    name_en = models.CharField(_("English name"), max_length=80, blank=True)
    priority = models.PositiveSmallIntegerField(_("Priority"), choices=Urgency.choices, default=Urgency.MEDIUM)
    device = models.ForeignKey(
        Device, models.CASCADE, null=True, blank=True, related_name="alarm_rules", verbose_name=_("Device")
    )
    type = models.CharField(
        _("Information model"),
        max_length=64,
        blank=True,
        help_text=_("Without a device: every device of this model, also those that come later."),
    )
    tag = models.CharField(_("Tag"), max_length=64, help_text=_("Key of the tag. Of a formula: any tag it names."))
    kind = models.CharField(_("Condition"), max_length=10, choices=Test.choices, default=Test.HIGH)
    limit = models.FloatField(_("Limit"), default=0.0, help_text=_("A value; per second for changes."))
    text = models.CharField(_("Text"), max_length=200, blank=True, help_text=_("For text tags, in place of a limit."))
    negated = models.BooleanField(_("Differs from it"), default=False)
    setpoint = models.FloatField(_("Set-point"), default=0.0)
    other = models.CharField(_("Other tag"), max_length=64, blank=True, help_text=_("In place of a fixed set-point."))
    direction = models.CharField(_("Direction"), max_length=4, choices=Way.choices, default=Way.BOTH)
    deadband = models.FloatField(_("Dead-band"), default=0.0, validators=[MinValueValidator(0)])
    on_delay = models.FloatField(_("On-delay (s)"), default=0.0, validators=_SECONDS)
    off_delay = models.FloatField(_("Off-delay (s)"), default=0.0, validators=_SECONDS)
    window = models.FloatField(
        _("Time (s)"), default=0.0, validators=_SECONDS, help_text=_("For frozen values, missing data and changes.")
    )
    formula = models.CharField(
        _("Formula"), max_length=500, blank=True, help_text=_("Such as flow < 5 and state == 1.")
    )
    gate_tag = models.CharField(
        _("Only when tag"), max_length=64, blank=True, help_text=_("Suppressed by design while this does not hold.")
    )
    gate_operator = models.CharField(_("is"), max_length=2, choices=Operator.choices, default=Operator.EQUAL)
    gate_value = models.FloatField(_("value"), default=0.0)
    latching = models.BooleanField(
        _("Latching"), default=False, help_text=_("Stays until somebody resets it, even when its cause is gone.")
    )
    group = models.CharField(
        _("First-out group"), max_length=40, blank=True, help_text=_("Of the alarms of one group the first is marked.")
    )
    remedy = models.CharField(_("Advice"), max_length=300, blank=True)
    remedy_en = models.CharField(_("Advice (English)"), max_length=300, blank=True)
    in_service = models.BooleanField(_("In service"), default=True)
    origin = models.CharField(max_length=140, blank=True, editable=False)
    """Which line of the information model it was made from."""

    class Meta:
        verbose_name = _("alarm rule")
        verbose_name_plural = _("Alarm rules")
        ordering = ("organisation", "priority", "name")
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["organisation", "type"], name="alarm_rule_type")]

    def __str__(self) -> str:
        return self.name_en if self.name_en and (get_language() or "").startswith("en") else self.name


class AlarmQuerySet(OwnedQuerySet["Alarm"]):
    """Occurrences."""

    def annunciated(self) -> Self:
        """What an operator's list shows."""
        return self.filter(state__in=[state.value for state in ANNUNCIATED])


class Alarm(OwnedModel):
    """One occurrence: from when the condition held until nobody has to care any more."""

    class State(models.TextChoices):
        """States, :class:`gongfu.data.alarms.rules.AlarmState`."""

        UNACKED = AlarmState.UNACKED.value, _("Unacknowledged")
        ACKED = AlarmState.ACKED.value, _("Acknowledged")
        RETURNED = AlarmState.RETURNED.value, _("Gone, unacknowledged")
        LATCHED = AlarmState.LATCHED.value, _("Latched")
        SHELVED = AlarmState.SHELVED.value, _("Shelved")
        SUPPRESSED = AlarmState.SUPPRESSED.value, _("Suppressed by design")
        OUT_OF_SERVICE = AlarmState.OUT_OF_SERVICE.value, _("Out of service")
        NORMAL = AlarmState.NORMAL.value, _("Normal")

    rule = models.ForeignKey(AlarmRule, models.SET_NULL, null=True, related_name="alarms", verbose_name=_("Alarm rule"))
    device = models.ForeignKey(Device, models.CASCADE, related_name="alarms", verbose_name=_("Device"))
    series = models.BigIntegerField(_("Tag"))
    name = models.CharField(_("Name"), max_length=80)
    name_en = models.CharField(_("English name"), max_length=80, blank=True)
    priority = models.PositiveSmallIntegerField(_("Priority"), choices=Urgency.choices)
    state = models.CharField(_("State"), max_length=16, choices=State.choices, db_index=True)
    active = models.BooleanField(_("Condition holds"), default=True)
    value = models.FloatField(_("Value"), null=True)
    raised_at = models.DateTimeField(_("Raised"), db_index=True)
    cleared_at = models.DateTimeField(_("Cleared"), null=True)
    acked_at = models.DateTimeField(_("Acknowledged at"), null=True)
    acked_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", verbose_name=_("Acknowledged by"))
    comment = models.CharField(_("Comment"), max_length=300, blank=True)
    latching = models.BooleanField(_("Latching"), default=False)
    group = models.CharField(_("First-out group"), max_length=40, blank=True)
    first_out = models.BooleanField(_("First out"), default=False)
    late = models.BooleanField(_("Found late"), default=False)
    """In stored readings, after a time in which nobody evaluated them."""
    escalated = models.PositiveSmallIntegerField(_("Told"), default=0)
    """How many people or groups were told so far."""

    objects = AlarmQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("alarm")
        verbose_name_plural = _("Alarms")
        ordering = ("-raised_at",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("rule", "device", "raised_at", name="alarm_once")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["organisation", "state", "priority"], name="alarm_list"),
            models.Index(fields=["rule", "device", "state"], name="alarm_open"),
        ]

    def __str__(self) -> str:
        return self.name_en if self.name_en and (get_language() or "").startswith("en") else self.name

    @property
    def acknowledged(self) -> bool:
        """Whether somebody took notice."""
        return self.acked_at is not None


class Shelf(OwnedModel):
    """A rule that an operator put aside at one device, until a time."""

    rule = models.ForeignKey(AlarmRule, models.CASCADE, related_name="shelves", verbose_name=_("Alarm rule"))
    device = models.ForeignKey(Device, models.CASCADE, related_name="+", verbose_name=_("Device"))
    until = models.DateTimeField(_("Until"), db_index=True)
    why = models.CharField(_("Why"), max_length=300)

    class Meta:
        verbose_name = _("shelved alarm")
        verbose_name_plural = _("Shelved alarms")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("rule", "device", name="alarm_shelved_once")
        ]

    def __str__(self) -> str:
        return f"{self.rule} · {self.device}"

    @property
    def over(self) -> bool:
        """Whether its time is up."""
        return self.until <= timezone.now()


class Note(OwnedModel):
    """What somebody wrote about an alarm."""

    alarm = models.ForeignKey(Alarm, models.CASCADE, related_name="notes", verbose_name=_("Alarm"))
    text = models.CharField(_("Note"), max_length=500)

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("Notes")
        ordering = ("created_at",)

    def __str__(self) -> str:
        return self.text[:80]


class Outlet(OwnedModel):
    """A way to tell people: a mailbox, a program's address, the robot of a group chat."""

    class Kind(models.TextChoices):
        """Folders of :mod:`gongfu.data.alarms.outlets`."""

        EMAIL = "email", _("E-mail")
        WEBHOOK = "webhook", "Webhook"
        DINGTALK = "dingtalk", _("DingTalk robot")
        WECOM = "wecom", _("WeCom robot")
        FEISHU = "feishu", _("Feishu (Lark) robot")

    class Language(models.TextChoices):
        """Language of the messages."""

        CHINESE = "zh-hans", "简体中文"
        ENGLISH = "en", "English"

    name = models.CharField(_("Name"), max_length=80)
    kind = models.CharField(_("Kind"), max_length=10, choices=Kind.choices, default=Kind.EMAIL)
    address = models.CharField(
        _("Address"),
        max_length=500,
        help_text=_("E-mail addresses with commas between them, or the address that the robot was given, without key."),
    )
    token = models.CharField(max_length=500, blank=True, editable=False)
    """What lets whoever has it speak: written by people, read only by the sender."""
    secret = models.CharField(max_length=500, blank=True, editable=False)
    """Signing secret, kept in the same way."""
    language = models.CharField(_("Language"), max_length=10, choices=Language.choices, default=Language.CHINESE)
    per_minute = models.PositiveSmallIntegerField(
        _("Messages a minute"), default=10, validators=[MinValueValidator(1), MaxValueValidator(600)]
    )
    enabled = models.BooleanField(_("Switched on"), default=True)
    problem = models.CharField(_("Why not delivered"), max_length=500, blank=True, editable=False)
    delivered_at = models.DateTimeField(_("Last delivered"), null=True, editable=False)

    class Meta:
        verbose_name = _("notification outlet")
        verbose_name_plural = _("Notification outlets")
        ordering = ("organisation", "name")

    def __str__(self) -> str:
        return self.name


class Duty(OwnedModel):
    """A line of the on-call list: which alarms are told where, after how long, and in which hours."""

    name = models.CharField(_("Name"), max_length=80)
    outlet = models.ForeignKey(Outlet, models.CASCADE, related_name="duties", verbose_name=_("Outlet"))
    lowest = models.PositiveSmallIntegerField(
        _("From priority"), choices=Urgency.choices, default=Urgency.HIGH, help_text=_("And everything more urgent.")
    )
    after = models.PositiveIntegerField(
        _("After minutes without acknowledgement"), default=0, validators=[MaxValueValidator(10_080)]
    )
    weekdays = models.CharField(
        _("Weekdays"), max_length=7, default="1234567", help_text=_("1 is Monday, 7 is Sunday.")
    )
    begins = models.TimeField(_("Begins at"), default=dt.time(0))
    ends = models.TimeField(
        _("Ends at"), default=dt.time(0), help_text=_("Not later than the beginning: the next day.")
    )

    class Meta:
        verbose_name = _("on-call line")
        verbose_name_plural = _("On-call list")
        ordering = ("organisation", "after", "name")

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """An alarm to be told through an outlet; removed when it was told or given up."""

    outlet = models.ForeignKey(Outlet, models.CASCADE, related_name="deliveries")
    alarm = models.ForeignKey(Alarm, models.CASCADE, related_name="deliveries")
    duty = models.ForeignKey(Duty, models.SET_NULL, null=True, related_name="deliveries")
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(db_index=True)
    done_at = models.DateTimeField(null=True, db_index=True)
    """When it was told, or given up (with :attr:`failed`)."""
    failed = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("alarm", "duty", name="alarm_told_once")
        ]

    def __str__(self) -> str:
        return f"{self.outlet} · {self.alarm}"


class RuleOutbox(models.Model):
    """A rule that ``gongfu streams`` must learn; by number, because it may be gone by then."""

    organisation = models.BigIntegerField()
    rule = models.BigIntegerField()

    class Meta:
        verbose_name = _("alarm rule to publish")
        verbose_name_plural = _("alarm rules to publish")

    def __str__(self) -> str:
        return f"{self.organisation}.{self.rule}"
