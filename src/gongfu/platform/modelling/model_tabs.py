"""What the tabs of a model and of a binding show."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import get_language, pgettext_lazy

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.i18n import translate
from gongfu.network.models import versions
from gongfu.network.models.conformance import Finding, Report
from gongfu.network.models.types import TagType
from gongfu.platform.modelling import services
from gongfu.platform.modelling.models import Binding, InformationModel

ROLES: dict[str, str | Promise] = {
    "state": pgettext_lazy("role", "State"),
    "count": pgettext_lazy("role", "Count"),
    "power": pgettext_lazy("role", "Power"),
    "energy": pgettext_lazy("role", "Energy"),
    "runtime": pgettext_lazy("role", "Running time"),
    "fuel": pgettext_lazy("role", "Fuel"),
    "position": pgettext_lazy("role", "Position"),
    "condition": pgettext_lazy("role", "Condition"),
    "program": pgettext_lazy("role", "Program"),
}
STATES: dict[str, str | Promise] = {
    "off": pgettext_lazy("state", "Off"),
    "idle": pgettext_lazy("state", "Idle"),
    "setup": pgettext_lazy("state", "Setup"),
    "running": pgettext_lazy("state", "Running"),
    "fault": pgettext_lazy("state", "Fault"),
}


def _language() -> str:
    return get_language() or ""


@dataclass(frozen=True)
class Row:
    """Something with a name, as a table shows it."""

    name: str
    key: str
    thing: object
    more: str = ""
    kind: str | Promise = ""


def tags(request: HttpRequest, model: InformationModel) -> dict[str, object]:
    """Tags with units, ranges and limits."""
    rows = [
        Row(tag.name.in_language(_language()), tag.key, tag, _limits(tag), ROLES.get(tag.role, ""))
        for tag in model.spec.tags
    ]
    return {"rows": rows, "offers": _offers(request, model)}


def _limits(tag: TagType) -> str:
    limits = tag.limits
    low = [f"{value:g}" for value in (limits.alarm_low, limits.warn_low) if value is not None]
    high = [f"{value:g}" for value in (limits.warn_high, limits.alarm_high) if value is not None]
    return " ".join([f"↓ {' / '.join(low)}"] * bool(low) + [f"↑ {' / '.join(high)}"] * bool(high))


def _offers(request: HttpRequest, model: InformationModel) -> dict[str, object]:
    user = accounts.user_of(request)
    return {
        "may_write": model.state == InformationModel.State.DRAFT and can_edit.test(user, model),
        "owners": services.owners_for(user),
        "exports": [("nodeset2", "NodeSet2"), ("json-schema", "JSON Schema"), ("aas", "AAS"), ("json", "JSON")],
    }


def behaviour(_request: HttpRequest, model: InformationModel) -> dict[str, object]:
    """States, alarms, methods and nameplate."""
    spec, language = model.spec, _language()
    return {
        "states": [
            Row(state.name.in_language(language), state.key, state, kind=STATES[state.category])
            for state in spec.states
        ],
        "alarms": [Row(alarm.name.in_language(language), alarm.key, alarm) for alarm in spec.alarms],
        "methods": [
            Row(
                method.name.in_language(language),
                method.key,
                method,
                ", ".join(f"{given.name.in_language(language)} {given.unit}".strip() for given in method.arguments),
            )
            for method in spec.methods
        ],
        "nameplate": [Row(field.name.in_language(language), field.key, field) for field in spec.nameplate],
    }


def mappings(_request: HttpRequest, model: InformationModel) -> dict[str, object]:
    """Standards and public models it corresponds to."""
    spec = model.spec
    return {
        "spec": spec,
        "mapped": [
            Row(tag.name.in_language(_language()), tag.key, tag) for tag in spec.tags if tag.opcua or tag.source
        ],
    }


def versions_tab(request: HttpRequest, model: InformationModel) -> dict[str, object]:
    """Every version, and what changed since another one."""
    others = services.versions_of(accounts.user_of(request), model)
    earlier = [other for other in others if other.pk != model.pk]
    wanted = request.GET.get("with", "")
    before = next(
        (other for other in earlier if str(other.pk) == wanted),
        next((other for other in earlier if other.number < model.number), earlier[0] if earlier else None),
    )
    changes = versions.changes(before.spec, model.spec) if before else []
    return {
        "versions": others,
        "others": earlier,
        "before": before,
        "changes": [
            (change.path, _plain(change.before), _plain(change.after), change.compatibility) for change in changes
        ],
        "gravest": versions.compatibility(changes),
    }


def _plain(value: object) -> str:
    if value is None:
        return "—"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def devices(request: HttpRequest, model: InformationModel) -> dict[str, object]:
    """Devices bound to this version, those that keep it least first."""
    user = accounts.user_of(request)
    found = Binding.objects.visible_to(user).filter(model=model).select_related("device", "organisation")
    return {"bindings": list(found[:500])}


def report(_request: HttpRequest, binding: Binding) -> dict[str, object]:
    """The findings of the last check with their remedies."""
    return {"binding": binding, **findings(services.report_of(binding), binding.model)}


def findings(found: Report, model: InformationModel) -> dict[str, object]:
    """A report in the reader's language."""
    names = {tag.key: tag.name.in_language(_language()) for tag in model.spec.tags}
    return {
        "percent": found.percent,
        "checked": found.checked,
        "findings": [(finding, *texts(finding, names)) for finding in found.findings],
    }


def texts(finding: Finding, names: dict[str, str]) -> tuple[str, str, str]:
    """Name of the tag, message and remedy."""
    name = names.get(finding.tag, finding.tag)
    values = finding.values | {"tag": name}
    message, remedy = (translate(text, _language()).format(**values) for text in (finding.message, finding.remedy))
    return name, message, remedy
