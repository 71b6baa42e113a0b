"""What a hostile edge can reach with its own credentials: its own organisation's stream, and nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import nats.errors
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from gongfu.kernel import bus, nats_server
from gongfu.kernel.errors import Conflict
from gongfu.kernel.nats_server import EdgeUser
from gongfu.kernel.secrets import secret
from gongfu.network.edge.server import LINK_USER
from gongfu.network.gateway.config import desired_key
from tests.network.edge.rig import EDGE, rigged, until


async def _answered(client: Client, subject: str, data: bytes = b"") -> bool:
    try:
        answer = await client.request(subject, data, timeout=0.7)
    except nats.errors.Error:
        return False
    return b'"error"' not in answer.data


async def test_a_hostile_edge_reaches_only_its_own(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        await (await rig.js.key_value(bus.DESIRED)).put(desired_key("other", 6), b"secret")
        # With the link account's own user on the edge's bus everything may be said that the node's bus lets in.
        link = Client()
        password = secret(rig.edge.home, "bus-link")
        await link.connect(f"nats://{LINK_USER}:{password}@127.0.0.1:{rig.edge.bus_port}")
        heard: list[bytes] = []

        async def hear(message: Msg) -> None:
            heard.append(message.data)

        try:
            await until(lambda: _answered(link, "node.readings.1.5", b"mine"))
            await link.subscribe("readings.>", cb=hear)
            await link.subscribe("$KV.>", cb=hear)
            await link.subscribe("node.>", cb=hear)
            await asyncio.sleep(0.2)
            for subject in (
                "node.readings.2.5",
                "node.events.2.5",
                "node.actual.other.5",
                "readings.2.5",
                "readings.1.5",
                f"$KV.{bus.DESIRED}.{EDGE}.5",
                f"$JS.API.STREAM.INFO.{bus.READINGS}",
                f"$JS.API.CONSUMER.MSG.NEXT.KV_{bus.DESIRED}.edge-other",
                f"$JS.API.DIRECT.GET.KV_{bus.DESIRED}.$KV.{bus.DESIRED}.other.6",
                "gateway.other.ask",
                "edges.other.orders",
            ):
                assert not await _answered(link, subject, b"{}"), subject
            before = (await rig.js.stream_info(bus.READINGS)).state.last_seq
            # The bus answers a request to its reply subject: not to one of its own interface.
            for subject in ("node.readings.1.5", "node.desired.reset", "node.state"):
                await link.publish(subject, b"", reply=f"$JS.API.STREAM.PURGE.{bus.READINGS}")
                await link.publish(subject, b"", reply="readings.2.9")
            await (await rig.js.key_value(bus.DESIRED)).put(desired_key("other", 6), b"still secret")
            await rig.js.publish("readings.2.9", b"of another")
            await link.flush()
            await asyncio.sleep(0.3)
            state = (await rig.js.stream_info(bus.READINGS)).state
            assert (state.first_seq, state.last_seq) == (1, before + 3)
            assert not {b"of another", b"secret", b"still secret"} & set(heard)
        finally:
            await link.close()


async def test_the_credentials_of_an_edge_open_nothing_but_the_leaf_listener(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        client = Client()
        password = nats_server.edge_password(rig.node.home, EDGE)
        with pytest.raises(nats.errors.Error, match="Authorization"):
            await client.connect(
                f"nats://{nats_server.edge_user(EDGE)}:{password}@127.0.0.1:{rig.node.bus_port}", allow_reconnect=False
            )
        await client.close()


def test_organisations_and_edges_are_written_independently(tmp_path: Path) -> None:
    nats_server.write_edges(tmp_path, [EdgeUser("hall", 1)])
    nats_server.write_users(tmp_path, ["acme"])
    text = nats_server.users_file(tmp_path).read_text()
    assert '"edge.hall"' in text
    assert '"acme"' in text
    nats_server.write_edges(tmp_path, [])
    assert '"edge.hall"' not in nats_server.users_file(tmp_path).read_text()
    assert nats_server.users_file(tmp_path).stat().st_mode & 0o077 == 0


def test_streams_of_before_there_were_accounts_move_along(tmp_path: Path) -> None:
    from tests.network.nats import node_settings

    settings = node_settings(tmp_path)
    (tmp_path / "bus" / "jetstream" / "$G" / "streams" / "READINGS").mkdir(parents=True)
    nats_server.users_file(tmp_path).write_text("authorization {}")
    nats_server.mqtt_password(tmp_path, "acme")
    nats_server.prepare(settings)
    assert (tmp_path / "bus" / "jetstream" / "GONGFU" / "streams" / "READINGS").is_dir()
    assert '"acme"' in nats_server.users_file(tmp_path).read_text()
    with pytest.raises(Conflict, match="does not listen"):
        nats_server.leaf_url(settings, "node.example")
