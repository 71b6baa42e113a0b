"""Where other nodes deliver their messages; the signature is the proof of who calls, there is no user."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from gongfu.identity.filing import services, wire
from gongfu.identity.peers import services as peers
from gongfu.kernel.pages.api import FAILURES

router = Router()


@router.post("/filing/messages", auth=None, response={200: None} | FAILURES, operation_id="identity_filing_message")
def message(request: HttpRequest) -> HttpResponse:
    """Between nodes: one step of a filing. The body is signed (header Gongfu-Signature)."""
    caller = peers.caller(request)
    receipt = services.take(caller.peer, request.body)
    return peers.reply(caller, wire.encode(receipt))
