"""What alarms add to the page of a device: its alarms, its rules, and a chart with their limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gongfu.data.alarms.models import Alarm, AlarmRule, Shelf
from gongfu.data.alarms.own_pages import limits_json
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.permissions import can_edit, can_operate
from gongfu.kernel.pages.resource import Tab
from gongfu.platform.devices.models import Device


def rules_of(device: Device) -> list[AlarmRule]:
    """Rules about ``device``: its own and those of its information model."""
    own = Q(device=device) | Q(device=None, type=device.type)
    return list(AlarmRule.objects.filter(own, organisation=device.organisation_id).order_by("priority", "tag"))


def _alarms(request: HttpRequest, device: Device) -> Mapping[str, object]:
    user = accounts.user_of(request)
    rules = rules_of(device)
    tags = {tag.key: tag for tag in device.tags.all()}
    with_limit = [rule for rule in rules if rule.kind in ("hihi", "high", "low", "lolo") and rule.tag in tags]
    wanted = request.GET.get("tag", "")
    keys = list(dict.fromkeys(rule.tag for rule in with_limit))
    key = next((one for one in keys if str(tags[one].pk) == wanted), keys[0] if keys else "")
    shelved = set(Shelf.objects.filter(device=device).values_list("rule", flat=True))
    open_ = Alarm.objects.filter(device=device).exclude(state=Alarm.State.NORMAL).select_related("acked_by")
    active = {alarm.rule_id: alarm for alarm in open_}
    return {
        "open": open_,
        "rules": [(rule, tags.get(rule.tag), active.get(rule.pk), rule.pk in shelved) for rule in rules],
        "charted": [tags[one] for one in keys],
        "chart": tags.get(key),
        "limits": limits_json([rule for rule in with_limit if rule.tag == key]),
        "past": Alarm.objects.filter(device=device, state=Alarm.State.NORMAL)[:20],
        "may": can_operate.test(user, device),
        "edits": can_edit.test(user, device),
    }


TABS: dict[type[Device], Sequence[Tab[Device]]] = {
    Device: (Tab("alarms", _("Alarms"), "alarms/device_tab.html", _alarms, position=25),)
}
