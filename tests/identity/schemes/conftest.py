"""People of two enterprises with prefixes, one identifier, and a store of their own."""

from __future__ import annotations

import pytest

from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import services
from gongfu.kernel.accounts.models import User
from tests.support.plants import Commit as Commit
from tests.support.plants import Plants as Plants
from tests.support.plants import li as li
from tests.support.plants import own_store as own_store
from tests.support.plants import plants as plants
from tests.support.plants import wang as wang


@pytest.fixture
def pump(li: User) -> str:
    values = [Value(2, "NAME", "一号循环泵".encode()), Value(6, "SERIAL_NUMBER", b"S-77")]
    services.register(li, "88.118.1/PUMP-01", values)
    return "88.118.1/PUMP-01"
