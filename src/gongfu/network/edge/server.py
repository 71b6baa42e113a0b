"""The edge's own nats-server: a bus like a node's, and an account by which it reaches the node.

The account ``LINK`` is the leaf connection. Nothing of the edge's own account leaves through it, except the gateway's
desk, which the node may ask; so no stream of the node hears a reading twice.
"""

from __future__ import annotations

import json
from urllib.parse import quote, urlsplit

from gongfu.kernel import nats_server
from gongfu.kernel.bus import INTERNAL_USER, MAX_PAYLOAD
from gongfu.kernel.nats_server import ACCOUNT, account, mqtt_host_password, mqtt_password, own_users, service
from gongfu.kernel.secrets import secret
from gongfu.kernel.settings import Settings
from gongfu.network.edge.contract import JoinAnswer
from gongfu.network.gateway.wire import Address

LINK = "LINK"
LINK_USER = "link"
_ALLOWANCE = 4
"""What the server may reserve, in sizes of a stream."""


def link_address(settings: Settings) -> Address:
    """The account by which the node is reached."""
    return Address("127.0.0.1", settings.bus_port, LINK_USER, secret(settings.home, "bus-link"), False)


def local_address(settings: Settings) -> Address:
    """The edge's own account."""
    return Address("127.0.0.1", settings.bus_port, INTERNAL_USER, secret(settings.home, "bus-internal"), False)


def config(settings: Settings, joined: JoinAnswer) -> str:
    """The whole configuration file; it holds passwords."""
    home = settings.home
    own = account(
        ACCOUNT,
        ["jetstream: enabled"],
        own_users(
            secret(home, "bus-internal"),
            {joined.org_code: mqtt_password(home, joined.org_code)},
            mqtt_host_password(home),
        ),
        exports=[f'{{service: "gateway.{joined.edge}.ask"}}'],
        imports=[],
    )
    link = account(
        LINK,
        [],
        [f"{{user: {json.dumps(LINK_USER)}, password: {json.dumps(secret(home, 'bus-link'))}}}"],
        exports=[],
        imports=[service(ACCOUNT, f"gateway.{joined.edge}.ask")],
    )
    return f"""\
# Written by gongfu edge at every start; changes here are lost.
server_name: {json.dumps(joined.edge)}
listen: "127.0.0.1:{settings.bus_port}"
http: "127.0.0.1:{settings.bus_monitor_port}"
max_payload: {MAX_PAYLOAD}
ping_interval: "10s"
jetstream {{
  store_dir: {json.dumps(str(home / "bus"))}
  domain: {json.dumps(f"edge-{joined.edge}")}
  max_memory_store: 33554432
  max_file_store: {_ALLOWANCE * settings.retention_bus_bytes}
  sync_interval: "10s"
}}
mqtt {{
  host: {json.dumps(settings.host)}
  port: {settings.mqtt_port}
}}
leafnodes {{
  reconnect: "1s"
  remotes: [ {{ url: {json.dumps(_remote(joined))}, account: {LINK}{_trust(settings, joined)} }} ]
}}
accounts {{
{own}{link}}}
"""


def prepare(settings: Settings, joined: JoinAnswer) -> str:
    """Write the configuration; returns its path. The bus must not be running."""
    path = settings.home / "bus" / "server.conf"
    nats_server.write_private(path, config(settings, joined))
    return str(path)


def _remote(joined: JoinAnswer) -> str:
    parts = urlsplit(joined.leaf.url)
    who = f"{quote(joined.leaf.user, safe='')}:{quote(joined.leaf.password, safe='')}"
    return f"{parts.scheme}://{who}@{parts.netloc}"


def _trust(settings: Settings, joined: JoinAnswer) -> str:
    if not joined.leaf.url.startswith("tls://"):
        return ""
    if not joined.leaf.ca:
        return ", tls: {}"
    path = settings.home / "edge" / "node-ca.pem"
    nats_server.write_private(path, joined.leaf.ca)
    return f", tls: {{ ca_file: {json.dumps(str(path))} }}"
