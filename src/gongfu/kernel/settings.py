"""Typed settings: environment first, then ``gongfu.toml``, then the default.

``GONGFU_WEB_PORT=9000`` and, in ``$GONGFU_HOME/gongfu.toml``, ``web_port = 9000`` say the same.
A name nobody knows, or a value of the wrong type, stops the program with the name and the remedy.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

FILE_NAME = "gongfu.toml"
# Read by the build and the test suite, not by a node.
_NOT_SETTINGS = {
    "GONGFU_HOME",
    "GONGFU_REQUIRE_ALL",
    "GONGFU_TEST_DATABASE",
    "GONGFU_FUZZ",
    "GONGFU_FUZZ_SEED",
    "GONGFU_BENCH_SIZES",
    "GONGFU_BENCH_FOLDER",
    "GONGFU_BENCH_READINGS",
    "GONGFU_BENCH_SKAB",
}


SIMULATOR_PORTS = 20
"""How many ports the demonstration plant may use, from ``simulator_base_port`` on."""
ROLES = ("top", "secondary", "enterprise", "recursive")
"""What a node can be in the identifier system."""
_MAY_BE_OFF = ("http_ingest_port", "clickhouse_port", "leaf_port")
_RESOLVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
_LISTS = ("allowed_hosts", "discovery_ranges", "file_roots", "outlet_networks", "roles", "roots")
_ADDRESSES = (
    ("public_url", ("http://", "https://"), mark("Use https://name or http://name:port.")),
    (
        "database_url",
        ("postgresql://", "postgres://"),
        mark("Leave it empty for SQLite, or use postgresql://user:password@host:port/name."),
    ),
    ("bus_url", ("nats://", "tls://"), mark("Use nats://user:password@host:port.")),
    ("mirror_of", ("nats://", "tls://"), mark("Use nats://user:password@host:port/NODE.")),
    ("store_url", ("http://", "https://"), mark("Use http://user:password@host:port/database.")),
    ("smtp_url", ("smtp://", "smtps://", "smtp+starttls://"), mark("Use smtps://user:password@host:465.")),
    ("gs1_resolver_url", ("http://", "https://"), mark("Use https://name.")),
    ("did_resolver_url", ("http://", "https://"), mark("Use https://name.")),
    ("ecode_resolver_url", ("http://", "https://"), mark("Use https://name.")),
    ("s3_endpoint", ("http://", "https://"), mark("Use https://name or http://name:port.")),
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything an operator can set. A port is known, as it must be shown; where 0 is allowed, nobody listens."""

    home: Path
    """The one directory that holds a node's state."""
    node: str = "local"
    """Name of this node among others: letters, digits and dashes."""
    language: str = "zh-hans"
    """Language of the console before anyone chooses, and of the command line: zh-hans or en."""
    timezone: str = "Asia/Shanghai"
    """Time zone in which times are shown."""
    host: str = "127.0.0.1"
    """Address on which the console, the device protocols and the resolver listen."""
    public_url: str = ""
    """Address under which people reach the console, as printed in QR codes; default http://host:web_port."""
    allowed_hosts: list[str] = []
    """Further host names by which the console may be called; ``public_url`` and ``host`` always may."""
    database_url: str = ""
    """People's records: empty for SQLite in home, or postgresql://user:password@host:port/name."""

    web_port: int = 8600
    """Console, API and live streams (HTTP)."""
    bus_port: int = 8601
    """NATS, for Gongfu's own processes."""
    bus_monitor_port: int = 8602
    """NATS monitoring (HTTP, loopback only)."""
    store_port: int = 8603
    """Telemetry store (ClickHouse HTTP interface) and health of the recorder."""
    supervisor_port: int = 8604
    """Health and process table of the supervisor (HTTP, loopback only)."""
    gateway_port: int = 8605
    """Health of the gateway (HTTP, loopback only)."""
    resolver_port: int = 8606
    """Health of the resolver (HTTP, loopback only)."""
    worker_port: int = 8607
    """Health of the worker (HTTP, loopback only)."""
    northbound_port: int = 8609
    """Health of the northbound servers (HTTP, loopback only)."""
    streams_port: int = 8613
    """Health of the rules over readings (HTTP, loopback only)."""
    simulator_port: int = 8608
    """Health and fault injection of the demonstration plant (HTTP, loopback only)."""
    clickhouse_port: int = 0
    """ClickHouse HTTP interface for people and their programs (Grafana, DBeaver), also at /clickhouse/ of the console;
    0: only there."""
    clickhouse_host: str = "127.0.0.1"
    """Address on which ``clickhouse_port`` listens."""
    mqtt_port: int = 1883
    """MQTT devices connect here."""
    leaf_port: int = 0
    """Edge nodes connect here (NATS leaf nodes), such as 8610; 0: there are none."""
    http_ingest_port: int = 0
    """Devices and systems that push readings over HTTP connect here; 0: nobody may."""
    handle_port: int = 2641
    """Handle protocol, UDP and TCP (IANA: 2641)."""
    handle_http_port: int = 8000
    """Handle HTTP/JSON API (Handle.Net: 8000); with ``tls_certificate`` HTTPS on the same port."""
    recursive_port: int = 3641
    """Recursive resolution, UDP and TCP, on a node with that role (national system: 3641)."""
    simulator_base_port: int = 8620
    """First of 20 ports on which the demonstration plant's machines listen."""

    bus_url: str = ""
    """Use this NATS instead of starting one: nats://user:password@host:port."""
    store_url: str = ""
    """Use this ClickHouse instead of the recorder's own: http://user:password@host:port/database."""
    file_roots: list[str] = []
    """Folders from which devices may read files, each with a folder for every organisation, named by its code."""
    smtp_url: str = ""
    """Mail server for notifications: smtps://user:password@host:465, smtp+starttls://…:587 or smtp://host:25."""
    smtp_from: str = ""
    """Sender of notifications; default: the user name of ``smtp_url``."""
    outlet_networks: list[str] = []
    """Private networks, as 192.168.1.0/24, to which webhooks and robots may post; public addresses always may."""
    leaf_host: str = ""
    """Address on which edge nodes are listened for; default: host."""
    leaf_certificate: str = ""
    """Certificate of that listener, path of a PEM file; empty: no TLS, for private networks only."""
    leaf_key: str = ""
    """Path of the PEM file with its private key; default: the certificate's file."""
    edge_port: int = 8611
    """Status page of an edge node (HTTP)."""
    edge_host: str = "127.0.0.1"
    """Address on which an edge node shows its status page."""
    edge_forward_port: int = 8612
    """Health of the edge's forwarder (HTTP, loopback only)."""
    edge_order: str = "oldest"
    """What an edge forwards first after a cut: oldest, or newest with live readings at once."""
    nats_server: str = ""
    """Path of the nats-server to start; default: the one from the wheel, else from PATH."""
    identifier_prefix: str = "88.118"
    """Secondary prefix of this node: enterprises are numbered below it, as 88.118.1."""
    roles: list[str] = msgspec.field(default_factory=lambda: ["secondary", "enterprise"])
    """What this node is in the identifier system: top, secondary, enterprise, recursive; several are possible."""
    top_prefix: str = "88"
    """Prefix of the whole system, below which a top node allots secondary prefixes."""
    parent: str = ""
    """Address of the resolver one level up, as 192.0.2.1:2641."""
    roots: list[str] = []
    """Addresses of resolvers where recursive resolution begins; default: parent, else this node."""
    recursive: str = ""
    """Address of the recursive resolver that the console asks for paths; default: this node's own, if it is one."""
    recursive_cache_bytes: int = 256_000_000
    """Memory that a recursive resolver uses for what it has learnt."""
    tls_certificate: str = ""
    """Certificate of the Handle HTTP API: path of a PEM file, or self-signed to have one made; empty for plain HTTP."""
    tls_key: str = ""
    """Path of the PEM file with its private key; default: the certificate's file."""
    gs1_resolver_url: str = ""
    """Resolver to ask about GS1 keys that are not bound here: https://name; empty: none."""
    did_resolver_url: str = ""
    """Resolver to ask about BIDs and other DIDs (W3C DID Resolution): https://name; empty: none."""
    ecode_resolver_url: str = ""
    """Resolver to ask about Ecodes: https://name/path; empty: none."""
    dns_server: str = ""
    """DNS server to ask about domain names and OIDs: host or host:port; empty: the system's."""
    label_font: str = ""
    """TrueType file to embed into printed labels; empty: STSong-Light, which PDF readers bring along."""
    document_fonts: str = ""
    """Folder of TrueType files (仿宋.ttf, 黑体.ttf, 楷体.ttf, 小标宋.ttf, 补字.ttf) to embed into documents."""
    assessment_peers: int = 5
    """Fewest enterprises of which a comparison of assessments shows figures; less than 3 counts as 3."""
    publish_changes: bool = False
    """Publish every change of identifiers on the bus, for mirrors."""
    mirror_of: str = ""
    """Keep a copy of another node's identifiers: nats://user:password@host:port/NODE, its bus and its name."""
    resolver_workers: int = 1
    """Resolver processes that share the port."""
    resolver_memory: int = 128_000_000
    """Memory of each resolver process for values asked for again and again over UDP; 0: none."""
    resolver_rate_limit: int = 10_000
    """Answers a second to one network (IPv4 /24, IPv6 /56) over UDP; this computer is never limited. 0: no limit."""
    resolver_amplification: int = 16
    """How many times as long as its request an answer over UDP may be before TCP has to be used; 0: any length."""
    retention_bus_bytes: int = 2_000_000_000
    """How much the bus keeps for a recorder that does not answer before it refuses more."""
    cold_after_days: int = 400
    """Readings of months that ended so many days ago move from the embedded store to Parquet files; 0: never."""
    discovery_ranges: list[str] = []
    """Networks in which the gateway may look for devices, as 192.168.1.0/24; empty: it never scans."""
    backup_to: str = ""
    """Where the node is backed up by the clock: a folder or s3://bucket/prefix; empty: only when somebody asks."""
    backup_every_minutes: int = 60
    """Minutes from one backup to the next: as much may be lost at most."""
    backup_keep_last: int = 24
    """How many of the newest backups stay."""
    backup_keep_days: int = 30
    """Of so many days the newest backup stays as well."""
    s3_endpoint: str = ""
    """Address of the S3-compatible service, as https://s3.example.com; empty: Amazon's of the region."""
    s3_region: str = "us-east-1"
    """Region that requests are signed for."""
    s3_access_key: str = ""
    """Access key of the S3-compatible service."""
    s3_secret_key: str = ""
    """Secret key that belongs to it."""
    scan_command: str = ""
    """Command that looks for viruses in what people attach: run with the file's path, any code but 0 refuses it."""
    demonstration: bool = False
    """Run the demonstration plant beside the node."""
    log_format: str = "text"
    """text for people, json for machines."""
    log_level: str = "info"
    """debug, info, warning or error."""

    def __post_init__(self) -> None:
        _check(
            "node",
            self.node,
            re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}", self.node) is not None,
            mark("Use letters, digits and dashes."),
        )
        _check("language", self.language, self.language in ("zh-hans", "en"), mark("Use zh-hans or en."))
        _check("edge_order", self.edge_order, self.edge_order in ("oldest", "newest"), mark("Use oldest or newest."))
        _check("log_format", self.log_format, self.log_format in ("text", "json"), mark("Use text or json."))
        _check(
            "log_level",
            self.log_level,
            self.log_level in ("debug", "info", "warning", "error"),
            mark("Use debug, info, warning or error."),
        )
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError):
            _check("timezone", self.timezone, False, mark("Use a name such as Asia/Shanghai."))
        for name in self.__struct_fields__:
            if name.endswith("_port"):
                port = getattr(self, name)
                off = port == 0 and name in _MAY_BE_OFF
                _check(name, port, off or 0 < port < 65536, mark("Use a port between 1 and 65535."))
        last = self.simulator_base_port + SIMULATOR_PORTS - 1
        _check("simulator_base_port", self.simulator_base_port, last < 65536, mark("Use a port up to 65516."))
        _check("resolver_workers", self.resolver_workers, 0 < self.resolver_workers <= 64, mark("Use 1 to 64."))
        for name, value in (
            ("resolver_memory", self.resolver_memory),
            ("resolver_rate_limit", self.resolver_rate_limit),
            ("resolver_amplification", self.resolver_amplification),
            ("cold_after_days", self.cold_after_days),
        ):
            _check(name, value, value >= 0, mark("Use 0 or more."))
        _check(
            "retention_bus_bytes",
            self.retention_bus_bytes,
            self.retention_bus_bytes >= 10_000_000,
            mark("Use at least 10000000, ten megabytes."),
        )
        for name, least in (("backup_every_minutes", 1), ("backup_keep_last", 1), ("backup_keep_days", 0)):
            value = getattr(self, name)
            _check(name, value, least <= value <= 1_000_000, mark("Use a whole number, 1 or more."))
        for root in self.file_roots:
            _check("file_roots", root, Path(root).is_absolute(), mark("Use full paths, such as /srv/gongfu/files."))
        for role in self.roles:
            _check("roles", role, role in ROLES, mark("Use top, secondary, enterprise, recursive."))
        _check(
            "top_prefix",
            self.top_prefix,
            re.fullmatch(r"[0-9A-Za-z]+(\.[0-9A-Za-z]+)*", self.top_prefix) is not None,
            mark("Use a prefix such as 88."),
        )
        _check(
            "recursive_cache_bytes",
            self.recursive_cache_bytes,
            self.recursive_cache_bytes >= 1_000_000,
            mark("Use at least 1000000, one megabyte."),
        )
        for name in ("discovery_ranges", "outlet_networks"):
            for network in getattr(self, name):
                _check(name, network, _is_network(network), mark("Use networks such as 192.168.1.0/24."))
        resolvers = [("roots", address) for address in self.roots]
        for name, address in [("parent", self.parent), ("recursive", self.recursive), *resolvers]:
            found = not address or _RESOLVER.fullmatch(address) is not None
            _check(name, address, found, mark("Write it as 192.0.2.7:2641, [2001:db8::7]:2641 or name:2641."))
        for name, schemes, remedy in _ADDRESSES:
            address = str(getattr(self, name))
            # Only the scheme is shown: what follows may hold a password.
            _check(name, address.partition(":")[0], not address or address.startswith(schemes), remedy)

    @property
    def url(self) -> str:
        """Address of the console as people type it, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.web_port}").rstrip("/")

    def path(self, *parts: str) -> Path:
        """A path below home; its parent directory exists afterwards."""
        path = self.home.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def load(environ: Mapping[str, str]) -> Settings:
    """Settings from ``environ`` and the TOML file; raises :class:`Invalid` naming what is wrong."""
    home = Path(environ.get("GONGFU_HOME") or "~/.gongfu").expanduser().resolve()
    values: dict[str, Any] = {"home": str(home)}
    file = home / FILE_NAME
    if file.exists():
        try:
            read = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Invalid(
                mark("{file} is not valid TOML: {reason}."), remedy=mark("Correct that line."), file=file, reason=error
            ) from error
        except OSError as error:
            raise Invalid(
                mark("{file} cannot be read: {reason}."),
                remedy=mark("Let this user read it."),
                file=file,
                reason=error.strerror,
            ) from error
        if "home" in read:
            raise Invalid(
                mark("home cannot be set in {file}, which lies in it."), remedy=mark("Set GONGFU_HOME."), file=file
            )
        values |= read
    for key, value in environ.items():
        if key.startswith("GONGFU_") and key not in _NOT_SETTINGS:
            values[key.removeprefix("GONGFU_").lower()] = value
    for name in values:
        if name not in Settings.__struct_fields__:
            near = difflib.get_close_matches(name, Settings.__struct_fields__, 1)
            raise Invalid(
                mark("There is no setting {name}."),
                remedy=mark("Did you mean {near}?") if near else mark("See the list in docs/en/settings.md."),
                name=name,
                near=near[0] if near else "",
            )
    for name in _LISTS:
        if isinstance(values.get(name), str):
            values[name] = [part.strip() for part in values[name].split(",") if part.strip()]
    try:
        return msgspec.convert(values, Settings, strict=False, dec_hook=lambda kind, value: kind(value))
    except msgspec.ValidationError as error:
        raise Invalid(
            mark("A setting has the wrong type: {reason}."),
            remedy=mark("Correct it in the environment or in {file}."),
            reason=error,
            file=file,
        ) from error


@cache
def settings() -> Settings:
    """This process's settings, read once."""
    return load(os.environ)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _check(name: str, value: object, ok: bool, remedy: str) -> None:
    if not ok:
        raise Invalid(mark("The setting {name} cannot be {value}."), remedy=remedy, name=name, value=repr(value))
