"""Where nodes below send their sets; the signature is the proof of who calls."""

from __future__ import annotations

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import Router

from gongfu.identity.escrow import services
from gongfu.identity.peers import services as peers
from gongfu.kernel.pages.api import FAILURES

router = Router()


@router.post("/escrow/sets", auth=None, response={200: None} | FAILURES, operation_id="identity_escrow_set")
def announce(request: HttpRequest) -> HttpResponse:
    """Between nodes: announce a set, hear which chunks are missing. The body is signed (header Gongfu-Signature)."""
    caller = peers.caller(request)
    return peers.reply(caller, msgspec.msgpack.encode(services.announced(caller.peer, request.body)))


@router.post("/escrow/chunks", auth=None, response={200: None} | FAILURES, operation_id="identity_escrow_chunk")
def chunk(request: HttpRequest) -> HttpResponse:
    """Between nodes: one chunk of an announced set. The body is signed (header Gongfu-Signature)."""
    caller = peers.caller(request)
    services.taken(caller.peer, request.body)
    return peers.reply(caller, b"")
