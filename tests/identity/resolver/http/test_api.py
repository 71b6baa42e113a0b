"""The JSON API of Handle.Net 9, as a client sees it over the socket."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import secrets
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_pem_private_key

pytestmark = pytest.mark.node

URL = {"index": 1, "type": "URL", "data": {"format": "string", "value": "https://example.com/1"}}
NOTE = {"index": 2, "type": "NOTE", "data": "plain text"}
BASIC = "Basic " + base64.b64encode(b"300%3A0.NA/88.118.1:one").decode()


def ask(
    node, method: str, path: str, body: object = None, *, headers: dict[str, str] | None = None, who: str | None = BASIC
) -> tuple[int, dict, http.client.HTTPMessage]:
    connection = node.connection()
    sent = {"Authorization": who} if who else {}
    octets = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    connection.request(method, path, octets, sent | (headers or {}))
    response = connection.getresponse()
    said = response.read()
    connection.close()
    return response.status, json.loads(said) if said[:1] in (b"{", b"[") else {}, response.headers


def code(answer: tuple[int, dict, object]) -> tuple[int, int]:
    return answer[0], answer[1]["responseCode"]


def handle(name: str) -> str:
    return f"/api/handles/88.118.1/{name}"


def test_an_identifier_is_answered_as_handle_net_answers_it(node) -> None:
    status, said, headers = ask(node, "GET", "/api/handles/88.118.1/A", who=None)
    assert status == 200
    assert said == {
        "responseCode": 1,
        "handle": "88.118.1/A",
        "values": [
            {
                "index": 1,
                "type": "URL",
                "data": {"format": "string", "value": "https://example.com/a"},
                "ttl": 86400,
                "timestamp": "2023-11-14T22:13:20Z",
            }
        ],
    }
    assert headers["Content-Type"] == "application/json;charset=UTF-8"
    assert headers["Access-Control-Allow-Origin"] == "*"
    # the long way gives the same
    assert ask(node, "GET", "/api/handles/88.118.1/A?publicOnly=true", who=None)[1] == said
    assert ask(node, "GET", "/api/handles/88.118.1/A?pretty", who=None)[1] == said


@pytest.mark.parametrize(
    ("path", "status", "response"),
    [
        (handle("missing"), 404, 100),
        ("/api/handles/88.999.1/a", 400, 301),
        ("/api/handles/20.500.123/a", 400, 301),
        ("/api/handles/no-slash", 400, 102),
        ("/api/handles/88.118.1%2Fmissing", 404, 100),
        (handle("%zz"), 400, 102),
        (handle("%ff"), 400, 102),
        (handle("../../../etc/passwd"), 404, 100),
        (handle("..%2f..%2fetc%2fpasswd"), 404, 100),
        (handle("a%00b"), 404, 100),
        (handle("x" * 3000), 400, 102),
        (handle("a") + "?index=x", 400, 4),
        (handle("a") + "?index=99999999999", 400, 4),
        (handle("a") + "?type=%ff", 400, 4),
        ("/api/handles?prefix=", 400, 4),
        ("/api/handles", 400, 4),
        ("/api/whatever", 404, 4),
    ],
)
def test_what_is_not_there_or_not_possible_has_its_code(node, path: str, status: int, response: int) -> None:
    assert code(ask(node, "GET", path, who=None)) == (status, response)


def test_values_are_chosen_by_index_and_type(node) -> None:
    ask(node, "PUT", handle("choose"), [URL, NOTE, {"index": 3, "type": "NOTE.DE", "data": "Notiz"}])
    for query, expected in (("index=1&index=3", [1, 3]), ("type=note", [2]), ("type=NOTE.", [2, 3])):
        said = ask(node, "GET", handle("choose") + "?" + query, who=None)[1]
        assert [value["index"] for value in said["values"]] == expected
    assert code(ask(node, "GET", handle("choose") + "?index=9", who=None)) == (200, 200)


def test_create_overwrite_change_and_delete_with_the_statuses_of_handle_net(node) -> None:
    path = handle("life")
    assert code(ask(node, "PUT", path + "?overwrite=false", {"values": [URL]})) == (201, 1)
    assert code(ask(node, "PUT", path + "?overwrite=false", [URL])) == (409, 101)
    assert code(ask(node, "PUT", path, [URL, NOTE])) == (200, 1)
    assert code(ask(node, "PUT", path + "?index=various&overwrite=false", [NOTE])) == (409, 201)
    assert code(ask(node, "PUT", path + "?index=5", {**NOTE, "index": 5})) == (200, 1)
    assert code(ask(node, "PUT", path + "?index=6", {**NOTE, "index": 5})) == (400, 4)
    assert code(ask(node, "DELETE", path + "?index=77")) == (400, 200)
    assert code(ask(node, "DELETE", path + "?index=2&index=5")) == (200, 1)
    assert [value["index"] for value in ask(node, "GET", path)[1]["values"]] == [1]
    assert code(ask(node, "DELETE", path)) == (200, 1)
    assert code(ask(node, "DELETE", path)) == (404, 100)
    assert code(ask(node, "PUT", path + "?index=various", [NOTE])) == (404, 100)


def test_a_minted_suffix_is_told(node) -> None:
    status, said, _ = ask(node, "PUT", handle("SN-") + "?mintNewSuffix=true", [URL])
    assert status == 201
    assert said["handle"].startswith("88.118.1/SN-")
    assert code(ask(node, "GET", "/api/handles/" + said["handle"], who=None)) == (200, 1)


def test_every_format_comes_back_as_it_was_sent(node) -> None:
    data = [
        {"format": "string", "value": "中文"},
        {"format": "base64", "value": "AP8="},
        {"format": "admin", "value": {"handle": "0.NA/88.118.1", "index": 200, "permissions": "011111110011"}},
        {"format": "vlist", "value": [{"handle": "0.NA/88.118.1", "index": 300}]},
        {
            "format": "key",
            "value": {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        },
    ]
    kinds = ["NAME", "BLOB", "HS_ADMIN", "HS_VLIST", "HS_PUBKEY"]
    sent = [{"index": n, "type": kind, "data": one} for n, (kind, one) in enumerate(zip(kinds, data, strict=True), 1)]
    sent[0] |= {"ttl": 60, "permissions": "1111", "references": [{"handle": "88.118.1/a", "index": 1}]}
    sent.append({"index": 9, "type": "HEX", "data": {"format": "hex", "value": "00ff"}})
    assert code(ask(node, "PUT", handle("formats"), sent)) == (200, 1)
    came = ask(node, "GET", handle("formats"))[1]["values"]
    assert [value["data"] for value in came] == [*data, {"format": "base64", "value": "AP8="}]
    assert (came[0]["ttl"], came[0]["permissions"], came[0]["references"]) == (60, "1111", sent[0]["references"])


@pytest.mark.parametrize(
    ("body", "response"),
    [
        (b"", 4),
        (b"{", 4),
        (b"[1]", 4),
        (b'{"values": 7}', 4),
        (b'[{"index": 1, "type": "A", "data": {"format": "string", "value": "\xff"}}]', 202),
        (b"[" * 100_000, 4),
        ([], 202),
        ([{**URL, "index": 0}], 202),
        ([{**URL, "index": -1}], 202),
        ([{**URL, "index": 2**40}], 202),
        ([{**URL, "permissions": "11"}], 202),
        ([{**URL, "ttl": -5}], 202),
        ([{**URL, "ttl": "soon"}], 202),
        ([{**URL, "data": {"format": "base64", "value": "!"}}], 202),
        ([{**URL, "data": {"format": "telepathy", "value": "x"}}], 202),
        ([{**URL, "type": "HS_SECKEY"}], 202),
        ([{**URL, "type": "HS_ADMIN", "data": {"format": "admin", "value": {"handle": "", "index": 1}}}], 202),
        ([{**URL, "data": {"format": "key", "value": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}}], 202),
        ([URL, URL], 202),
    ],
)
def test_a_body_that_cannot_be_stored_is_refused_with_400(node, body: object, response: int) -> None:
    assert code(ask(node, "PUT", handle("bad"), body)) == (400, response)
    assert code(ask(node, "GET", handle("bad"), who=None)) == (404, 100)


@pytest.mark.parametrize("name", ["\u200b", "a\u202eb", " a", "a\n", "x" * 256])
def test_names_that_nobody_could_type_again_are_not_registered(node, name: str) -> None:
    assert code(ask(node, "PUT", handle(quote(name)), [URL])) == (400, 102)


def test_one_spelling_of_unicode_and_case_is_as_good_as_another(node) -> None:
    ask(node, "PUT", handle(quote("ma\u0308hen-é")), [URL])
    for spelling in ("mähen-é", "Ma\u0308HEN-e\u0301"):
        assert code(ask(node, "GET", handle(quote(spelling)), who=None)) == (200, 1)


def test_listing_pages_through_what_one_administers(node) -> None:
    for number in range(7):
        ask(node, "PUT", f"/api/handles/88.118.1/list-{number}", [URL])
    whole = ask(node, "GET", "/api/handles?prefix=88.118.1")[1]
    assert whole["totalCount"] == str(len(whole["handles"]))
    assert whole["prefix"] == "88.118.1"
    second = ask(node, "GET", "/api/handles?prefix=0.NA/88.118.1&page=1&pageSize=3")[1]
    assert second["handles"] == whole["handles"][3:6]
    assert (second["page"], second["pageSize"]) == (1, 3)
    assert ask(node, "GET", "/api/handles?prefix=88.118.1&page=0&pageSize=0")[1]["handles"] == []
    rest = ask(node, "GET", "/api/handles?" + urlencode({"prefix": "88.118.1", "after": whole["handles"][2]}))[1]
    assert rest["handles"] == whole["handles"][3:]
    assert code(ask(node, "GET", "/api/handles?prefix=88.118.1", who=None)) == (401, 402)
    assert code(ask(node, "GET", "/api/handles?prefix=88.118.2")) == (403, 400)
    assert code(ask(node, "GET", "/api/handles?prefix=88.118.1&page=99999&pageSize=9999")) == (400, 4)


def test_prefixes_are_homed_by_the_node_alone(node) -> None:
    operator = "Basic " + base64.b64encode(b"300%3A0.NA/88.118:node").decode()
    assert code(ask(node, "PUT", "/api/prefixes/0.NA/88.118.9")) == (403, 400)
    assert code(ask(node, "PUT", "/api/prefixes/0.NA/88.118.9", who=operator)) == (200, 1)
    assert "88.118.9" in ask(node, "GET", "/api/prefixes", who=operator)[1]["prefixes"]
    assert code(ask(node, "GET", "/api/handles/88.118.9/a", who=None)) == (404, 100)
    assert code(ask(node, "DELETE", "/api/prefixes/88.118.9", who=operator)) == (200, 1)
    assert code(ask(node, "GET", "/api/handles/88.118.9/a", who=None)) == (400, 301)


def test_hidden_values_are_for_administrators(node) -> None:
    hidden = {"index": 3, "type": "PRICE", "data": "12", "permissions": "1100"}
    ask(node, "PUT", handle("hidden"), [URL, hidden])
    shown = ask(node, "GET", handle("hidden"), who=None)[1]["values"]
    assert [value["index"] for value in shown] == [1]
    status, said, headers = ask(node, "GET", handle("hidden") + "?publicOnly=false", who=None)
    assert (status, said["responseCode"]) == (401, 402)
    offered = headers.get_all("WWW-Authenticate")
    assert offered[0] == 'Basic realm="handle"'
    assert 'sessionId="' in offered[1]
    came = ask(node, "GET", handle("hidden"))
    assert [value["index"] for value in came[1]["values"]] == [1, 3]
    assert "Access-Control-Allow-Origin" not in came[2]
    assert [value["index"] for value in ask(node, "GET", handle("hidden") + "?publicOnly=true")[1]["values"]] == [1]


def test_the_node_says_where_it_is(node) -> None:
    operator = "Basic " + base64.b64encode(b"300%3A0.NA/88.118:node").decode()
    site = {
        "version": 1,
        "protocolVersion": "2.11",
        "serialNumber": 1,
        "primarySite": True,
        "multiPrimary": False,
        "hashOption": 2,
        "hashFilter": "",
        "attributes": [],
        "servers": [
            {
                "serverId": 1,
                "address": "192.0.2.7",
                "publicKey": None,
                "interfaces": [{"query": True, "admin": True, "protocol": "TCP", "port": 2641}],
            }
        ],
    }
    assert code(ask(node, "GET", "/api/site", who=None)) == (400, 200)
    value = {"index": 1, "type": "HS_SITE", "data": {"format": "site", "value": site}}
    assert code(ask(node, "PUT", "/api/handles/0.NA/88.118?index=1", value, who=operator)) == (200, 1)
    said = ask(node, "GET", "/api/site", who=None)[1]
    assert said["site"]["servers"][0]["address"] == "192.0.2.7"


# --- sessions ---


def proof(kind: str, nonce: bytes, key: Path | None = None) -> dict[str, str]:
    cnonce = secrets.token_bytes(16)
    message = nonce + cnonce
    said = {"cnonce": base64.b64encode(cnonce).decode(), "type": "HS_SECKEY", "id": "300:0.NA/88.118.1"}
    match kind:
        case "SHA-256":
            octets = hashlib.sha256(b"one" + message + b"one").digest()
        case "HMAC-SHA256":
            octets = hmac.digest(b"one", message, "sha256")
        case "PBKDF2WithHmacSHA1":
            salt = secrets.token_bytes(16)
            octets = hmac.digest(hashlib.pbkdf2_hmac("sha1", b"one", salt, 10_000, 20), message, "sha1")
            said |= {"salt": base64.b64encode(salt).decode(), "iterations": "10000", "length": "160"}
        case _:
            assert key is not None
            private = load_pem_private_key(key.read_bytes(), None)
            octets = private.sign(message, padding.PKCS1v15(), hashes.SHA256())  # type: ignore[union-attr,call-arg]
            said |= {"type": "HS_PUBKEY", "id": "301:0.NA/88.118.1"}
            kind = "SHA256"
    return said | {"alg": kind, "signature": base64.b64encode(octets).decode()}


def header(session: str, fields: dict[str, str]) -> str:
    shown = {**fields, "id": quote(fields["id"], safe="")} if "id" in fields else fields
    return f'Handle version="0", sessionId="{session}"' + "".join(f', {k}="{v}"' for k, v in shown.items())


@pytest.mark.parametrize("kind", ["SHA-256", "HMAC-SHA256", "PBKDF2WithHmacSHA1", "RSA"])
def test_a_session_is_signed_in_used_and_ended(node, owner_key: tuple[Path, Path], kind: str) -> None:
    status, made, _ = ask(node, "POST", "/api/sessions", who=None)
    assert status == 201
    session, nonce = made["sessionId"], base64.b64decode(made["nonce"])
    fields = proof(kind, nonce, owner_key[1])
    signed = ask(node, "PUT", "/api/sessions/this", who=header(session, fields))
    assert signed[0] == 200
    assert (signed[1]["authenticated"], signed[1]["id"]) == (True, fields["id"])
    plain = header(session, {})
    assert code(ask(node, "PUT", handle("by-session"), [URL], who=plain)) == (200, 1)
    assert ask(node, "GET", "/api/sessions/this", who=plain)[1]["id"] == fields["id"]
    # the proof has served its turn
    assert code(ask(node, "PUT", "/api/sessions/this", who=header(session, fields))) == (403, 403)
    assert code(ask(node, "DELETE", "/api/sessions/this", who=plain)) == (200, 1)
    assert code(ask(node, "PUT", handle("by-session"), [URL], who=plain)) == (401, 402)


def test_a_proof_may_come_with_the_request_itself_or_in_the_body(node) -> None:
    made = ask(node, "POST", "/api/sessions", who=None)[1]
    fields = proof("SHA-256", base64.b64decode(made["nonce"]))
    assert code(ask(node, "PUT", handle("at-once"), [URL], who=header(made["sessionId"], fields))) == (200, 1)
    made = ask(node, "POST", "/api/sessions", who=None)[1]
    body = {"sessionId": made["sessionId"], **proof("SHA-256", base64.b64decode(made["nonce"]))}
    assert ask(node, "PUT", "/api/sessions/this", body, who=None)[1]["authenticated"] is True


def test_the_server_signs_when_asked_to(node) -> None:
    cnonce = base64.b64encode(b"who are you?").decode()
    made = ask(node, "POST", "/api/sessions", {"cnonce": cnonce}, who=None)[1]
    key = load_pem_private_key((node.home / "secrets" / "handle_key.pem").read_bytes(), None).public_key()
    message = base64.b64decode(made["nonce"]) + b"who are you?"
    key.verify(base64.b64decode(made["serverSignature"]), message, padding.PKCS1v15(), hashes.SHA256())
    assert made["serverAlg"] == "SHA256"


@pytest.mark.parametrize(
    ("who", "answer"),
    [
        ("Basic !!!", (403, 403)),
        ("Basic " + base64.b64encode(b"nobody").decode(), (403, 403)),
        ("Basic " + base64.b64encode(b"300%3A0.NA/88.118.1:two").decode(), (403, 403)),
        ("Basic " + base64.b64encode(b"301%3A0.NA/88.118.1:one").decode(), (403, 403)),
        ("Bearer abc", (403, 403)),
        ('Handle sessionId="nope"', (401, 402)),
        ("Handle clientCert=true", (401, 402)),
        ('Handle id="300:0.NA/88.118.1", signature="x"', (401, 402)),
        ("Handle ,,,", (403, 403)),
    ],
)
def test_who_cannot_prove_himself_is_refused(node, who: str, answer: tuple[int, int]) -> None:
    assert code(ask(node, "PUT", handle("refused"), [URL], who=who)) == answer


def test_the_colon_of_the_user_need_not_be_encoded(node) -> None:
    plain = "Basic " + base64.b64encode(b"300:0.NA/88.118.1:one").decode()
    assert code(ask(node, "PUT", handle("plain-user"), [URL], who=plain)) == (200, 1)


def test_a_certificate_of_somebody_else_proves_nothing(node, tmp_path: Path) -> None:
    import ssl
    import subprocess

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = f"openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout {key} -out {certificate}".split()
    subprocess.run([*made, "-subj", "/CN=301:0.NA\\/88.118.1"], check=True, capture_output=True)
    context = ssl.create_default_context(cafile=node.authority)
    context.load_cert_chain(certificate, key)
    connection = http.client.HTTPSConnection("127.0.0.1", node.http, context=context)
    connection.request("DELETE", handle("a"), headers={"Authorization": 'Handle clientCert="true"'})
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["responseCode"]) == (403, 403)
    connection.close()


def test_a_proof_is_verified_for_others(node) -> None:
    nonce = secrets.token_bytes(16)
    fields = {**proof("SHA-256", nonce), "nonce": base64.b64encode(nonce).decode()}
    asked = {name: fields[name] for name in ("nonce", "cnonce", "alg", "signature")}
    path = "/api/verifications/300:0.NA/88.118.1?"
    assert ask(node, "GET", path + urlencode(asked), who=None)[1]["verificationResult"] is True
    asked["nonce"] = base64.b64encode(b"another").decode()
    assert ask(node, "GET", path + urlencode(asked), who=None)[1]["verificationResult"] is False
    assert code(ask(node, "GET", path, who=None))[0] in (400, 403)


# --- methods, pages, counters ---


def test_methods_and_options_and_head(node) -> None:
    assert code(ask(node, "PATCH", handle("a"))) == (405, 4)
    assert code(ask(node, "POST", handle("a"), [URL])) == (405, 4)
    assert ask(node, "OPTIONS", handle("a"))[2]["Allow"] == "GET, HEAD, PUT, DELETE, OPTIONS"
    connection = node.connection()
    connection.request("HEAD", handle("a"))
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"")
    assert int(response.headers["Content-Length"]) > 50
    connection.close()


def browse(node, path: str, language: str = "en") -> tuple[int, str, http.client.HTTPMessage]:
    connection = node.connection()
    connection.request("GET", path, headers={"Accept-Language": language})
    response = connection.getresponse()
    said = response.read().decode()
    connection.close()
    return response.status, said, response.headers


def test_a_browser_is_sent_on_or_shown_the_values(node) -> None:
    status, _, headers = browse(node, "/88.118.1/a")
    assert (status, headers["Location"]) == (302, "https://example.com/a")
    status, said, headers = browse(node, "/88.118.1/a?noredirect")
    assert status == 200
    assert "https://example.com/a" in said
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    status, said, _ = browse(node, "/88.118.1/missing%3Cscript%3E")
    assert status == 404
    assert "<script>" not in said
    ask(node, "PUT", handle("alias"), [{"index": 1, "type": "HS_ALIAS", "data": "88.118.1/a"}])
    assert browse(node, "/88.118.1/alias")[2]["Location"] == "https://example.com/a"
    ask(node, "PUT", handle("circle"), [{"index": 1, "type": "HS_ALIAS", "data": "88.118.1/circle"}])
    assert browse(node, "/88.118.1/circle")[0] == 404


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "ftp://x/", "x\r\nSet-Cookie: a=b"]
)
def test_a_browser_is_never_sent_to_what_is_no_web_address(node, address: str) -> None:
    ask(node, "PUT", handle("odd"), [{**URL, "data": address}])
    status, said, headers = browse(node, "/88.118.1/odd")
    assert status == 200
    assert "Location" not in headers
    assert "Set-Cookie" not in headers
    assert 'href="javascript' not in said


def test_letters_beyond_ascii_in_an_address_are_encoded(node) -> None:
    ask(node, "PUT", handle("chinese"), [{**URL, "data": "https://example.com/设备?名=1"}])
    assert browse(node, "/88.118.1/chinese")[2]["Location"] == "https://example.com/%E8%AE%BE%E5%A4%87?%E5%90%8D=1"


def test_requests_are_counted_by_result(node) -> None:
    import urllib.request

    ask(node, "GET", handle("a"), who=None)
    ask(node, "GET", handle("missing"), who=None)
    with urllib.request.urlopen(f"http://127.0.0.1:{node.health}/metrics") as metrics:
        text = metrics.read().decode()
    assert 'gongfu_resolver_requests_total{result="success",transport="http"}' in text
    assert 'gongfu_resolver_requests_total{result="handle_not_found",transport="http"}' in text
