"""What can go wrong between two nodes, beyond the five classes of the kernel."""

from gongfu.kernel.errors import Conflict, Forbidden, Unavailable


class NotSigned(Forbidden):
    """The signature is missing, not readable, not for us, or not by a key that is paired with this node."""

    code = "not_signed"
    http_status = 401


class ClockSkew(Forbidden):
    """The two clocks differ by more than is tolerated."""

    code = "clock_skew"


class Replayed(Conflict):
    """This very request was received before."""

    code = "replayed"


class PeerUnreachable(Unavailable):
    """The other node did not answer, or what answered was not it."""

    code = "peer_unreachable"
