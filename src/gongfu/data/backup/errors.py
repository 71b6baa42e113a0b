"""What can be wrong with a backup, beyond the five classes of the kernel; damage and keys as in the escrow."""

from gongfu.identity.escrow.errors import Damaged as Damaged
from gongfu.identity.escrow.errors import WrongKey as WrongKey
from gongfu.kernel.errors import Conflict


class Busy(Conflict):
    """Another backup of this node is at work."""

    code = "busy"
