"""What can go wrong in business management, beyond the five classes of the kernel."""

from __future__ import annotations

from collections.abc import Sequence

from gongfu.kernel.errors import Conflict, GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import current
from gongfu.network.models.types import Text


class NoTemplate(NotFound):
    """No such template, or none that this user may use."""


class Published(Conflict):
    """A published template cannot be changed."""


class WrongFields(Invalid):
    """Values that do not fit their template; ``values["fields"]`` has a sentence for each field."""


class WrongTemplate(Invalid):
    """A template with ``problems``; ``{reasons}`` in its message is what is wrong, in the reader's language."""

    def __init__(self, message: str, problems: Sequence[GongfuError], /, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.problems = problems

    def parts(self, language: str | None = None) -> tuple[str, str]:
        """Message and remedy in ``language``."""
        self.values = {"reasons": " ".join(problem.parts(language)[0] for problem in self.problems)}
        return super().parts(language)


class WrongValue(Invalid):
    """One value that does not fit its field; ``{name}`` in its message is the field's name in the reader's language."""

    def __init__(self, name: Text, message: str, /, *, remedy: str = "", **values: object) -> None:
        super().__init__(message, remedy=remedy, **values)
        self.name = name

    def parts(self, language: str | None = None) -> tuple[str, str]:
        """Message and remedy in ``language``."""
        self.values = {**self.values, "name": self.name.in_language(language or current())}
        return super().parts(language)
