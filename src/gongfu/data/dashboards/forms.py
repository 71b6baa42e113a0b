"""The form of a report: only dashboards and outlets that belong together."""

from __future__ import annotations

from typing import Any

from django.forms import ModelForm
from django.utils.translation import gettext as _

from gongfu.data.dashboards.models import Report


class ReportForm(ModelForm[Report]):
    """A report is made in the name of its organisation: what it shows and whom it tells belong to that."""

    def clean(self) -> dict[str, Any] | None:
        """Raise nothing; name the field that does not fit."""
        found = super().clean()
        if found is None:
            return None
        owner = found.get("organisation")
        for name in ("dashboard", "outlet"):
            thing = found.get(name)
            if owner is not None and thing is not None and thing.organisation_id != owner.pk:
                self.add_error(name, _("It belongs to another organisation than the report."))
        device = found.get("device")
        if owner is not None and device is not None and not device.organisation.path.startswith(owner.path):
            self.add_error("device", _("It belongs to another organisation than the report."))
        return found
