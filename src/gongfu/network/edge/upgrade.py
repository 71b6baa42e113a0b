"""Another version of Gongfu beside the running one, tried for a minute, and left again if it is not healthy."""

from __future__ import annotations

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import Settings
from gongfu.network.edge.contract import Install, Upgrade


class Upgrader:
    """Carries out :class:`Install` orders; ``state`` and ``detail`` are reported."""

    def __init__(self, settings: Settings, url: str) -> None:
        self._settings = settings
        self._url = url
        self.state = Upgrade.NONE
        self.detail = ""

    async def install(self, order: Install) -> str:
        """Not yet."""
        raise Invalid(
            mark("This edge cannot be upgraded from the node."), remedy=mark("Install the new version on it.")
        )
