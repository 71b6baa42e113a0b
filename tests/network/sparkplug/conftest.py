"""Each test meets edge nodes nobody has heard of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gongfu.network.drivers.sparkplug import driver


@pytest.fixture(autouse=True)
def _strangers() -> Iterator[None]:
    driver._edge_nodes.clear()
    yield
    driver._edge_nodes.clear()
