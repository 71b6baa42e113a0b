"""An S3 service of our own for tests: checks every signature, keeps objects in memory, fails on demand.

The signature is recomputed here from the request as it came, by another road than the client's: from the raw request
line and headers, after the text of AWS (``sig-v4-header-based-auth``), so that a mistake in one of the two shows.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

ACCESS, SECRET, REGION, BUCKET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "cn-east-3", "factory"


class Store:
    """State of the service; ``fail`` may return a status (or None) for each request, ``delay`` seconds to sleep."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.requests: list[str] = []
        self.bad_signatures = 0
        self.fail: Callable[[str, str], int | None] = lambda method, key: None
        self.after: Callable[[str, str], int | None] = lambda method, key: None
        self.delay: Callable[[str, str], float] = lambda method, key: 0.0
        self.page = 3


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: Store

    def log_message(self, *_: object) -> None:
        pass

    def _signed(self, body: bytes) -> bool:
        fields = dict(part.split("=", 1) for part in self.headers["authorization"].split(" ", 1)[1].split(", "))
        access, day, region, service, end = fields["Credential"].split("/")
        names = fields["SignedHeaders"].split(";")
        path, _, query = self.path.partition("?")
        canonical = "\n".join(
            [
                self.command,
                path,
                "&".join(sorted(pair if "=" in pair else pair + "=" for pair in query.split("&") if pair)),
                *(f"{name}:{self.headers[name].strip()}" for name in names),
                "",
                ";".join(names),
                hashlib.sha256(body).hexdigest(),
            ]
        )
        to_sign = "\n".join(
            [
                "AWS4-HMAC-SHA256",
                self.headers["x-amz-date"],
                f"{day}/{region}/{service}/{end}",
                hashlib.sha256(canonical.encode()).hexdigest(),
            ]
        )
        key = ("AWS4" + SECRET).encode()
        for part in (day, REGION, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        right = hmac.digest(key, to_sign.encode(), "sha256").hex()
        required = {"host", "x-amz-date", "x-amz-content-sha256"} <= set(names)
        return required and access == ACCESS and hmac.compare_digest(right, fields["Signature"])

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _error(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code></Error>".encode())

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path, _, raw = self.path.partition("?")
        query = dict(parse_qsl(raw, keep_blank_values=True))
        bucket, _, key = unquote(path).lstrip("/").partition("/")
        store = self.store
        store.requests.append(f"{self.command} {key}")
        time.sleep(store.delay(self.command, key))
        if (status := store.fail(self.command, key)) is not None:
            self._error(status, "InternalError" if status >= 500 else "AccessDenied")
            return
        if not self._signed(body):
            store.bad_signatures += 1
            self._error(403, "SignatureDoesNotMatch")
            return
        if bucket != BUCKET:
            self._error(404, "NoSuchBucket")
            return
        if (status := store.after(self.command, key)) is not None:
            self._run(key, query, body, quiet=True)
            self._error(status, "InternalError")
            return
        self._run(key, query, body)

    def _run(self, key: str, query: dict[str, str], body: bytes, *, quiet: bool = False) -> None:
        answer = (lambda *_, **__: None) if quiet else self._answer
        error = (lambda *_: None) if quiet else self._error
        objects, uploads = self.store.objects, self.store.uploads
        if self.command == "GET" and "list-type" in query:
            answer(200, self._listing(query))
        elif self.command == "GET":
            if key not in objects:
                error(404, "NoSuchKey")
                return
            found, wanted = objects[key], self.headers.get("range")
            if wanted:
                first, _, last = wanted.removeprefix("bytes=").partition("-")
                answer(206, found[int(first) : int(last) + 1 if last else None])
            else:
                answer(200, found)
        elif self.command == "POST" and "uploads" in query:
            upload = f"u{len(uploads)}"
            uploads[upload] = {}
            answer(200, f"<R xmlns='http://s3'><UploadId>{upload}</UploadId></R>".encode())
        elif self.command == "POST":
            parts = uploads.pop(query["uploadId"])
            if body.count(b"<Part>") != len(parts):
                answer(200, b"<Error><Code>InvalidPart</Code></Error>")
                return
            objects[key] = b"".join(parts[number] for number in sorted(parts))
            answer(200, b"<Done/>")
        elif self.command == "PUT" and "partNumber" in query:
            uploads[query["uploadId"]][int(query["partNumber"])] = body
            answer(200, b"", etag=f'"{hashlib.md5(body).hexdigest()}"')
        elif self.command == "PUT":
            if self.headers.get("if-none-match") == "*" and key in objects:
                error(412, "PreconditionFailed")
                return
            objects[key] = body
            answer(200)
        elif self.command == "DELETE":
            (uploads if "uploadId" in query else objects).pop(query.get("uploadId", key), None)
            answer(204)

    def _listing(self, query: dict[str, str]) -> bytes:
        keys = sorted(key for key in self.store.objects if key.startswith(query["prefix"]))
        start = int(query.get("continuation-token", "0"))
        page = keys[start : start + self.store.page]
        more = start + self.store.page < len(keys)
        items = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.store.objects[key])}</Size></Contents>" for key in page
        )
        token = f"<NextContinuationToken>{start + self.store.page}</NextContinuationToken>" if more else ""
        whole = f"<L xmlns='http://s3'><IsTruncated>{str(more).lower()}</IsTruncated>{token}{items}</L>"
        return whole.encode()

    do_GET = do_PUT = do_POST = do_DELETE = _do  # noqa: N815 - names of the library


class Service:
    """The service on a free port; use as a context manager."""

    def __init__(self) -> None:
        self.store = Store()
        handler = type("Bound", (Handler,), {"store": self.store})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Service:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
