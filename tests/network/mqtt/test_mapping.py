"""Messages that somebody else designed: every shape gives the readings that its addresses name."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, Message, Refusal, Sample
from gongfu.network.drivers.mqtt.driver import JsonFeed, points
from gongfu.network.drivers.payload import Mapping, fields
from gongfu.network.drivers.selecting import LONGEST, find, path, selector, written_to
from gongfu.network.gateway.config import DeviceConfig, TagConfig
from tests.network.sparkplug.test_driver import Ear

STORED = 1_795_000_000_000_000
WHEN = int(datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC).timestamp() * 1_000_000)


def press(*addresses: str, **options: str) -> JsonFeed:
    tags = [TagConfig(series=number, name=f"t{number}", address=text) for number, text in enumerate(addresses, 1)]
    return JsonFeed(
        DeviceConfig(device=1, org=7, org_code="acme", name="press", driver="mqtt", options={**options}, tags=tags)
    )


def values(feed: JsonFeed, payload: object, level: str = "data") -> list[tuple[int, object]]:
    data = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
    ear = Ear()
    samples = feed.read(Message(f"gongfu/acme/press/{level}", data, STORED), ear)
    assert ear.complaints == []
    return [(sample.series, sample.value) for sample in samples]


def test_a_list_of_keys_and_values_is_read_by_key() -> None:
    feed = press("/[n=temp]/v", "/[n=speed]/v")
    assert values(feed, [{"n": "temp", "v": 1.2}, {"n": "speed", "v": 7}]) == [(1, 1.2), (2, 7)]


def test_a_nested_list_is_searched_by_one_or_more_keys() -> None:
    feed = press("/items/[name=temp]/v", "/items/[name=temp,ch=2]/v", '/items/[name="a, b"]/v', "/items/[name=x~1y]/v")
    items = [
        {"name": "temp", "ch": 1, "v": 10},
        {"name": "temp", "ch": 2, "v": 20},
        {"name": "a, b", "v": 30},
        {"name": "x/y", "v": 40},
    ]
    assert values(feed, {"items": items}) == [(1, 10), (2, 20), (3, 30), (4, 40)]


def test_elements_are_counted_from_the_end_and_plain_arrays_by_position() -> None:
    assert values(press("/axes/[-1]/load", "/axes/0/load"), {"axes": [{"load": 1}, {"load": 2}]}) == [(1, 2), (2, 1)]
    assert values(press("/[0]", "/[2]", "/[-1]"), [5, 6]) == [(1, 5), (3, 6)]


def test_an_array_of_readings_inside_a_message_is_read_element_by_element() -> None:
    feed = press("/v", items="/readings", time="/t", time_unit="s")
    data = msgspec.json.encode({"dev": "a", "readings": [{"v": 1, "t": 1795000000}, {"v": 2, "t": 1795000001}]})
    assert feed.read(Message("gongfu/acme/press/x", data, STORED), Ear()) == [
        Sample(1, 1, 1795000000_000000),
        Sample(1, 2, 1795000001_000000),
    ]


def test_elements_without_a_time_take_that_of_the_message() -> None:
    feed = press("/[n=a]/v", items="/data", time="/meta/ts", time_unit="s")
    data = msgspec.json.encode({"meta": {"ts": 1795000000}, "data": [{"n": "a", "v": 1}]})
    [sample] = feed.read(Message("gongfu/acme/press/x", data, STORED), Ear())
    assert sample.time == 1795000000_000000


def test_of_many_devices_on_one_topic_only_this_one_is_heard() -> None:
    feed = press("/v", only="dev=press-1,kind=data")
    assert values(feed, {"dev": "press-1", "kind": "data", "v": 1}) == [(1, 1)]
    assert values(feed, {"dev": "press-2", "kind": "data", "v": 2}) == []
    assert values(feed, {"dev": "press-1", "v": 2}) == []
    several = press("/v", only="dev=a", items="/all")
    assert values(several, {"all": [{"dev": "a", "v": 1}, {"dev": "b", "v": 2}]}) == [(1, 1)]
    assert values(several, {"dev": "a", "all": [{"v": 1}, {"v": 2}]}) == [(1, 1), (1, 2)]
    assert values(several, {"dev": "b", "all": [{"v": 1}]}) == []


@pytest.mark.parametrize(
    ("address", "said", "value"),
    [
        ("/v | number", "21.5 °C", 21.5),
        ("/v | number", "1,234.5 mm", 1234.5),
        ("/v | number", "-.5e2V", -50.0),
        ("/v | number", "\u22123", -3.0),
        ("/v | number", "p=7bar", 7.0),
        ("/v | number comma", "1.234,5 mm", 1234.5),
        ("/v | number", "none", None),
        ("/v | number", "1e999", 1e99),
        ("/v | number", 3, 3),
        ("/v | number", None, None),
        ("/v | map on=1 off=0", "on", 1.0),
        ("/v | map on=1 off=0", "off", 0.0),
        ("/v | map on=1 off=0", "broken", None),
        ("/v | map on=1 *=2", "broken", 2.0),
        ('/v | map "door open"=1 "a | b"=2', "door open", 1.0),
        ('/v | map "door open"=1 "a | b"=2', "a | b", 2.0),
        ("/v | map true=1 false=0 null=-1", True, 1.0),
        ("/v | map true=1 false=0 null=-1", None, -1.0),
        ("/v | map 3=running 4=stopped", 3, "running"),
        ("/v | number | map 3=30", "3.0 x", None),
    ],
)
def test_texts_become_numbers(address: str, said: object, value: object) -> None:
    if said == "1e999":
        [(_, got)] = values(press(address), {"v": said})
        assert got is None or got == 1e99
        return
    assert values(press(address), {"v": said}) == [(1, value)]


def test_a_level_of_the_topic_names_the_tag() -> None:
    feed = press("temp >", "speed > /v", "line/+ > /v")
    assert values(feed, 21.5, "temp") == [(1, 21.5)]
    assert values(feed, {"v": 3}, "speed") == [(2, 3)]
    assert values(feed, {"v": 4}, "line/7") == [(3, 4)]
    assert values(feed, {"v": 5}, "other") == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"time_format": "%d.%m.%Y %H:%M:%S", "zone": "Asia/Shanghai"}, "18.11.2026 19:06:40"),
        ({"time_unit": "iso", "zone": "Asia/Shanghai"}, "2026-11-18T19:06:40"),
        ({"zone": "Asia/Shanghai"}, "2026-11-18 19:06:40"),
        ({"zone": "Asia/Shanghai"}, "2026-11-18T11:06:40Z"),
        ({"time_unit": "ms"}, 1795000000000),
    ],
)
def test_times_of_several_formats(options: dict[str, str], told: object) -> None:
    feed = press("/v", time="/meta/at", **options)
    [sample] = feed.read(
        Message("gongfu/acme/press/x", msgspec.json.encode({"v": 1, "meta": {"at": told}}), STORED), Ear()
    )
    assert sample.time == WHEN


def test_each_value_may_have_a_time_of_its_own_and_a_bad_one_makes_it_uncertain() -> None:
    feed = press("/temp/v | time /temp/t", "/speed/v | time /speed/t")
    data = b'{"temp": {"v": 1, "t": 1795000000}, "speed": {"v": 2, "t": "lunch"}}'
    assert feed.read(Message("gongfu/acme/press/x", data, STORED), Ear()) == [
        Sample(1, 1, 1795000000_000000),
        Sample(2, 2, STORED, Quality.UNCERTAIN),
    ]


def test_bad_elements_are_reported_and_the_others_live() -> None:
    ear, feed = Ear(), press("/v", time="/t")
    data = b'[{"v": 1, "t": 1795000000}, 7, {"v": 2, "t": "lunch"}, {"v": 3, "t": 1795000001}]'
    samples = feed.read(Message("gongfu/acme/press/x", data, STORED), ear)
    assert [sample.value for sample in samples] == [1, 3]
    assert (len(ear.complaints), ear.status) == (1, "online")
    assert "Element 1" in ear.complaints[0]


@pytest.mark.parametrize(
    "address", ["/v | nonsense", "/v | map", "/v | map on", "/v | time", "/v | number x", "x" * (LONGEST + 1)]
)
def test_an_address_that_means_nothing_is_refused(address: str) -> None:
    with pytest.raises(BadConfiguration, match="is no address"):
        press(address)


@pytest.mark.parametrize("options", [{"only": "dev"}, {"only": "a=b]"}, {"zone": "Mars/Base"}, {"time_format": "%Q%"}])
def test_an_option_that_means_nothing_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(BadConfiguration):
        press("/v", **options)


def test_a_mapped_value_is_written_as_the_device_says_it() -> None:
    address = "mode > /mode | map auto=1 hand=0 true=5"
    assert written_to(address, 1) == ("/mode", "auto")
    assert written_to(address, 5) == ("/mode", True)
    with pytest.raises(Refusal, match="maps nothing"):
        written_to(address, 3)


def test_browsing_offers_names_instead_of_positions_and_topics_where_they_differ() -> None:
    def heard(level: str, payload: bytes) -> Message:
        return Message(f"gongfu/acme/press/{level}", payload, STORED)

    device = DeviceConfig(device=1, org=7, org_code="acme", name="press", driver="mqtt")
    offered = points(
        device,
        [
            heard("a", b'[{"n": "temp", "v": 1}, {"n": "speed", "v": 2}]'),
            heard("temp", b"1"),
            heard("speed", b"2"),
            heard("b", b'{"axes": [{"load": 1}]}'),
            heard("command", b'{"tag": "speed", "value": 5}'),
        ],
    )
    addresses = [point.address for point in offered]
    assert addresses == ["/[n=speed]/v", "/[n=temp]/v", "/axes/0/load", "speed >", "temp >"]
    assert values(press(*addresses), [{"n": "temp", "v": 1}, {"n": "speed", "v": 2}]) == [(2, 1), (1, 2)]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["v", "n", "t", "[n=1]", ""]), inner, max_size=4)
    ),
    max_leaves=12,
)
_ADDRESS = st.text(max_size=40) | st.lists(
    st.sampled_from(
        [
            "/",
            "[n=1]",
            "[-1]",
            "[",
            "]",
            "v",
            "n",
            " | number",
            " | map ",
            "a=1",
            '"',
            " > ",
            "=",
            ",",
            "t",
            " | time /t",
        ]
    ),
    max_size=8,
).map("".join)


@settings(max_examples=400, deadline=None)
@given(_ADDRESS, _JSON, st.sampled_from(["", "/v", "/[n=1]"]), st.sampled_from(["", "n=1"]))
@example("x " * 499, None, "", "")
@example('/"' + '" | "' * 200, None, "", "")
@example("[" + "=," * 490 + "]", None, "", "n=" + "1" * 900)
def test_any_address_reads_any_message_or_is_refused(address: str, document: object, items: str, only: str) -> None:
    tags = [TagConfig(series=1, name="t", address=address)]
    try:
        mapping = Mapping(tags, "/t", items=items, only=only)
    except BadConfiguration:
        return
    reading = mapping.read(document, STORED, "a/b")  # type: ignore[arg-type]
    for sample in reading.samples:
        assert sample.value is None or isinstance(sample.value, bool | int | float | str)
    assert (reading.problem is None) == (reading.problems == 0)


@settings(max_examples=200, deadline=None)
@given(_JSON)
def test_every_field_that_is_offered_is_found_at_its_address(document: object) -> None:
    for point in fields(msgspec.json.encode(document)):
        if isinstance(document, list):
            continue  # of a batch each element is read
        found = find(document, path(point.address))  # type: ignore[arg-type]
        assert isinstance(found, bool | int | float | str)
        assert selector(point.address).steps == path(point.address) or not point.address.strip("/. ")
