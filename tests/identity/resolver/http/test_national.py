"""The interfaces of secondary and enterprise nodes that integrators have code for."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_pem_private_key

pytestmark = pytest.mark.node


def call(node, method: str, path: str, body: object = None, token: str = "") -> tuple[int, dict]:
    connection = node.connection()
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    connection.request(method, path, json.dumps(body).encode() if body is not None else None, headers)
    response = connection.getresponse()
    said = json.loads(response.read())
    connection.close()
    return response.status, said


def entry(name: str, /, **texts: str) -> dict:
    value = [
        {"index": 2000 + n, "type": kind, "data": {"format": "string", "value": text}, "auth": ""}
        for n, (kind, text) in enumerate(texts.items())
    ]
    return {"handle": f"88.118.1/{name}", "templateVersion": "1.0", "value": value}


@pytest.fixture
def token(node) -> str:
    status, said = call(node, "POST", "/identity/token", {"username": "300:0.NA/88.118.1", "password": "one"})
    assert (status, said["status"], said["message"]) == (200, 1, "success")
    return said["data"]["token"]


def test_registering_reading_updating_and_deleting_at_a_secondary_node(node, token: str) -> None:
    assert call(node, "POST", "/identityv2/data", entry("s1", name="小型机械01"), token)[1] == {
        "message": "success",
        "status": 1,
        "data": True,
    }
    _, said = call(node, "GET", "/identityv2/data/detail?handle=88.118.1/s1", token=token)
    assert said["data"] == {
        "prefix": "88.118.1",
        "handle": "88.118.1/s1",
        "templateVersion": "1.0",
        "value": [
            {"index": 1001, "type": "TEMPLATE", "data": {"value": "1.0", "format": "string"}, "auth": "1"},
            {"index": 2000, "type": "name", "data": {"value": "小型机械01", "format": "string"}, "auth": "1"},
        ],
        "code": "200",
    }
    again = call(node, "POST", "/identityv2/data", entry("s1", name="x"), token)[1]
    assert (again["status"], again["data"]) == (-2, None)
    assert call(node, "PUT", "/identityv2/data", entry("s1", name="02", size="9"), token)[1]["status"] == 1
    values = call(node, "GET", "/identityv2/data/detail?handle=88.118.1/s1", token=token)[1]["data"]["value"]
    assert [value["data"]["value"] for value in values] == ["1.0", "02", "9"]
    assert call(node, "DELETE", "/identityv2/data", {"handle": "88.118.1/s1"}, token)[1]["status"] == 1
    assert call(node, "DELETE", "/identityv2/data", {"handle": "88.118.1/s1"}, token)[1]["status"] == -2


def test_batches_say_what_became_of_each_identifier(node, token: str) -> None:
    batch = [entry("b1", URL="www.001.com"), entry("b2", URL="www.002.com"), entry("b1", URL="www.003.com")]
    outcome = call(node, "POST", "/identityv2/data/batchCreate", batch, token)[1]["data"]
    assert [item["msg"] == "success" for item in outcome] == [True, True, False]
    updated = call(node, "PUT", "/identityv2/data/batchUpdate", [entry("b1", URL="w"), entry("b9", URL="w")], token)[1]
    assert [item["msg"] == "success" for item in updated["data"]] == [True, False]
    gone = call(node, "DELETE", "/identityv2/data/batchDelete", ["88.118.1/b1", "88.118.1/b2", "88.118.1/b9"], token)
    assert [item["code"] for item in gone[1]["data"]] == [1, 1, -2]
    many = call(node, "DELETE", "/identityv2/data/batchDelete", ["88.118.1/b"] * 2_001, token)[1]
    assert many["status"] == -2
    assert "2000" in many["message"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"handle": "88.118.1/x"},
        entry("x"),
        {**entry("x", a="1"), "handle": "88.118.2/x"},
        {**entry("x", a="1"), "handle": "?"},
    ],
)
def test_what_cannot_be_registered_is_refused_in_the_envelope(node, token: str, body: object) -> None:
    if body == entry("x"):
        body = {**entry("x"), "templateVersion": ""}
    status, said = call(node, "POST", "/identityv2/data", body, token)
    assert (status, said["status"], said["data"]) == (200, -2, None)
    assert said["message"]
    reserved = entry("x", a="1")
    reserved["value"][0]["index"] = 1001
    assert call(node, "POST", "/identityv2/data", reserved, token)[1]["status"] == -2


def test_without_a_token_nothing_is_told_or_done(node) -> None:
    for bad in ("", "nonsense", "0" * 32):
        assert call(node, "GET", "/identityv2/data/detail?handle=88.118.1/a", token=bad)[0] == 401
        assert call(node, "POST", "/identityv2/data", entry("x", a="1"), bad)[0] == 401
    wrong = call(node, "POST", "/identity/token", {"username": "300:0.NA/88.118.1", "password": "two"})[1]
    assert (wrong["status"], wrong["data"]) == (-2, None)


def signed_in(node, key: Path, who: str = "301:0.NA/88.118.1") -> tuple[str, dict, dict]:
    challenge = call(node, "GET", f"/api/v1/doip/public/challenge?handle={who}")[1]
    assert challenge["code"] == 1
    private = load_pem_private_key(key.read_bytes(), None)
    signature = private.sign(challenge["data"].encode(), padding.PKCS1v15(), hashes.SHA256())  # type: ignore[union-attr,call-arg]
    proof = {"handle": who, "signature": base64.b64encode(signature).decode()}
    said = call(node, "POST", "/api/v1/doip/public/verify-response", proof)[1]
    return said.get("data", {}).get("token", ""), said, proof


def operate(node, operation: str, target: str, token: str, body: object = None, method: str = "POST") -> dict:
    return call(node, method, f"/api/v1/doip?targetId={target}&operationId={operation}", body, token)[1]


def test_an_application_signs_a_challenge_and_manages_objects_at_an_enterprise_node(node, owner_key) -> None:
    token, said, proof = signed_in(node, owner_key[1], "0.NA/88.118.1")  # without an index, as its applications do
    assert said["code"] == 1
    assert call(node, "POST", "/api/v1/doip/public/verify-response", proof)[1]["code"] == 403  # used up
    thing = {"type": "88.118.1/META_box", "attributes": {"content": {"code": "432344", "size": 22, "parts": ["a"]}}}
    assert operate(node, "0.DOIP/Op.Create", "88.118.1/d1", token, thing) == {
        "code": 10000,
        "message": "成功",
        "data": thing,
    }
    found = operate(node, "0.DOIP/Op.Retrieve", "88.118.1/d1", token, method="GET")
    assert found["code"] == 1
    assert (found["data"]["id"], found["data"]["type"]) == ("88.118.1/d1", "88.118.1/META_box")
    assert found["data"]["attributes"]["content"] == {"code": "432344", "size": "22", "parts": '["a"]'}
    assert [item["index"] for item in found["data"]["attributes"]["elements"]] == [2000, 2001, 2002]
    part = {"type": "88.118.1/META_box", "attributes": {"content": {"size": "23", "new": "1"}}}
    assert operate(node, "0.DOIP.EXTEND/Op.Update.Non.Overlay", "88.118.1/d1", token, part)["code"] == 10000
    content = operate(node, "0.DOIP/Op.Retrieve", "88.118.1/d1", "", method="GET")["data"]["attributes"]["content"]
    assert (content["size"], content["code"], content["new"]) == ("23", "432344", "1")
    assert operate(node, "0.DOIP/Op.Update", "88.118.1/d1", token, part)["code"] == 10000
    content = operate(node, "0.DOIP/Op.Retrieve", "88.118.1/d1", token, method="GET")["data"]["attributes"]["content"]
    assert content == {"size": "23", "new": "1"}
    assert operate(node, "0.DOIP/Op.Delete", "88.118.1/d1", token)["code"] == 10000
    assert operate(node, "0.DOIP/Op.Delete", "88.118.1/d1", token)["code"] == 104


def test_refusals_of_an_enterprise_node_have_its_codes(node, owner_key) -> None:
    token, _, _ = signed_in(node, owner_key[1])
    thing = {"type": "t", "attributes": {"content": {"a": "1"}}}
    assert operate(node, "0.DOIP/Op.Create", "88.118.2/x", token, thing)["code"] == 403
    assert operate(node, "0.DOIP/Op.Create", "88.999.2/x", token, thing)["code"] == 701
    assert operate(node, "0.DOIP/Op.Create", "nothing", token, thing)["code"] == 40508
    assert operate(node, "0.DOIP/Op.Nonsense", "88.118.1/x", token, thing)["code"] == 400
    assert operate(node, "0.DOIP/Op.Create", "88.118.1/x", token, {"type": 7})["code"] == 400
    assert operate(node, "0.DOIP/Op.Create", "88.118.1/x", "", thing)["code"] == 401
    assert call(node, "GET", "/api/v1/doip/public/challenge?handle=nobody")[1]["code"] == 40508
    assert (
        call(node, "POST", "/api/v1/doip/public/verify-response", {"handle": "300:0.NA/88.118.1", "signature": "AA=="})[
            1
        ]["code"]
        == 403
    )
