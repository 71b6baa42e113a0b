"""Few requests, within what every series grants, and no tag forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.melsec.address import Address, parse
from gongfu.network.drivers.melsec.plan import SCATTERED, plan, split

LIMIT = (960, 3584)
_addresses = st.lists(
    st.builds(
        lambda device, number, kind: parse(f"{device}{number}" + ("" if device in ("M", "TS") else kind)),
        st.sampled_from(["D", "R", "M", "TS"]),
        st.integers(0, 5000),
        st.sampled_from([":int16", ":float32", ":float64", ":string250", ".3"]),
    ),
    max_size=150,
)


@given(_addresses, st.integers(0, 100), st.sampled_from([LIMIT, (480, 1792)]))
def test_every_tag_is_covered_once_within_the_limits(addresses: list[Address], gap: int, limit) -> None:
    requests = plan(addresses, limit, gap)
    covered = [index for request in requests for block in request for index in block.members]
    assert sorted(covered) == list(range(len(addresses)))
    for request in requests:
        assert len(request) <= SCATTERED
        for block in request:
            assert len(request) == 1 or (block.count <= 2 and not block.device.is_bit)
            assert block.count <= limit[block.device.is_bit]
            for index in block.members:
                address = addresses[index]
                assert address.device is block.device
                assert block.number <= address.number
                assert address.number + address.count <= block.number + block.count


def test_neighbours_share_a_batch_and_scattered_words_a_random_read() -> None:
    texts = ["D100:float32", "D110:float32", "D300", "R7:int32", "D900:uint16", "M5", "M60"]
    addresses = [parse(text) for text in texts]
    requests = plan(addresses, LIMIT, gap=8)
    assert [[(b.device.name, b.number, b.count) for b in request] for request in requests] == [
        [("M", 5, 56)],
        [("D", 100, 12)],
        [("D", 300, 1), ("D", 900, 1), ("R", 7, 2)],
    ]


def test_a_refused_request_is_split_until_each_tag_stands_alone() -> None:
    addresses = [parse("D0"), parse("D1"), parse("D500")]
    (request,) = plan(addresses, LIMIT)
    parts = split(request, addresses)
    assert sorted(len(part) for part in parts) == [1, 1]
    pair = next(part for part in parts if len(part[0].members) == 2)
    assert [part[0].members for part in split(pair, addresses)] == [(0,), (1,)]
