"""An enterprise with a press, an edge node of its own, and the machine that joins, for tests of edge nodes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.http import HttpResponse
from django.test import Client

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.network.edge.contract import Backlog, EdgeState, JoinAnswer, Lane, OrderAnswer
from gongfu.network.edge.contract import EdgeOrder as Order
from gongfu.platform.devices import applying
from gongfu.platform.devices.models import Device
from gongfu.platform.edges import joining
from gongfu.platform.edges.models import Edge
from tests.platform.devices.plants import PRESS, but

NOON = int(dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC).timestamp() * 1e6)


def signed_in(user: User, language: str = "en") -> Client:
    client = Client(headers={"accept-language": language})
    client.force_login(user)
    user.language = language
    user.save()
    return client


def edge_of(organisation: Organisation, code: str = "hall-1", **more: Any) -> Edge:
    return Edge.objects.create(organisation=organisation, code=code, name="一号车间网关", **more)


def press_on(user: User, organisation: Organisation, gateway: str) -> Device:
    device = applying.put(user, organisation, but(PRESS, gateway=gateway)).device
    assert device is not None
    return device


def knock(token: str, client: Client | None = None, **more: Any) -> HttpResponse:
    """What the machine sends."""
    asked = {"token": token, "name": "box-7", "version": "0.1.0", "platform": "Linux aarch64"} | more
    return (client or Client(headers={"accept-language": "en"})).post(
        "/api/v1/platform/edges/join", asked, content_type="application/json"
    )


def joined(user: User, edge: Edge) -> JoinAnswer:
    """``edge`` after a machine has joined."""
    _, text = joining.invite(user, edge)
    answer = knock(text)
    assert answer.status_code == 200, answer.content
    edge.refresh_from_db()
    return msgspec.json.decode(answer.content, type=JoinAnswer)


def report(edge: str = "hall-1", **more: Any) -> EdgeState:
    plain = EdgeState(
        edge=edge,
        time=NOON,
        version="0.1.0",
        platform="Linux aarch64",
        started=NOON - 60_000_000,
        connected=True,
        clock_offset=0.01,
        disk_free=9_000_000_000,
        backlog=Backlog(),
        forwarded=Lane(readings=1000),
        devices={"online": 1},
        processes={"gateway": "ready", "edge-forward": "ready"},
    )
    return msgspec.structs.replace(plain, **more)


class Machine:
    """Answers orders as the edge node would, and remembers them."""

    def __init__(self) -> None:
        self.orders: list[tuple[str, Order]] = []
        self.answer: OrderAnswer | Exception = OrderAnswer(ok=True)

    def request(self, subject: str, data: bytes, within: float) -> bytes:
        assert within > 0
        self.orders.append((subject, msgspec.json.decode(data, type=Order)))
        if isinstance(self.answer, Exception):
            raise self.answer
        return msgspec.json.encode(self.answer)


def with_a_leaf_port(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """The node's settings, listening for edge nodes, with a home of its own."""
    from gongfu.kernel.settings import settings

    changed = msgspec.structs.replace(settings(), leaf_port=8610, home=home)
    for module in ("joining", "assigning", "ordering", "services", "joining_pages", "api"):
        monkeypatch.setattr(f"gongfu.platform.edges.{module}.settings", lambda: changed)
