"""asyncua's client with what this gateway needs changed, and the opening of a session with a server."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import structlog
from asyncua import Client, ua
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable
from gongfu.network.drivers.opcua import security, trust
from gongfu.network.drivers.opcua.failures import broken, talking
from gongfu.network.drivers.opcua.options import Options
from gongfu.network.drivers.opcua.own_certificate import OwnCertificate, own_certificate
from gongfu.network.gateway.config import DeviceConfig

SESSION = 60_000
"""Milliseconds a server keeps the session of a gateway that was killed."""
CHANNEL = 3_600_000
"""Milliseconds after which the keys of a channel must have been renewed."""
_LARGEST_CHUNK = 65_536
_LARGEST_ANSWER = 64 * 1024 * 1024
_MOST_CHUNKS = 16_384
_PEM = re.compile(r"-----BEGIN (?P<label>[A-Z0-9 ]+)-----(?P<body>[A-Za-z0-9+/=\s]+)-----END (?P=label)-----")
_log = structlog.get_logger("gateway")

Judge = Callable[[ua.CreateSessionResult, "GatewayClient"], None]


class GatewayClient(Client):  # type: ignore[misc]
    """Differs from asyncua's in what it believes; ``judge`` looks at a session before the user is named."""

    judge: Judge | None = None
    _policy_ids: list[ua.UserTokenPolicy]

    async def send_hello(self) -> None:
        """As asyncua, which takes what a server can *receive* for the limit of what it sends (Part 6 §7.1.2.4)."""
        answer = await self.uaclient.send_hello(self.server_url.geturl(), 0, 0)
        limits = self.uaclient.protocol._connection._limits
        limits.max_send_buffer = min(answer.ReceiveBufferSize or _LARGEST_CHUNK, _LARGEST_CHUNK)
        limits.max_recv_buffer = _LARGEST_CHUNK
        limits.max_message_size = _LARGEST_ANSWER
        limits.max_chunk_count = _MOST_CHUNKS

    async def create_session(self) -> ua.CreateSessionResult:
        """As asyncua, which believes the answer unseen."""
        answer = await super().create_session()
        channel = str(self.security_policy.URI)
        tokens: list[ua.UserTokenPolicy] = list(self._policy_ids or ())
        self._policy_ids = sorted(tokens, key=lambda token: security.token_order(token, channel))
        if self.judge is not None:
            self.judge(answer, self)
        return answer

    @property
    def has_stopped_renewing(self) -> bool:
        """Whether the keys of the channel could not be renewed: asyncua's task ends and tells nobody."""
        task = self._renew_channel_task
        return task is not None and task.done()


@asynccontextmanager
async def open_client(device: DeviceConfig, options: Options) -> AsyncIterator[GatewayClient]:
    """A client with an active session, closed at the end. Raises as :func:`talking` and :func:`trust.check`."""
    url, host = _split(options.endpoint)
    store = trust.TrustStore(settings().home)
    known = await asyncio.to_thread(trust.is_known, options, store, device.org)
    # Twelve round trips at most; a server that answers each at the last moment is of no use.
    deadline = asyncio.get_running_loop().time() + 3 * options.timeout
    client = _bare(url, device, options)
    own: OwnCertificate | None = None
    remember: x509.Certificate | None = None
    choice = security.Choice(security.NONE, ua.MessageSecurityMode.None_, b"", "")
    if options.policy != security.NONE:
        with talking(options.endpoint):
            async with asyncio.timeout_at(deadline):
                endpoints = await client.connect_and_get_server_endpoints()
        choice = security.choose(endpoints, options, known=known)
        client = _bare(url, device, options)
    if choice.secure:
        peer = _peer(choice.certificate, options)
        bits = security.shortest_key(choice.policy)
        if await asyncio.to_thread(trust.check, peer, host, choice.uri, options, store, device.org, bits):
            remember = peer.certificate
        own = await asyncio.to_thread(own_certificate, settings().home, settings().node)
        client.application_uri = own.uri
        policy = security.policy_class(choice.policy)(peer.certificate, own.certificate, own.key, choice.mode)
        client.security_policy = policy
        client.uaclient.set_security(policy)
        if choice.policy in security.DEPRECATED:
            _log.warning("a deprecated OPC UA security policy is in use", device=device.device, policy=choice.policy)
    client.judge = _judge(choice, known, host, options, store, device.org)
    _identify_user(client, options)
    try:
        with talking(options.endpoint, own.fingerprint if own else ""):
            async with asyncio.timeout_at(deadline + (options.timeout if own else 0)):
                await client.connect()
        if remember is not None:
            await asyncio.to_thread(store.remember, device.org, options.endpoint, remember)
        yield client
    finally:
        with suppress(Exception):
            async with asyncio.timeout(1):
                await client.disconnect()


def _split(endpoint: str) -> tuple[str, str]:
    """The address as asyncua wants it, and the host in it."""
    try:
        url = urlsplit(endpoint)
        port = url.port or 4840
    except ValueError:
        url, port = urlsplit(""), 0
    if url.scheme != "opc.tcp" or not url.hostname or url.username is not None:
        raise BadConfiguration(
            mark("{endpoint} is not the address of an OPC UA server."),
            remedy=mark("Write opc.tcp://host:port/path, without user name and password."),
            endpoint=endpoint if url.username is None else f"opc.tcp://…@{url.hostname}",
        )
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return f"opc.tcp://{host}:{port}{url.path}", url.hostname


def _bare(url: str, device: DeviceConfig, options: Options) -> GatewayClient:
    # The watchdog of asyncua reads the server's state; it is what notices a silent server.
    client = GatewayClient(url, timeout=options.timeout, watchdog_intervall=options.timeout)
    client.name = "Gongfu gateway"
    client.description = f"Gongfu gateway {settings().node} {device.device}"
    client.application_uri = f"urn:gongfu:gateway:{settings().node}"
    client.product_uri = "urn:gongfu"
    client.session_timeout = SESSION
    client.secure_channel_timeout = CHANNEL
    return client


def _peer(data: bytes, options: Options) -> trust.Peer:
    try:
        return trust.read_peer(data)
    except ValueError as error:
        raise DeviceUnavailable(
            mark("The certificate of {endpoint} cannot be read: {reason}."),
            remedy=mark("Let the server make a new one, with an RSA key of 2048 bits or more."),
            endpoint=options.endpoint,
            reason=error,
        ) from error


def _judge(
    choice: security.Choice, known: bool, host: str, options: Options, store: trust.TrustStore, org: int
) -> Judge:
    def judge(answer: ua.CreateSessionResult, client: GatewayClient) -> None:
        if choice.secure:
            # The list that was read without security may have been forged (Part 4 §5.7.2): now it is signed.
            best = security.choose(answer.ServerEndpoints, options, known=known)
            if (best.policy, best.mode) != (choice.policy, choice.mode):
                raise broken(options.endpoint, f"{best.policy} was hidden on the way, {choice.policy} offered")
        if not options.username or choice.mode is ua.MessageSecurityMode.SignAndEncrypt:
            return
        token = client.server_policy(ua.UserTokenType.UserName).SecurityPolicyUri
        if token and not token.endswith("#None"):
            if not choice.secure:  # the password is encrypted for whoever showed this certificate
                server = answer.ServerEndpoints[0].Server.ApplicationUri if answer.ServerEndpoints else ""
                peer = _peer(answer.ServerCertificate or b"", options)
                trust.check(peer, host, server or "", options, store, org)
        elif options.policy != security.NONE:
            raise DeviceUnavailable(
                mark("{endpoint} wants the password in plain text."),
                remedy=mark("Turn encryption on at the server, or set the option policy to None."),
                endpoint=options.endpoint,
            )

    return judge


def _identify_user(client: GatewayClient, options: Options) -> None:
    if options.username:
        client.set_user(options.username)
        client.set_password(options.password)
    elif options.user_certificate:
        try:
            client.user_certificate = x509.load_der_x509_certificate(_der(options.user_certificate))
            client.user_private_key = serialization.load_der_private_key(_der(options.user_key), None)
        except (ValueError, TypeError) as error:
            raise BadConfiguration(
                mark("The user certificate of {endpoint} cannot be used: {reason}."),
                remedy=mark("Give certificate and key in PEM, the key without a password."),
                endpoint=options.endpoint,
                reason=str(error)[:100],
            ) from error


def _der(text: str) -> bytes:
    """PEM without regard to line breaks, which a form may have taken out."""
    match = _PEM.search(text)
    if match is None:
        raise ValueError("not PEM")
    try:
        return base64.b64decode("".join(match["body"].split()), validate=True)
    except binascii.Error as error:
        raise ValueError("not Base64") from error
