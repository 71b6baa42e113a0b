"""What can be wrong with an escrow, beyond the five classes of the kernel."""

from gongfu.kernel.errors import Conflict, Invalid


class Damaged(Conflict):
    """A set lacks a part, or a part is not what the manifest says."""

    code = "damaged"


class WrongKey(Invalid):
    """The recovery text does not open this escrow."""

    code = "wrong_key"
