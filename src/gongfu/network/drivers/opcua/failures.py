"""What asyncua raises, as the errors of the driver contract."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from asyncua import ua

from gongfu.kernel.errors import GongfuError
from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable

_REMEDY = mark("Check address, port, network and that the server is on.")
_Codes = ua.StatusCodes
_LOGIN = {_Codes.BadUserAccessDenied, _Codes.BadIdentityTokenRejected, _Codes.BadIdentityTokenInvalid}
_FULL = {_Codes.BadTooManySessions, _Codes.BadMaxConnectionsReached, _Codes.BadTcpNotEnoughResources}
_CERTIFICATE = {
    _Codes.BadSecurityChecksFailed,
    _Codes.BadCertificateUntrusted,
    _Codes.BadCertificateInvalid,
    _Codes.BadCertificateUriInvalid,
    _Codes.BadCertificateTimeInvalid,
    _Codes.BadCertificateUseNotAllowed,
    _Codes.BadCertificateIssuerTimeInvalid,
    _Codes.BadCertificateChainIncomplete,
    _Codes.BadCertificateRevoked,
    _Codes.BadNoValidCertificates,
}


@contextmanager
def talking(endpoint: str, certificate: str = "") -> Iterator[None]:
    """Around every call of asyncua. ``certificate``: fingerprint of our own, where one was shown."""
    try:
        yield
    except GongfuError:
        raise
    except ua.UaStatusCodeError as error:
        raise _status(endpoint, certificate, error) from error
    except TimeoutError as error:
        raise DeviceUnavailable(
            mark("The OPC UA server at {endpoint} does not answer in time."), remedy=_REMEDY, endpoint=endpoint
        ) from error
    except OSError as error:
        raise DeviceUnavailable(
            mark("No OPC UA server answers at {endpoint}: {reason}."), remedy=_REMEDY, endpoint=endpoint, reason=error
        ) from error
    except Exception as error:  # a malformed answer makes the library raise anything
        if "No matching endpoints" in str(error):
            raise _insecure(endpoint) from error
        raise broken(endpoint, error) from error


def broken(endpoint: str, reason: object) -> DeviceUnavailable:
    """The server breaks the protocol, or says that it is ill."""
    return DeviceUnavailable(
        mark("The OPC UA server at {endpoint} fails: {reason}."), endpoint=endpoint, reason=str(reason)[:120]
    )


def _status(endpoint: str, certificate: str, error: ua.UaStatusCodeError) -> GongfuError:
    if error.code in _LOGIN:
        return BadConfiguration(
            mark("The OPC UA server at {endpoint} refuses this user."),
            remedy=mark("Check user name and password, or the user certificate."),
            endpoint=endpoint,
        )
    if error.code in (_Codes.BadSecurityPolicyRejected, _Codes.BadSecurityModeRejected):
        return _insecure(endpoint)
    if error.code in _FULL:
        return DeviceUnavailable(
            mark("The OPC UA server at {endpoint} has no session left."),
            remedy=mark("Close other clients, or let it have more sessions."),
            endpoint=endpoint,
        )
    if error.code in _CERTIFICATE and certificate:
        return DeviceUnavailable(
            mark("{endpoint} refuses this gateway's certificate, SHA-256 {fingerprint}: {reason}."),
            remedy=mark("Trust it at the server."),
            endpoint=endpoint,
            fingerprint=certificate,
            reason=ua.StatusCode(error.code).name,
        )
    return broken(endpoint, error)


def _insecure(endpoint: str) -> BadConfiguration:
    return BadConfiguration(
        mark("The OPC UA server at {endpoint} refuses this security policy."),
        remedy=mark("Set the option policy to auto."),
        endpoint=endpoint,
    )
