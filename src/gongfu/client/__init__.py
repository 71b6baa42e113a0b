"""Python client of a Gongfu node: devices, tags, history and SQL as Arrow tables.

    from gongfu.client import Client

    node = Client("http://127.0.0.1:8600", "gongfu_…")
    table = node.history(["PUMP-01/flow"], "2026-11-20T00:00:00+08:00", "2026-11-21T00:00:00+08:00", points=1000)

Needs ``httpx`` and ``pyarrow`` and nothing else of Gongfu.
"""

from gongfu.client.asynchronous import AsyncClient
from gongfu.client.errors import ClientError, Invalid, NotAllowed, NotFound, NotReachable
from gongfu.client.records import Device, LastValue, Tag
from gongfu.client.synchronous import Client

__all__ = [
    "AsyncClient",
    "Client",
    "ClientError",
    "Device",
    "Invalid",
    "LastValue",
    "NotAllowed",
    "NotFound",
    "NotReachable",
    "Tag",
]
