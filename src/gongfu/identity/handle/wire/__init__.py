"""Bytes of the Handle protocol ↔ dataclasses; no input or output, no state.

Whatever the bytes are, a decoder returns a value or raises :class:`~gongfu.identity.handle.errors.Malformed`.
"""

from gongfu.identity.handle.wire.bodies import (
    ChallengeAnswer as ChallengeAnswer,
)
from gongfu.identity.handle.wire.bodies import (
    ErrorResponse as ErrorResponse,
)
from gongfu.identity.handle.wire.bodies import (
    IndexesRequest as IndexesRequest,
)
from gongfu.identity.handle.wire.bodies import (
    ResolveRequest as ResolveRequest,
)
from gongfu.identity.handle.wire.bodies import (
    ResolveResponse as ResolveResponse,
)
from gongfu.identity.handle.wire.bodies import (
    SessionAnswer as SessionAnswer,
)
from gongfu.identity.handle.wire.bodies import (
    SessionRequest as SessionRequest,
)
from gongfu.identity.handle.wire.bodies import (
    ValuesRequest as ValuesRequest,
)
from gongfu.identity.handle.wire.bodies import (
    VerifyRequest as VerifyRequest,
)
from gongfu.identity.handle.wire.bodies import (
    decode_challenge as decode_challenge,
)
from gongfu.identity.handle.wire.bodies import (
    decode_challenge_answer as decode_challenge_answer,
)
from gongfu.identity.handle.wire.bodies import (
    decode_error as decode_error,
)
from gongfu.identity.handle.wire.bodies import (
    decode_handle_request as decode_handle_request,
)
from gongfu.identity.handle.wire.bodies import (
    decode_handles as decode_handles,
)
from gongfu.identity.handle.wire.bodies import (
    decode_indexes_request as decode_indexes_request,
)
from gongfu.identity.handle.wire.bodies import (
    decode_key as decode_key,
)
from gongfu.identity.handle.wire.bodies import (
    decode_login as decode_login,
)
from gongfu.identity.handle.wire.bodies import (
    decode_resolve_request as decode_resolve_request,
)
from gongfu.identity.handle.wire.bodies import (
    decode_resolve_response as decode_resolve_response,
)
from gongfu.identity.handle.wire.bodies import (
    decode_response as decode_response,
)
from gongfu.identity.handle.wire.bodies import (
    decode_session_answer as decode_session_answer,
)
from gongfu.identity.handle.wire.bodies import (
    decode_session_request as decode_session_request,
)
from gongfu.identity.handle.wire.bodies import (
    decode_values_request as decode_values_request,
)
from gongfu.identity.handle.wire.bodies import (
    decode_verify_request as decode_verify_request,
)
from gongfu.identity.handle.wire.bodies import (
    encode_challenge as encode_challenge,
)
from gongfu.identity.handle.wire.bodies import (
    encode_challenge_answer as encode_challenge_answer,
)
from gongfu.identity.handle.wire.bodies import (
    encode_error as encode_error,
)
from gongfu.identity.handle.wire.bodies import (
    encode_handle_request as encode_handle_request,
)
from gongfu.identity.handle.wire.bodies import (
    encode_handles as encode_handles,
)
from gongfu.identity.handle.wire.bodies import (
    encode_indexes_request as encode_indexes_request,
)
from gongfu.identity.handle.wire.bodies import (
    encode_key as encode_key,
)
from gongfu.identity.handle.wire.bodies import (
    encode_login as encode_login,
)
from gongfu.identity.handle.wire.bodies import (
    encode_resolve_request as encode_resolve_request,
)
from gongfu.identity.handle.wire.bodies import (
    encode_resolve_response as encode_resolve_response,
)
from gongfu.identity.handle.wire.bodies import (
    encode_session_answer as encode_session_answer,
)
from gongfu.identity.handle.wire.bodies import (
    encode_session_request as encode_session_request,
)
from gongfu.identity.handle.wire.bodies import (
    encode_values_request as encode_values_request,
)
from gongfu.identity.handle.wire.bodies import (
    encode_verify_request as encode_verify_request,
)
from gongfu.identity.handle.wire.bodies import (
    pages as pages,
)
from gongfu.identity.handle.wire.bodies import (
    resolve_message as resolve_message,
)
from gongfu.identity.handle.wire.credentials import (
    MAC as MAC,
)
from gongfu.identity.handle.wire.credentials import (
    SIGNED as SIGNED,
)
from gongfu.identity.handle.wire.credentials import (
    Credential as Credential,
)
from gongfu.identity.handle.wire.credentials import (
    covered as covered,
)
from gongfu.identity.handle.wire.credentials import (
    decode_credential as decode_credential,
)
from gongfu.identity.handle.wire.credentials import (
    encode_credential as encode_credential,
)
from gongfu.identity.handle.wire.envelope import (
    ENVELOPE as ENVELOPE,
)
from gongfu.identity.handle.wire.envelope import (
    HEADER as HEADER,
)
from gongfu.identity.handle.wire.envelope import (
    NO_ENVELOPE_FLAG as NO_ENVELOPE_FLAG,
)
from gongfu.identity.handle.wire.envelope import (
    NO_FLAG as NO_FLAG,
)
from gongfu.identity.handle.wire.envelope import (
    Envelope as Envelope,
)
from gongfu.identity.handle.wire.envelope import (
    Header as Header,
)
from gongfu.identity.handle.wire.envelope import (
    Message as Message,
)
from gongfu.identity.handle.wire.envelope import (
    answer as answer,
)
from gongfu.identity.handle.wire.envelope import (
    decode_envelope as decode_envelope,
)
from gongfu.identity.handle.wire.envelope import (
    decode_payload as decode_payload,
)
from gongfu.identity.handle.wire.envelope import (
    digest as digest,
)
from gongfu.identity.handle.wire.envelope import (
    digest_algorithm as digest_algorithm,
)
from gongfu.identity.handle.wire.envelope import (
    digested as digested,
)
from gongfu.identity.handle.wire.envelope import (
    encode_envelope as encode_envelope,
)
from gongfu.identity.handle.wire.envelope import (
    encode_header as encode_header,
)
from gongfu.identity.handle.wire.envelope import (
    encode_message as encode_message,
)
from gongfu.identity.handle.wire.envelope import (
    encode_payload as encode_payload,
)
from gongfu.identity.handle.wire.envelope import (
    read_digest as read_digest,
)
from gongfu.identity.handle.wire.envelope import (
    request_digest as request_digest,
)
from gongfu.identity.handle.wire.envelope import (
    respond as respond,
)
from gongfu.identity.handle.wire.envelope import (
    split_digest as split_digest,
)
from gongfu.identity.handle.wire.reader import (
    Reader as Reader,
)
from gongfu.identity.handle.wire.reader import (
    encode_counted as encode_counted,
)
from gongfu.identity.handle.wire.values import (
    Reference as Reference,
)
from gongfu.identity.handle.wire.values import (
    Value as Value,
)
from gongfu.identity.handle.wire.values import (
    decode_reference as decode_reference,
)
from gongfu.identity.handle.wire.values import (
    decode_value as decode_value,
)
from gongfu.identity.handle.wire.values import (
    decode_values as decode_values,
)
from gongfu.identity.handle.wire.values import (
    encode_reference as encode_reference,
)
from gongfu.identity.handle.wire.values import (
    encode_value as encode_value,
)
from gongfu.identity.handle.wire.values import (
    encode_values as encode_values,
)
