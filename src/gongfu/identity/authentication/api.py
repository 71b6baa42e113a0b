"""Proofs for programs; no sign-in, as their subject is public."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Body, Router
from pydantic import BaseModel, Field

from gongfu.identity.authentication import services
from gongfu.identity.authentication.jws import MAX_LENGTH
from gongfu.kernel.i18n import current
from gongfu.kernel.pages.api import FAILURES
from gongfu.kernel.pages.schemas import Wire
from gongfu.kernel.settings import settings

router = Router()


class Proof(BaseModel):
    """A signed statement (JWS, compact), and where its keys are."""

    proof: str
    keys: str


class GivenProof(Wire):
    """What checking takes."""

    proof: Annotated[str, Field(max_length=MAX_LENGTH)]


class CheckedProof(BaseModel):
    """``worth``: holds, expired, early, changed, gone; or ``code`` and ``reason`` why it proves nothing."""

    holds: bool
    worth: str = ""
    code: str = ""
    reason: str = ""
    handle: str = ""
    holder: str = ""
    verified: bool = False


@router.get("/proof/{path:handle}", response={200: Proof} | FAILURES, auth=None, operation_id="identity_proof")
def prove(request: HttpRequest, handle: str) -> Proof:
    """A signed statement about a public identifier of this node."""
    return Proof(proof=services.prove(handle), keys=f"{settings().url}/.well-known/gongfu-keys.json")


@router.post("/verify", response={200: CheckedProof} | FAILURES, auth=None, operation_id="identity_verify")
def check(request: HttpRequest, data: Body[GivenProof]) -> CheckedProof:
    """What a proof is worth now."""
    checked = services.check(data.proof)
    if checked.error is not None:
        return CheckedProof(holds=False, code=checked.error.code, reason=checked.error.text(current()))
    assert checked.statement is not None
    return CheckedProof(
        holds=checked.holds,
        worth=checked.worth or "",
        handle=checked.statement.sub,
        holder=checked.statement.holder.name,
        verified=checked.statement.holder.verified,
    )
