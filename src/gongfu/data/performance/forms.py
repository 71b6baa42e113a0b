"""Rules of the forms that a declaration cannot say."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from gongfu.data.performance import calendars, machines
from gongfu.data.performance.models import Capability, PlannedStop, Shift
from gongfu.kernel.accounts.models import OwnedModel
from gongfu.kernel.errors import Invalid


def owned(cleaned: dict[str, object], *names: str) -> None:
    """Raises :class:`ValidationError` beside what belongs to another organisation than the thing itself."""
    owner = getattr(cleaned.get("organisation"), "pk", None)
    for name in names:
        thing = cleaned.get(name)
        if isinstance(thing, OwnedModel) and owner is not None and thing.organisation_id != owner:
            raise ValidationError({name: _("It belongs to another organisation.")})


class OwnedForm(forms.ModelForm[OwnedModel]):
    """Whatever a thing names is of its own organisation."""

    def clean(self) -> dict[str, object]:
        """Calendar, device and place are of one owner."""
        cleaned = super().clean() or {}
        owned(cleaned, "calendar", "device", "place")
        return cleaned


class ShiftForm(forms.ModelForm[Shift]):
    """Shifts of a calendar do not overlap, breaks lie within."""

    def clean(self) -> dict[str, object]:
        """Errors beside what is wrong."""
        cleaned = super().clean() or {}
        owned(cleaned, "calendar")
        calendar = cleaned.get("calendar")
        if calendar is None or not cleaned.get("begins") or not cleaned.get("ends"):
            return cleaned
        names = ("name", "name_en", "begins", "ends", "breaks", "weekdays")
        mine = Shift(pk=self.instance.pk, **{name: cleaned.get(name) or "" for name in names})
        for field, parse in (("breaks", calendars.breaks), ("weekdays", calendars.weekdays)):
            try:
                parse(str(cleaned.get(field) or ""))
            except Invalid as error:
                raise ValidationError({field: error.text()}) from error
        others = Shift.objects.filter(calendar=calendar).exclude(pk=self.instance.pk)
        try:
            calendars.check([machines.shift_of(one) for one in (*others, mine)])
        except Invalid as error:
            raise ValidationError({"begins": error.text()}) from error
        return cleaned


class PlannedStopForm(forms.ModelForm[PlannedStop]):
    """It ends after it begins."""

    def clean(self) -> dict[str, object]:
        """Of one owner, in order."""
        cleaned = super().clean() or {}
        owned(cleaned, "device", "place")
        begins, ends = cleaned.get("begins"), cleaned.get("ends")
        if begins and ends and ends <= begins:
            raise ValidationError({"ends": _("It must end after it begins.")})
        return cleaned


class CapabilityForm(forms.ModelForm[Capability]):
    """Tags are named by their keys; what is left empty follows the information model."""

    def clean(self) -> dict[str, object]:
        """The device has the tags."""
        cleaned = super().clean() or {}
        owned(cleaned, "device")
        device = cleaned.get("device")
        if device is not None:
            there = set(device.tags.values_list("key", flat=True))
            for name in ("state_tag", "count_tag", "reject_tag", "energy_tag", "product_tag"):
                key = cleaned.get(name)
                if key and key not in there:
                    raise ValidationError({name: _("The device has no tag %(key)s.") % {"key": key}})
        return cleaned
