"""What batches refuse, beyond the five classes of the kernel."""

from gongfu.kernel.errors import Conflict, Invalid


class RegistrationsSpent(Conflict):
    """The prefix holds as many identifiers as it may."""

    code = "registrations_spent"
    handle_code = 604


class FileTooLarge(Invalid):
    """More octets than one file may have."""

    code = "file_too_large"
    http_status = 413
