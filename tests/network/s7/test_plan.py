"""Few requests, each answered in one PDU, and no tag forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.s7.address import Address, parse
from gongfu.network.drivers.s7.plan import OVERHEAD, plan, split

_addresses = st.lists(
    st.builds(
        lambda place, start, kind: parse(f"{place}{kind[0]}{start}{kind[1:]}"),
        st.sampled_from(["DB1.DB", "DB2.DB", "M"]),
        st.integers(0, 900),
        st.sampled_from(["B:byte", "W:int", "D:real", "B:lreal", "B:string20"]),
    ),
    max_size=60,
)


@given(_addresses, st.sampled_from([240, 480, 960]), st.integers(0, 60))
def test_every_tag_is_covered_once_and_answers_fit(addresses: list[Address], pdu: int, gap: int) -> None:
    blocks = plan(addresses, pdu, gap)
    assert sorted(index for block in blocks for index in block.members) == list(range(len(addresses)))
    for block in blocks:
        assert block.size <= pdu - OVERHEAD
        for index in block.members:
            address = addresses[index]
            assert (address.area, address.block) == (block.area, block.block)
            assert block.start <= address.start
            assert address.start + address.size <= block.start + block.size


def test_neighbours_share_a_request_and_data_blocks_do_not() -> None:
    addresses = [parse("DB1.DBD0:real"), parse("DB1.DBD8:real"), parse("DB2.DBD0:real"), parse("DB1.DBX300.0")]
    assert [(b.block, b.start, b.size) for b in plan(addresses, 240, gap=4)] == [(1, 0, 12), (1, 300, 1), (2, 0, 4)]


def test_a_refused_block_is_split_into_its_tags() -> None:
    addresses = [parse("DB1.DBD0:real"), parse("DB1.DBW4:int")]
    (block,) = plan(addresses, 240)
    assert [(b.start, b.size, b.members) for b in split(block, addresses)] == [(0, 4, (0,)), (4, 2, (1,))]


def test_a_string_longer_than_a_pdu_stands_alone() -> None:
    addresses = [parse("DB1.DBB0:wstring254"), parse("DB1.DBW512:int")]
    assert [block.size for block in plan(addresses, 240)] == [512, 2]
