"""A small internet in memory: servers with answers, some of them silent, lame or lying."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from gongfu.identity.handle import names, site
from gongfu.identity.handle.codes import ResponseCode
from gongfu.identity.handle.wire import Value
from gongfu.identity.recursion.asking import Query, Reply
from gongfu.identity.recursion.cache import Cache
from gongfu.identity.recursion.endpoints import Endpoint
from gongfu.identity.recursion.recursor import Recursor
from gongfu.identity.recursion.trace import Problem

TOP, SECONDARY, ENTERPRISE = "192.0.2.1", "192.0.2.2", "192.0.2.3"


def url(text: str = "http://a.test/", ttl: int = 86_400) -> Value:
    return Value(1, "URL", text.encode(), ttl)


def served_at(*addresses: str, ttl: int = 86_400) -> Value:
    servers = tuple(server for address in addresses for server in site.single(address).servers)
    return Value(1, site.HS_SITE, site.encode(site.Site(servers)), ttl)


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Server:
    """What one address answers: code, values, referral; a problem for all; seconds it takes."""

    records: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    homes: set[str] = field(default_factory=set)
    referrals: dict[str, site.Referral] = field(default_factory=dict)
    problem: Problem = Problem.NONE
    takes: float = 0.0

    def reply(self, handle: str) -> Reply:
        if self.problem is not Problem.NONE:
            return Reply(self.problem, "udp", 0.001)
        key = handle.upper()
        prefix = key.partition("/")[0]
        if key in self.referrals or prefix in self.referrals:
            found = self.referrals.get(key) or self.referrals[prefix]
            return Reply(Problem.NONE, "udp", 0.001, ResponseCode.SERVICE_REFERRAL, referral=found)
        if key in self.records:
            return Reply(Problem.NONE, "udp", 0.001, ResponseCode.SUCCESS, self.records[key])
        homed = prefix in self.homes or prefix == "0.NA"
        code = ResponseCode.HANDLE_NOT_FOUND if homed else ResponseCode.NOT_RESPONSIBLE
        return Reply(Problem.NONE, "udp", 0.001, code)


class Net:
    """The servers by address, and who was asked for what."""

    def __init__(self, servers: dict[str, Server]) -> None:
        self.servers = servers
        self.asked: list[tuple[str, str]] = []
        self.queries: list[Query] = []
        self.clock = Clock()
        self.cache = Cache(10_000_000, clock=self.clock)
        self.recursor = Recursor([Endpoint(TOP, 2641, 2641)], self.cache, ask=self.ask, hop_seconds=0.2, seconds=2)

    async def ask(self, query: Query, endpoint: Endpoint, seconds: float) -> Reply:
        self.asked.append((endpoint.host, query.handle))
        self.queries.append(query)
        server = self.servers.get(endpoint.host)
        if server is None:
            return Reply(Problem.SILENT, "tcp", seconds)
        await asyncio.sleep(min(server.takes, seconds))
        return Reply(Problem.SILENT, "tcp", seconds) if server.takes > seconds else server.reply(query.handle)

    def forget(self) -> None:
        self.asked.clear()


def hierarchy(**more: Iterable[Value]) -> Net:
    """Top 88, secondary 88.118, enterprise 88.118.1 with one identifier A."""
    net = Net(
        {
            TOP: Server({"0.NA/88.118": (served_at(SECONDARY),)}),
            SECONDARY: Server({"0.NA/88.118.1": (served_at(ENTERPRISE),)}, {"88.118", "88.118.2"}),
            ENTERPRISE: Server({"88.118.1/A": (url(),)}, {"88.118.1"}),
        }
    )
    for handle, values in more.items():
        net.servers[ENTERPRISE].records[handle] = tuple(values)
    return net


def key(handle: str) -> bytes:
    return names.key(handle.encode())
