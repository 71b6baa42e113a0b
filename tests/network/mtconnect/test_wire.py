"""Documents of an agent, written after the MTConnect standard (docs.mtconnect.org), and what is none."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gongfu.network.drivers.mtconnect.model import identity, places, points
from gongfu.network.drivers.mtconnect.multipart import Parts, boundary
from gongfu.network.drivers.mtconnect.values import Conditions, sample
from gongfu.network.drivers.mtconnect.wire import BadDocument, Devices, Errors, Header, Streams, moment, parse
from gongfu.network.gateway.config import TagConfig

# After MTConnect Standard Part 2.0 Devices Information Model, version 1.7 (Device, Description, Components, DataItem,
# Constraints); the x: element stands for a vendor's extension, which Part 1 allows anywhere.
PROBE = b"""<?xml version="1.0" encoding="UTF-8"?>
<MTConnectDevices xmlns:x="urn:example.com:Machine:1.0" xmlns="urn:mtconnect.org:MTConnectDevices:1.7">
  <Header creationTime="2021-02-23T16:44:40Z" sender="mtcagent" instanceId="1609418103" version="1.7.0.3"
   assetBufferSize="1024" assetCount="0" bufferSize="131072"/>
  <Devices>
    <Device id="d" name="VMC-3Axis" uuid="000">
      <Description manufacturer="Example" model="V3" serialNumber="S-1">A mill</Description>
      <DataItems><DataItem category="EVENT" id="a" name="avail" type="AVAILABILITY"/></DataItems>
      <Components>
        <x:Clamp id="cl"/>
        <Axes id="ax" name="Axes"><Components><Rotary id="c" name="C"><DataItems>
          <DataItem category="SAMPLE" id="c2" name="Sspeed" nativeUnits="REVOLUTION/MINUTE" subType="ACTUAL"
           type="ROTARY_VELOCITY" units="REVOLUTION/MINUTE">
            <Constraints><Maximum>8000</Maximum><Minimum>0</Minimum></Constraints></DataItem>
          <DataItem category="EVENT" id="pc" type="PART_COUNT"/>
          <DataItem category="CONDITION" id="cc" type="TEMPERATURE"/>
        </DataItems></Rotary></Components></Axes>
      </Components>
    </Device>
  </Devices>
</MTConnectDevices>"""

# After Part 3.0 Streams Information Model, version 1.7 (Samples, Events, Condition, data set entries).
STREAMS = b"""<?xml version="1.0" encoding="UTF-8"?>
<MTConnectStreams xmlns="urn:mtconnect.org:MTConnectStreams:1.7">
  <Header creationTime="2021-02-23T16:44:40Z" sender="mtcagent" instanceId="1609418103" version="1.7.0.3"
   bufferSize="131072" nextSequence="108" firstSequence="1" lastSequence="107"/>
  <Streams><DeviceStream name="VMC-3Axis" uuid="000"><ComponentStream component="Rotary" name="C" componentId="c">
    <Samples><RotaryVelocity dataItemId="c2" timestamp="2021-02-23T16:44:40.123456Z" name="Sspeed" sequence="107"
      subType="ACTUAL">1200.5</RotaryVelocity></Samples>
    <Events><PartCount dataItemId="pc" timestamp="2021-02-23T16:44:39Z" sequence="104">UNAVAILABLE</PartCount>
      <VariableDataSet dataItemId="v" timestamp="2021-02-23T16:44:39Z" sequence="103" count="2">
        <Entry key="V100">5</Entry><Entry key="V101" removed="true"/></VariableDataSet></Events>
    <Condition><Fault dataItemId="cc" timestamp="2021-02-23T16:44:39Z" sequence="105" type="TEMPERATURE"
      nativeCode="401" qualifier="HIGH">Spindle hot</Fault>
      <Warning dataItemId="cc" timestamp="2021-02-23T16:44:39Z" sequence="106" type="TEMPERATURE" nativeCode="7"/>
    </Condition>
  </ComponentStream></DeviceStream></Streams>
</MTConnectStreams>"""

# After Part 1.0 Overview and Fundamentals, version 1.7 (MTConnectError), and version 2.6 of the same.
ERROR = b"""<MTConnectError xmlns="urn:mtconnect.org:MTConnectError:1.7"><Header creationTime="2021-02-23T16:44:40Z"
 sender="mtcagent" instanceId="1609418103" version="1.7.0.3" bufferSize="131072"/>
 <Errors><Error errorCode="OUT_OF_RANGE">'from' must be greater than 1</Error></Errors></MTConnectError>"""
NEW_ERROR = b"""<MTConnectError xmlns="urn:mtconnect.org:MTConnectError:2.6"><Errors>
 <OutOfRange errorCode="OUT_OF_RANGE"><URI>http://h/sample</URI><ErrorMessage>'from' must be</ErrorMessage>
 </OutOfRange></Errors></MTConnectError>"""


def test_a_probe_tells_who_the_device_is_and_what_it_has() -> None:
    found = parse(PROBE)
    assert isinstance(found, Devices)
    who = identity(found.devices[0])
    assert (who.vendor, who.product, who.serial_number) == ("Example", "V3", "S-1")
    assert places(found.devices)["c2"] == ("VMC-3Axis", "000", "d")
    assert [(point.address, point.folder) for point in points(found.devices, "")] == [("d", True)]
    inside = points(found.devices, "d")
    assert [(one.address, one.name) for one in inside] == [("cl", "Clamp"), ("ax", "Axes"), ("a", "avail")]
    speed, count, condition = points(found.devices, "c")
    assert (speed.kind, speed.unit, speed.low, speed.high) == ("number", "r/min", 0, 8000)
    assert speed.detail == "SAMPLE ROTARY_VELOCITY ACTUAL"
    assert (count.kind, condition.kind) == ("number", "text")
    assert points(found.devices, "nowhere") == []


def test_streams_come_in_the_order_of_their_numbers_with_their_times() -> None:
    found = parse(STREAMS)
    assert isinstance(found, Streams)
    assert found.header == Header(instance=1609418103, first=1, last=107, next=108, size=131072)
    assert [(one.item, one.sequence) for one in found.observations] == [
        ("v", 103),
        ("pc", 104),
        ("cc", 105),
        ("cc", 106),
        ("c2", 107),
    ]
    assert found.observations[-1].time == 1614098680123456
    assert found.observations[0].entries == {"V100": "5"}


def test_observations_become_readings() -> None:
    streams, conditions = parse(STREAMS), Conditions()
    assert isinstance(streams, Streams)
    made = {}
    for one in streams.observations:
        kind = "number" if one.item in ("c2", "pc", "v") else "text"
        tag = TagConfig(series=1, name=one.item, address=one.item, kind=kind)
        made[one.item], problem = sample(tag, "V100" if one.item == "v" else "", one, conditions)
        assert problem == ""
    assert {name: (one.value, int(one.quality)) for name, one in made.items()} == {
        "v": (5.0, 0),
        "pc": (None, 2),
        "cc": ("Fault 401 (HIGH): Spindle hot; Warning 7", 0),
        "c2": (1200.5, 0),
    }


@pytest.mark.parametrize("body", [ERROR, NEW_ERROR])
def test_an_error_has_its_code(body: bytes) -> None:
    found = parse(body)
    assert isinstance(found, Errors)
    assert found.code == "OUT_OF_RANGE"
    assert "'from' must be" in found.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>It works!</body></html>",
        STREAMS[: len(STREAMS) // 2],
        STREAMS.replace(b'sequence="107"', b'sequence="many"'),
        STREAMS.replace(b'instanceId="1609418103"', b""),
        STREAMS.replace(b"2021-02-23T16:44:40.123456Z", b"yesterday"),
        b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><MTConnectStreams>&y;</MTConnectStreams>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><MTConnectStreams/>',
        b"<MTConnectDevices><Devices>"
        + b"<D><Components>" * 100
        + b"</Components></D>" * 100
        + b"</Devices></MTConnectDevices>",
        b'<?xml version="1.0" encoding="no-such-thing"?><a/>',
    ],
)
def test_what_is_no_document_is_refused(body: bytes) -> None:
    with pytest.raises(BadDocument):
        parse(body)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), at=st.integers(0, len(STREAMS) - 1), put=st.binary(max_size=8))
def test_damaged_documents_are_read_or_refused_never_worse(data: st.DataObject, at: int, put: bytes) -> None:
    document = data.draw(st.sampled_from([PROBE, STREAMS, ERROR]))
    with contextlib.suppress(BadDocument):
        parse(document[:at] + put + document[at + len(put) :])


@given(st.text(max_size=40))
@example("0001-01-01T00:00:00+23:59")
def test_times_are_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadDocument):
        moment(text)


def test_one_of_several_faults_ends_and_then_all() -> None:
    conditions = Conditions()
    streams = parse(STREAMS)
    assert isinstance(streams, Streams)
    fault, warning = (one for one in streams.observations if one.level)

    def normal(code: str) -> str | None:
        return conditions.take(msgspec.structs.replace(fault, level="Normal", code=code))

    conditions.take(fault)
    assert conditions.take(warning) == "Fault 401 (HIGH): Spindle hot; Warning 7"
    assert normal("401") == "Warning 7"
    conditions.take(fault)
    assert normal("") == "Normal"


# RFC 2046 §5.1.1 with the header fields of MTConnect Part 1, "Streaming data".
STREAM = (
    b"--xyz\r\nContent-type: text/xml\r\nContent-length: 6\r\n\r\n<a>--x\r\n"
    b"--xyz\r\nContent-type: text/xml\r\nContent-length: 4\r\n\r\n<b/>\r\n--xyz--\r\n"
)


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
@pytest.mark.parametrize(
    "stream", [STREAM, STREAM.replace(b"Content-length: 6\r\n", b"").replace(b"Content-length: 4\r\n", b"")]
)
def test_parts_come_whole_however_the_network_cuts_them(stream: bytes, size: int) -> None:
    parts = Parts(b"xyz")
    found = [body for at in range(0, len(stream), size) for body in parts.feed(stream[at : at + size])]
    assert found[:2] == [b"<a>--x", b"<b/>"]


def test_the_boundary_is_found_and_nonsense_is_refused() -> None:
    assert boundary("multipart/x-mixed-replace;boundary=xyz") == b"xyz"
    assert boundary('Multipart/X-Mixed-Replace; charset=a; boundary="a b"') == b"a b"
    assert boundary("text/xml") is None
    with pytest.raises(BadDocument):
        Parts(b"xyz").feed(b"x" * 10_000)
    with pytest.raises(BadDocument):
        Parts(b"xyz").feed(b"--xyz\r\nContent-length: 99999999999\r\n\r\n")


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes_give_parts_or_a_refusal(chunks: list[bytes]) -> None:
    parts = Parts(b"x")
    with contextlib.suppress(BadDocument):
        for chunk in chunks:
            parts.feed(b"--x\n\n" + chunk)
