"""Which of a server's endpoints is used: policies of OPC UA Part 7 §6.6, in the order of the OPC Foundation's SDK."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from asyncua import ua
from asyncua.crypto import security_policies

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import DeviceUnavailable
from gongfu.network.drivers.opcua.options import Options

_POLICIES: dict[str, type[security_policies.SecurityPolicy]] = {
    "None": security_policies.SecurityPolicyNone,
    "Basic128Rsa15": security_policies.SecurityPolicyBasic128Rsa15,
    "Basic256": security_policies.SecurityPolicyBasic256,
    "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
    "Aes128_Sha256_RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "Aes256_Sha256_RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
}
"""From the weakest to the strongest."""
DEPRECATED = ("Basic128Rsa15", "Basic256")
"""SHA-1: used only when asked for by name, and said so."""
NONE = "None"
_STRENGTH = {policy.URI: strength for strength, policy in enumerate(_POLICIES.values())}
_TRANSPORT = "uatcp-uasc-uabinary"


class Choice(msgspec.Struct, frozen=True):
    """An endpoint of a server, as far as it matters."""

    policy: str
    mode: ua.MessageSecurityMode
    certificate: bytes
    """The server's, DER, perhaps with its chain; empty where it shows none."""
    uri: str
    """ApplicationUri of the server."""

    @property
    def secure(self) -> bool:
        """Whether messages are signed."""
        return self.mode is not ua.MessageSecurityMode.None_


def shortest_key(policy: str) -> int:
    """Bits that the RSA keys of ``policy`` have at least (Part 7 §6.6)."""
    return 1024 if policy in DEPRECATED else 2048


def policy_class(name: str) -> type[security_policies.SecurityPolicy]:
    """asyncua's class of the policy ``name``."""
    return _POLICIES[name]


def choose(endpoints: Sequence[ua.EndpointDescription], options: Options, *, known: bool) -> Choice:
    """The strongest endpoint that ``options`` allow; ``known``: the server's certificate is, so None is no choice.

    Raises :class:`DeviceUnavailable` when there is none: the server may get one.
    """
    offered = {choice: None for endpoint in endpoints if (choice := _read(endpoint)) is not None}
    fitting = [choice for choice in offered if _fits(choice, options, known)]
    if not fitting:
        names = sorted({f"{choice.policy} {_mode_name(choice.mode)}".strip() for choice in offered})
        raise DeviceUnavailable(
            mark("{endpoint} offers no security that the options allow, but: {offered}."),
            remedy=mark("Change policy and mode, or turn it on at the server."),
            endpoint=options.endpoint,
            offered=", ".join(names)[:120] or "-",
        )
    return max(fitting, key=lambda choice: (choice.mode.value, list(_POLICIES).index(choice.policy)))


def token_order(policy: ua.UserTokenPolicy, channel: str) -> int:
    """Sort key: the strongest way to prove who the user is first, what we cannot do last.

    ``channel``: URI of the channel's policy, which holds where the server names none.
    """
    return -_STRENGTH.get(policy.SecurityPolicyUri or channel, -1)


def _read(endpoint: ua.EndpointDescription) -> Choice | None:
    name = next((name for name, policy in _POLICIES.items() if endpoint.SecurityPolicyUri == policy.URI), None)
    if name is None or _TRANSPORT not in (endpoint.TransportProfileUri or _TRANSPORT):
        return None
    if (name == NONE) != (endpoint.SecurityMode is ua.MessageSecurityMode.None_):
        return None
    if endpoint.SecurityMode is ua.MessageSecurityMode.Invalid:
        return None
    server = endpoint.Server.ApplicationUri if endpoint.Server is not None else ""
    return Choice(name, endpoint.SecurityMode, endpoint.ServerCertificate or b"", server or "")


def _fits(choice: Choice, options: Options, known: bool) -> bool:
    if options.policy == "auto":
        if choice.policy in DEPRECATED or (choice.policy == NONE and known):
            return False
    elif choice.policy != options.policy:
        return False
    return not choice.secure or options.mode in ("auto", _mode_name(choice.mode))


def _mode_name(mode: ua.MessageSecurityMode) -> str:
    return "" if mode is ua.MessageSecurityMode.None_ else str(mode.name)
