"""Two enterprises with prefixes, identifiers of the first, and a store of their own."""

from __future__ import annotations

import pytest

from gongfu.identity.handle.codes import Permission
from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from tests.support.plants import Commit as Commit
from tests.support.plants import Plants as Plants
from tests.support.plants import li as li
from tests.support.plants import own_store as own_store
from tests.support.plants import plants as plants
from tests.support.plants import wang as wang


@pytest.fixture
def pumps(plants: Plants, own_store: IdentifierStore) -> list[str]:
    """250 identifiers 88.118.1/PUMP-000 … with a public name and a secret note."""
    handles = [f"88.118.1/PUMP-{number:03}" for number in range(250)]
    own_store.put_many(
        Record(
            parse(handle),
            (
                Value(2, "NAME", f"一号循环泵 {handle[-3:]}".encode()),
                Value(7, "OWNER", "恒锐机床集团有限公司".encode()),
                Value(100, "NOTE", "内部".encode(), permissions=Permission.ADMIN_READ),
            ),
            1,
            1,
        )
        for handle in handles
    )
    return handles
