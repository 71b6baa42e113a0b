"""How identifiers that follow a template are read: by name, and by whom."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from gongfu.identity.business import checking, services
from gongfu.identity.business.checking import Audience
from gongfu.identity.business.fields import TEMPLATE_TYPE
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.readers import Line, sees_all
from gongfu.identity.registry.records import Record
from gongfu.kernel.accounts.models import Organisation, User


class TemplateReader:
    """Partners see what was granted to them; fields have the names of their template."""

    def granted(self, user: User) -> list[str]:
        """Prefixes of other organisations that ``user`` may look into."""
        return list(services.grants_to(user).values_list("prefix__name", flat=True))

    def values(self, record: Record, user: User | None, owner: Organisation | None) -> tuple[Value, ...]:
        """By the grants of the template's fields."""
        if user is not None and sees_all(user, owner):
            return record.values
        partner = user is not None and record.handle.prefix.upper() in self.granted(user)
        audience = Audience.PARTNER if partner else Audience.PUBLIC
        return checking.visible(services.spec_of(record), record.values, audience)

    def lines(self, record: Record, values: Sequence[Value]) -> list[Line]:
        """Values with their field's name and unit."""
        spec = services.spec_of(record)
        if spec is None:
            return [Line(value, "", value.text) for value in values]
        language = get_language() or ""
        known = {(field.index, field.key): field for field in spec.fields}
        found = []
        for value in values:
            field = known.get((value.index, value.type))
            if field is not None:
                found.append(Line(value, field.name.in_language(language), checking.shown(field, value.text, language)))
            elif value.type == TEMPLATE_TYPE:
                name = spec.name.in_language(language)
                found.append(Line(value, _("Template"), f"{name} v{spec.version} ({value.text})"))
            else:
                found.append(Line(value, "", value.text))
        return found
