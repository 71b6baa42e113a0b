"""What can go wrong with devices, beyond the five classes of the kernel."""

from gongfu.kernel.errors import Conflict


class KeyTaken(Conflict):
    """The organisation has a device of that key."""
