"""What can go wrong with prefixes and identifiers, beyond the five classes of the kernel."""

from gongfu.kernel.errors import Conflict, NotFound


class PrefixTaken(Conflict):
    """The prefix is allotted already."""


class NoPrefix(NotFound):
    """No such prefix, or none that this user may see."""


class JournalTrimmed(Conflict):
    """The journal no longer reaches back that far."""


class NoIdentifier(NotFound):
    """No such identifier, or none that this user may see."""
