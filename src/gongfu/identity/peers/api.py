"""Where a node below takes up its invitation; the signature is the proof of who calls."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from gongfu.identity.peers import services
from gongfu.kernel.pages.api import FAILURES

router = Router()


@router.post("/pairing", auth=None, response={200: None} | FAILURES, operation_id="identity_pairing")
def pair(request: HttpRequest) -> HttpResponse:
    """Between nodes: pair by a one-time code. The body is signed (header Gongfu-Signature)."""
    return services.accept_pairing(request)
