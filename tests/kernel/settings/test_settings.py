"""What an operator gets for right and wrong settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from gongfu.kernel.errors import Invalid
from gongfu.kernel.settings import FILE_NAME, Settings, load


def settings(home: Path, toml: str = "", **environment: str) -> Settings:
    if toml:
        (home / FILE_NAME).write_text(toml, encoding="utf-8")
    return load({"GONGFU_HOME": str(home), "PATH": "/bin", **environment})


def test_the_environment_comes_before_the_file_and_the_file_before_the_default(tmp_path: Path) -> None:
    found = settings(tmp_path, "web_port = 9000\nbus_port = 9001\n", GONGFU_WEB_PORT="9100")
    assert (found.web_port, found.bus_port, found.store_port) == (9100, 9001, 8603)


def test_both_sources_understand_every_type(tmp_path: Path) -> None:
    found = settings(tmp_path, GONGFU_DEMONSTRATION="true", GONGFU_ALLOWED_HOSTS="a.example,b.example,")
    assert found.demonstration is True
    assert found.allowed_hosts == ["a.example", "b.example"]
    found = settings(tmp_path, 'demonstration = true\nallowed_hosts = ["c.example"]\nnode = "plant-7"\n')
    assert (found.demonstration, found.allowed_hosts, found.node) == (True, ["c.example"], "plant-7")


def test_an_unknown_name_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"There is no setting web_prot\. Did you mean web_port\?"):
        settings(tmp_path, GONGFU_WEB_PROT="9000")
    with pytest.raises(Invalid, match=r"There is no setting zzz\. See the list in docs/en/settings\.md\."):
        settings(tmp_path, "zzz = 1\n")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"GONGFU_WEB_PORT": "http"}, r"wrong type: Expected `int`.*\$\.web_port.*gongfu\.toml"),
        ({"GONGFU_DEMONSTRATION": "perhaps"}, r"wrong type.*\$\.demonstration"),
        ({"GONGFU_WEB_PORT": "0"}, r"web_port cannot be 0\. Use a port between 1 and 65535"),
        ({"GONGFU_MQTT_PORT": "65536"}, "mqtt_port cannot be 65536"),
        ({"GONGFU_SIMULATOR_BASE_PORT": "65530"}, "simulator_base_port cannot be 65530"),
        ({"GONGFU_LANGUAGE": "fr"}, "language cannot be 'fr'. Use zh-hans or en"),
        ({"GONGFU_TIMEZONE": "Mars/Olympus"}, "timezone cannot be 'Mars/Olympus'"),
        ({"GONGFU_TIMEZONE": "../../etc/passwd"}, "timezone cannot be"),
        ({"GONGFU_NODE": "a.b"}, "node cannot be 'a.b'. Use letters, digits and dashes"),
        ({"GONGFU_LOG_LEVEL": "loud"}, "log_level cannot be 'loud'"),
        ({"GONGFU_LOG_FORMAT": "xml"}, "log_format cannot be 'xml'"),
        ({"GONGFU_RESOLVER_WORKERS": "0"}, "resolver_workers cannot be 0"),
        ({"GONGFU_RETENTION_BUS_BYTES": "1"}, "retention_bus_bytes cannot be 1"),
        ({"GONGFU_PUBLIC_URL": "gongfu.example"}, "public_url cannot be 'gongfu.example'"),
        ({"GONGFU_DATABASE_URL": "mysql://root:secret@db/x"}, "database_url cannot be 'mysql'"),
        ({"GONGFU_BUS_URL": "http://u:secret@bus"}, "bus_url cannot be 'http'"),
        ({"GONGFU_STORE_URL": "clickhouse://u:secret@s"}, "store_url cannot be 'clickhouse'"),
    ],
)
def test_a_wrong_value_is_named_with_its_remedy_and_without_secrets(
    environment: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(Invalid, match=message) as caught:
        settings(tmp_path, **environment)
    assert "secret" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("content", [b"web_port = \n", b"web_port 9000", b"\xff\xfe", b"[web]\nport = 1\n"])
def test_a_file_that_cannot_be_read_names_itself(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(Invalid, match=r"gongfu\.toml|There is no setting web\b"):
        settings(tmp_path)


def test_home_is_not_set_in_the_file_that_lies_in_it(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="home cannot be set in"):
        settings(tmp_path, 'home = "/elsewhere"\n')


def test_the_address_shown_to_people_is_the_public_one(tmp_path: Path) -> None:
    assert settings(tmp_path).url == "http://127.0.0.1:8600"
    assert settings(tmp_path, GONGFU_PUBLIC_URL="https://gongfu.example/").url == "https://gongfu.example"


def test_the_message_is_complete_in_chinese(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as caught:
        settings(tmp_path, GONGFU_WEB_PORT="0")
    text = caught.value.text("zh-hans")
    assert "web_port" in text
    assert "65535" in text
    assert "cannot" not in text
