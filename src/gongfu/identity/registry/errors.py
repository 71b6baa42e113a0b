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


class QuotaSpent(Conflict):
    """No further identifier fits under the prefix by its contract."""

    code = "registration_limit"
    handle_code = 604  # registration limit, national system


class PrefixSuspended(Conflict):
    """The prefix is out of service."""

    code = "prefix_suspended"
    handle_code = 605  # prefix limit, national system
