"""Numbers of IEC 60870-5-101 §7.2 and IEC 60870-5-104 §5 by the names the standards give them."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class TypeId(IntEnum):
    """Type identification (IEC 60870-5-101 §7.2.1), those that this driver can read and write."""

    M_SP_NA_1 = 1
    M_DP_NA_1 = 3
    M_ST_NA_1 = 5
    M_BO_NA_1 = 7
    M_ME_NA_1 = 9
    M_ME_NB_1 = 11
    M_ME_NC_1 = 13
    M_IT_NA_1 = 15
    M_ME_ND_1 = 21
    M_SP_TB_1 = 30
    M_DP_TB_1 = 31
    M_ST_TB_1 = 32
    M_BO_TB_1 = 33
    M_ME_TD_1 = 34
    M_ME_TE_1 = 35
    M_ME_TF_1 = 36
    M_IT_TB_1 = 37
    C_SC_NA_1 = 45
    C_DC_NA_1 = 46
    C_RC_NA_1 = 47
    C_SE_NA_1 = 48
    C_SE_NB_1 = 49
    C_SE_NC_1 = 50
    C_BO_NA_1 = 51
    C_SC_TA_1 = 58
    C_DC_TA_1 = 59
    C_RC_TA_1 = 60
    C_SE_TA_1 = 61
    C_SE_TB_1 = 62
    C_SE_TC_1 = 63
    C_BO_TA_1 = 64
    M_EI_NA_1 = 70
    C_IC_NA_1 = 100
    C_CI_NA_1 = 101
    C_RD_NA_1 = 102
    C_CS_NA_1 = 103


class Cause(IntEnum):
    """Cause of transmission (IEC 60870-5-101 §7.2.3). Others, up to 63, are kept as numbers."""

    PERIODIC = 1
    BACKGROUND = 2
    SPONTANEOUS = 3
    INITIALISED = 4
    REQUESTED = 5
    ACTIVATION = 6
    ACTIVATION_CONFIRMED = 7
    DEACTIVATION = 8
    DEACTIVATION_CONFIRMED = 9
    TERMINATION = 10
    RETURN_REMOTE = 11
    RETURN_LOCAL = 12
    INTERROGATED = 20
    COUNTERS_REQUESTED = 37
    UNKNOWN_TYPE = 44
    UNKNOWN_CAUSE = 45
    UNKNOWN_COMMON_ADDRESS = 46
    UNKNOWN_OBJECT_ADDRESS = 47


class Function(IntEnum):
    """First control octet of a frame in U format (IEC 60870-5-104 §5.1)."""

    STARTDT_ACT = 0x07
    STARTDT_CON = 0x0B
    STOPDT_ACT = 0x13
    STOPDT_CON = 0x23
    TESTFR_ACT = 0x43
    TESTFR_CON = 0x83


class Flag(IntFlag):
    """Quality descriptor (IEC 60870-5-101 §7.2.6.3)."""

    NONE = 0
    OVERFLOW = 0x01
    BLOCKED = 0x10
    SUBSTITUTED = 0x20
    NOT_TOPICAL = 0x40
    INVALID = 0x80


STATION_INTERROGATION = 20
"""Qualifier of interrogation: the whole station (§7.2.6.22)."""
GENERAL_COUNTERS = 5
"""Qualifier of counter interrogation: all counters, without freezing (§7.2.6.23)."""
GLOBAL = 0xFFFF
"""Common address of every station, in two octets (§7.2.4)."""


def mnemonic(type_id: int) -> str:
    """``M_SP_NA_1`` for 1; the number for a type that is not known here."""
    try:
        return TypeId(type_id).name
    except ValueError:
        return str(type_id)
