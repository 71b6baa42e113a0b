"""``pyhandle`` as it comes from PyPI works against the running resolver, over real sockets."""

from __future__ import annotations

import re
import shlex
import subprocess
import warnings
from pathlib import Path

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its source has escapes that Python no longer likes
    from pyhandle.client.resthandleclient import RESTHandleClient
    from pyhandle.clientcredentials import PIDClientCredentials
    from pyhandle.handleexceptions import (
        HandleAlreadyExistsException,
        HandleAuthenticationError,
        HandleNotFoundException,
        ReverseLookupException,
    )

pytestmark = [
    pytest.mark.node,
    # what pyhandle itself and its dependencies do, under Python 3.11 and later
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def with_secret(node, user: str = "300:0.NA/88.118.1", password: str = "one") -> RESTHandleClient:
    return RESTHandleClient.instantiate_with_username_and_password(
        node.secure_url, user, password, HTTPS_verify=node.authority, handleowner="0:0.NA/88.118.1"
    )


def with_certificate(node, owner_key: tuple[Path, Path]) -> RESTHandleClient:
    certificate, key = owner_key
    return RESTHandleClient(
        handle_server_url=node.secure_url,
        certificate_only=str(certificate),
        private_key=str(key),
        HTTPS_verify=node.authority,
        handleowner="301:0.NA/88.118.1",
    )


def test_reading_without_credentials(node) -> None:
    client = RESTHandleClient.instantiate_for_read_access(node.url)
    assert client.get_value_from_handle("88.118.1/a", "URL") == "https://example.com/a"
    assert client.retrieve_handle_record_json("88.118.1/missing") is None
    assert client.retrieve_handle_record_json("88.118.1/A")["values"][0]["timestamp"] == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize("way", ["secret", "certificate"])
def test_create_read_modify_delete_and_search(node, owner_key: tuple[Path, Path], way: str) -> None:
    client = with_secret(node) if way == "secret" else with_certificate(node, owner_key)
    name = f"88.118.1/{way}-1"
    assert client.register_handle(name, "https://example.com/one", checksum="123", COLOUR="red") == name
    with pytest.raises(HandleAlreadyExistsException):
        client.register_handle(name, "https://example.com/two")
    assert client.register_handle(name, "https://example.com/one", overwrite=True, COLOUR="red") == name
    record = client.retrieve_handle_record(name)
    assert (record["URL"], record["COLOUR"]) == ("https://example.com/one", "red")
    client.modify_handle_value(name, COLOUR="blue", SIZE="9", URL="https://example.com/three")
    assert client.get_value_from_handle(name, "COLOUR") == "blue"
    assert client.get_value_from_handle(name, "SIZE") == "9"
    client.delete_handle_value(name, "SIZE")
    assert client.get_value_from_handle(name, "SIZE") is None
    minted = client.generate_and_register_handle("88.118.1", "https://example.com/minted")
    assert client.get_value_from_handle(minted, "URL") == "https://example.com/minted"
    searching = with_secret(node)
    assert searching.search_handle(URL="https://example.com/three") == [name]
    assert set(searching.search_handle(URL="https://example.com/*", prefix="88.118.1")) >= {name, minted}
    assert searching.search_handle(URL="https://nowhere.example/*") == []
    for handle in (name, minted):
        client.delete_handle(handle)
        assert client.retrieve_handle_record_json(handle) is None
    with pytest.raises(HandleNotFoundException):
        client.delete_handle(name)


def test_registering_entries_as_they_are(node) -> None:
    client = with_secret(node)
    entries = [
        {"index": 1, "type": "URL", "data": {"format": "string", "value": "https://example.com/4"}},
        {"index": 2, "type": "BLOB", "data": {"format": "base64", "value": "AP8="}},
    ]
    client.register_handle_json("88.118.1/entries", entries)
    values = client.retrieve_handle_record_json("88.118.1/entries")["values"]
    assert [value["data"] for value in values if value["type"] == "BLOB"] == [{"format": "base64", "value": "AP8="}]
    client.register_handle_kv("88.118.1/pairs", URL="https://example.com/5", NOTE="中文 ∑")
    assert client.get_value_from_handle("88.118.1/pairs", "NOTE") == "中文 ∑"


def test_credentials_from_a_file(node, tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(
        f'{{"client": "rest", "handle_server_url": "{node.secure_url}", "username": "300:0.NA/88.118.1",'
        f' "password": "one", "prefix": "88.118.1", "handleowner": "300:0.NA/88.118.1",'
        f' "HTTPS_verify": "{node.authority}"}}'
    )
    client = RESTHandleClient.instantiate_with_credentials(PIDClientCredentials.load_from_JSON(str(file)))
    client.register_handle("88.118.1/from-file", "https://example.com/f")
    client.delete_handle("88.118.1/from-file")


def test_wrong_passwords_and_other_people_change_nothing(node) -> None:
    with pytest.raises(HandleNotFoundException):
        with_secret(node, user="300:0.NA/88.118.77")
    for user, password in (("300:0.NA/88.118.1", "wrong"), ("300:0.NA/88.118.2", "two")):
        client = with_secret(node, user, password)
        with pytest.raises(Exception, match="403"):
            client.register_handle("88.118.1/stolen", "https://example.com/")
        with pytest.raises(Exception, match="403"):
            client.delete_handle("88.118.1/a")
    anybody = RESTHandleClient.instantiate_for_read_access(node.url)
    with pytest.raises(HandleAuthenticationError):
        anybody.delete_handle("88.118.1/a")
    assert anybody.get_value_from_handle("88.118.1/a", "URL") == "https://example.com/a"
    assert with_secret(node, "300:0.NA/88.118.2", "two").search_handle(URL="*") == []
    with pytest.raises(ReverseLookupException):
        RESTHandleClient.instantiate_for_read_and_search(
            node.secure_url, "300:0.NA/88.118.1", "wrong", HTTPS_verify=node.authority
        ).search_handle(URL="*")


DOCUMENTS = Path(__file__).resolve().parents[4] / "docs"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_example_of_the_documentation_runs(node, language: str) -> None:
    text = (DOCUMENTS / language / "identifiers.md").read_text(encoding="utf-8")
    [example] = [part for part in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "pyhandle" in part]
    example = example.replace("http://127.0.0.1:8000", node.url).replace("SECRET", "one")
    exec(compile(example, f"docs/{language}/identifiers.md", "exec"), {})


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_commands_of_the_documentation_run(node, language: str) -> None:
    text = (DOCUMENTS / language / "identifiers.md").read_text(encoding="utf-8")
    commands = re.findall(r"^ {4}(curl .*/EXAMPLE-1.*)$", text, re.MULTILINE)
    assert len(commands) == 3
    for written in commands:
        command = written.replace("http://127.0.0.1:8000", node.url).replace("SECRET", "one")
        done = subprocess.run(["curl", "-sS", *shlex.split(command)[1:]], capture_output=True, text=True, check=True)
        assert '"responseCode":1,' in done.stdout
