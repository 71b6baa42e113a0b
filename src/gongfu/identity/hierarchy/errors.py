"""What can go wrong beyond the five classes of the kernel."""

from gongfu.kernel.errors import Unavailable


class TooManyPaths(Unavailable):
    """This person, or everybody together, follows more paths than the node bears."""

    code = "too_many_paths"
    http_status = 429
