"""Addresses of points as people write them: ``1/16385:nc``, ``1/1001:dp>24577``. Pure.

``<common address>/<object address>[:<type>][><object address of its command>[:<type>]]``, numbers decimal or, with
``0x``, hexadecimal. A station's points and the commands that act on them often have addresses of their own, so a tag
that is read and written names both; without the second part a write goes to the same address.
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.iec104.codes import TypeId
from gongfu.network.drivers.iec104.wire import LAST_ADDRESS


class Kind(StrEnum):
    """What a point or command holds, by the letters of its type identification."""

    SP = "sp"
    DP = "dp"
    ST = "st"
    BO = "bo"
    NA = "na"
    NB = "nb"
    NC = "nc"
    IT = "it"


KINDS = {
    TypeId.M_SP_NA_1: Kind.SP,
    TypeId.M_SP_TB_1: Kind.SP,
    TypeId.M_DP_NA_1: Kind.DP,
    TypeId.M_DP_TB_1: Kind.DP,
    TypeId.M_ST_NA_1: Kind.ST,
    TypeId.M_ST_TB_1: Kind.ST,
    TypeId.M_BO_NA_1: Kind.BO,
    TypeId.M_BO_TB_1: Kind.BO,
    TypeId.M_ME_NA_1: Kind.NA,
    TypeId.M_ME_ND_1: Kind.NA,
    TypeId.M_ME_TD_1: Kind.NA,
    TypeId.M_ME_NB_1: Kind.NB,
    TypeId.M_ME_TE_1: Kind.NB,
    TypeId.M_ME_NC_1: Kind.NC,
    TypeId.M_ME_TF_1: Kind.NC,
    TypeId.M_IT_NA_1: Kind.IT,
    TypeId.M_IT_TB_1: Kind.IT,
}
"""The types of the monitoring direction."""

COMMANDS = {
    Kind.SP: (TypeId.C_SC_NA_1, TypeId.C_SC_TA_1),
    Kind.DP: (TypeId.C_DC_NA_1, TypeId.C_DC_TA_1),
    Kind.ST: (TypeId.C_RC_NA_1, TypeId.C_RC_TA_1),
    Kind.BO: (TypeId.C_BO_NA_1, TypeId.C_BO_TA_1),
    Kind.NA: (TypeId.C_SE_NA_1, TypeId.C_SE_TA_1),
    Kind.NB: (TypeId.C_SE_NB_1, TypeId.C_SE_TB_1),
    Kind.NC: (TypeId.C_SE_NC_1, TypeId.C_SE_TC_1),
}
"""The command without and with a time tag; a counter has none."""

_DIGITS = r"(?:0x[0-9a-f]{1,6}|[0-9]{1,8})"
_PATTERN = re.compile(
    rf"(?P<common>{_DIGITS})/(?P<object>{_DIGITS})(?::(?P<kind>[a-z]{{2}}))?"
    rf"(?:>(?P<command>{_DIGITS})(?::(?P<command_kind>[a-z]{{2}}))?)?"
)
_REMEDY = mark("Write for example 1/16385:nc, 1/1001:dp>24577, 1/0x4001.")


class Address(msgspec.Struct, frozen=True):
    """A point, and where its command goes. Empty kinds: whatever the station sends."""

    common: int
    object: int
    kind: Kind | None = None
    command: int = 0
    command_kind: Kind | None = None


def parse(text: str, common_size: int = 2) -> Address:
    """``text`` as :class:`Address`; raises :class:`BadConfiguration` for anything else."""
    match = _PATTERN.fullmatch(text.strip().lower())
    if match is None:
        raise BadConfiguration(mark("{address} is not an address of IEC 60870-5-104."), remedy=_REMEDY, address=text)
    common, place = _number(match["common"]), _number(match["object"])
    command = place if match["command"] is None else _number(match["command"])
    last = 256**common_size - 2  # the last number speaks to every station (IEC 60870-5-101 §7.2.4)
    if not 1 <= common <= last:
        raise BadConfiguration(mark("{address}: common addresses are 1 to {last}."), address=text, last=last)
    if not (1 <= place <= LAST_ADDRESS and 1 <= command <= LAST_ADDRESS):
        raise BadConfiguration(mark("{address}: object addresses are 1 to {last}."), address=text, last=LAST_ADDRESS)
    kind = _kind(text, match["kind"])
    command_kind = _kind(text, match["command_kind"]) or kind
    if command_kind is Kind.IT and match["command"] is not None:
        raise BadConfiguration(mark("{address}: a counter takes no command."), address=text)
    return Address(common, place, kind, command, command_kind)


def _number(text: str) -> int:
    return int(text, 16 if text.startswith("0x") else 10)


def _kind(text: str, name: str | None) -> Kind | None:
    if name is None:
        return None
    try:
        return Kind(name)
    except ValueError as error:
        raise BadConfiguration(
            mark("{address}: {type} is not a type of point."),
            remedy=mark(
                "Types are sp (single point), dp (double point), st (step position), bo (32 bits), na (normalised), "
                "nb (scaled), nc (short float), it (counter)."
            ),
            address=text,
            type=name,
        ) from error
