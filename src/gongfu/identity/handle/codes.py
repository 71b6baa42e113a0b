"""Numbers of the Handle protocol: operations, answers, flags, permissions, limits.

Sources: RFC 3652 §2.2.2 (operation codes, response codes, operation flags), RFC 3651 §3.1 (permissions),
DO-IRP 3.0 (106), and the client libraries of the national system (2001, 601-605).
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

PORT = 2641
"""UDP and TCP port (IANA)."""
VERSION = (2, 11)
"""Protocol version spoken here; a peer that suggests a lower one is answered in that."""

MAX_PACKET = 512
"""Octets of a UDP packet, envelope included (RFC 3652 §2.3)."""
MAX_MESSAGE = 262_144
"""Octets of a message without its envelope."""
MAX_HANDLE = 2_048
"""Octets of a handle on the wire; the registry itself is stricter."""
MAX_VALUES = 2_048
"""Values of one handle, and entries of an index or type list."""


class OpCode(IntEnum):
    """What a request asks for (RFC 3652 §2.2.2.1)."""

    RESOLVE = 1
    GET_SITE = 2
    CREATE = 100
    DELETE = 101
    ADD_VALUE = 102
    REMOVE_VALUE = 103
    MODIFY_VALUE = 104
    LIST = 105
    LIST_DERIVED_PREFIXES = 106
    CHALLENGE_ANSWER = 200
    VERIFY_ANSWER = 201
    HOME_PREFIX = 300
    UNHOME_PREFIX = 301
    LIST_HOMED_PREFIXES = 302
    SESSION_SETUP = 400
    SESSION_END = 401
    SESSION_EXCHANGE_KEY = 402
    LOGIN = 2001  # LOGIN_ID_SYSTEM of the national system


class ResponseCode(IntEnum):
    """How a request ended (RFC 3652 §2.2.2.2)."""

    NONE = 0
    SUCCESS = 1
    ERROR = 2
    SERVER_BUSY = 3
    PROTOCOL_ERROR = 4
    OPERATION_DENIED = 5
    RECURSION_LIMIT = 6
    HANDLE_NOT_FOUND = 100
    HANDLE_EXISTS = 101
    INVALID_HANDLE = 102
    VALUES_NOT_FOUND = 200
    VALUE_EXISTS = 201
    VALUE_INVALID = 202
    EXPIRED_SITE = 300
    NOT_RESPONSIBLE = 301
    SERVICE_REFERRAL = 302
    PREFIX_REFERRAL = 303
    NOT_AUTHORIZED = 400
    ACCESS_DENIED = 401
    AUTHENTICATION_NEEDED = 402
    AUTHENTICATION_FAILED = 403
    INVALID_CREDENTIAL = 404
    AUTHENTICATION_TIMEOUT = 405
    UNABLE_TO_AUTHENTICATE = 406
    SESSION_TIMEOUT = 500
    SESSION_FAILED = 501
    NO_SESSION_KEY = 502  # Handle.Net and DO-IRP 3.0: the session's key is wrong
    SESSION_UNSUPPORTED = 503
    SESSION_KEY_INVALID = 504
    SESSION_MESSAGE_REJECTED = 505
    # the national system's own
    CHANNEL_ERROR = 601
    CLIENT_TIMEOUT = 602
    DAILY_LIMIT = 603
    REGISTRATION_LIMIT = 604
    PREFIX_LIMIT = 605


class OpFlag(IntFlag):
    """Bits of the header's operation flags (RFC 3652 §2.2.2.3), and two that later versions added."""

    AUTHORITATIVE = 0x8000_0000
    CERTIFIED = 0x4000_0000
    ENCRYPT = 0x2000_0000
    RECURSIVE = 0x1000_0000
    CACHE_AUTHENTICATED = 0x0800_0000
    CONTINUOUS = 0x0400_0000
    KEEP_CONNECTION = 0x0200_0000
    PUBLIC_ONLY = 0x0100_0000
    REQUEST_DIGEST = 0x0080_0000
    OVERWRITE = 0x0040_0000  # create, add: replace what is there (DO-IRP 3.0)
    MINT = 0x0020_0000  # create: the server completes the suffix (DO-IRP 3.0)
    NO_REFERRAL = 0x0010_0000  # answer 301 rather than a referral (DO-IRP 3.0)
    FORWARD_IDENTITY = 0x0000_0004  # national system: forward who asks on recursion


class EnvelopeFlag(IntFlag):
    """High bits of the envelope's third octet (RFC 3652 §2.2.1); its low bits hold the suggested major version."""

    COMPRESSED = 0x80
    ENCRYPTED = 0x40
    TRUNCATED = 0x20


class Permission(IntFlag):
    """Who may do what with one value (RFC 3651 §3.1)."""

    ADMIN_READ = 0x08
    ADMIN_WRITE = 0x04
    PUBLIC_READ = 0x02
    PUBLIC_WRITE = 0x01


class TtlType(IntEnum):
    """How a value's time to live counts (RFC 3651 §3.1)."""

    RELATIVE = 0
    ABSOLUTE = 1


class Digest(IntEnum):
    """Algorithm of a request digest (RFC 3652 §2.2.3; SHA-256 since protocol 2.7)."""

    MD5 = 1
    SHA1 = 2
    SHA256 = 3
    # how a secret key's proof was made; Handle.Net 7 and later, DO-IRP 3.0
    HMAC_SHA1 = 0x12
    HMAC_SHA256 = 0x13
    PBKDF2_HMAC_SHA1 = 0x22


class KeyExchange(IntEnum):
    """How a session's key comes about (RFC 3652 §3.7.1)."""

    NONE = 0
    CLIENT = 1  # the server encrypts it with the client's key
    SERVER = 2  # the client encrypts it with the server's key
    IDENTIFIER = 3  # the server encrypts it with a key from an identifier
    DIFFIE_HELLMAN = 4


class Cipher(IntEnum):
    """What a session encrypts with; only AES is used here, the others are refused (NIST SP 800-131A)."""

    DES = 1
    TRIPLE_DES = 2
    AES = 3
