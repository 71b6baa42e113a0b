"""Refusals of the administration of identifiers, each with its response code (RFC 3652 §2.2.2.2, national additions).

NotFound     ├── NoHandle 100        ├── NoValue 200           └── NotResponsible 301
Conflict     ├── HandleExists 101    ├── ValueExists 201       ├── TooManyIdentifiers 604   └── PrefixSuspended 605
Invalid      └── BadValue 202
Forbidden    ├── NotOffered 5
             ├── NotAdministrator 400  ├── NotPermitted 401    ├── AuthenticationNeeded 402 └── AuthenticationFailed 403
             └── TooManyFailures 403

``PrefixSuspended`` is the registry's own: whoever registers, over whichever door, is refused with the same.
"""

from __future__ import annotations

from gongfu.identity.registry.errors import PrefixSuspended as PrefixSuspended
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound


class NoHandle(NotFound):
    """No such identifier here."""

    handle_code = 100


class NoValue(NotFound):
    """The identifier has no such value, or none that may be read."""

    handle_code = 200


class NotResponsible(NotFound):
    """This node does not answer for the prefix."""

    code = "not_responsible"
    handle_code = 301


class HandleExists(Conflict):
    """The identifier is registered already."""

    handle_code = 101


class ValueExists(Conflict):
    """The identifier has a value with that index already."""

    handle_code = 201


class TooManyIdentifiers(Conflict):
    """As many identifiers as the contract allows stand under the prefix."""

    code = "registration_limit"
    handle_code = 604


class BadValue(Invalid):
    """A value that cannot be stored."""

    handle_code = 202


class NotAdministrator(Forbidden):
    """Who asks is no administrator of that identifier."""

    handle_code = 400


class NotPermitted(Forbidden):
    """Who asks is an administrator, without this permission."""

    handle_code = 401


class AuthenticationNeeded(Forbidden):
    """One has to prove first who one is."""

    code = "authentication_needed"
    http_status = 401
    handle_code = 402


class AuthenticationFailed(Forbidden):
    """The proof is wrong."""

    code = "authentication_failed"
    handle_code = 403


class WrongProof(AuthenticationFailed):
    """A signature that can be read and is not that of the key."""


class TooManyFailures(Forbidden):
    """There were so many wrong proofs that one has to wait ``values["seconds"]``."""

    code = "too_many_failures"
    http_status = 429
    handle_code = 403


class NotOffered(Forbidden):
    """This server does not do that, for anybody."""

    code = "not_offered"
    handle_code = 5


class ResolutionsSpent(Forbidden):
    """The prefix was resolved as often as its contract allows in a day."""

    code = "daily_limit"
    http_status = 429
    handle_code = 603
