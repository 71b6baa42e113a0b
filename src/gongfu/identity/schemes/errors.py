"""What can go wrong with a code, and with asking who answers for it."""

from gongfu.kernel.errors import Conflict, Invalid, NotFound, Unavailable


class BadCode(Invalid):
    """The text is not a valid code of its scheme."""

    code = "bad_code"


class BadLink(BadCode):
    """An address that should be a GS1 Digital Link URI and is none; GS1-Conformant Resolver §6.2 asks for 400."""

    code = "bad_link"
    http_status = 400


class UnknownCode(NotFound):
    """Nobody this node may ask knows the code."""


class CodeTaken(Conflict):
    """The code is bound to an identifier already."""


class NotConfigured(Unavailable):
    """This node has no address of the scheme's authority."""

    code = "not_configured"


class Unreachable(Unavailable):
    """The scheme's authority does not answer, or answers what cannot be understood."""

    code = "unreachable"
