"""What can go wrong when somebody asks, beyond the five classes of the kernel."""

from gongfu.kernel.errors import Invalid


class WrongComparison(Invalid):
    """A comparison that nothing registered can be put to."""
