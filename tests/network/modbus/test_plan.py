"""Few requests, within the protocol's limits, and no tag forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.modbus.address import Address, parse
from gongfu.network.drivers.modbus.plan import Block, plan, split

_addresses = st.lists(
    st.builds(
        lambda table, offset, kind: parse(f"{table}:{offset}" + ("" if table in ("coil", "discrete") else f":{kind}")),
        st.sampled_from(["coil", "discrete", "holding", "input"]),
        st.integers(0, 3000),
        st.sampled_from(["int16", "float32", "float64", "string250", "bit3"]),
    ),
    max_size=60,
)


@given(_addresses, st.integers(0, 124))
def test_every_tag_is_covered_once_within_the_limits(addresses: list[Address], gap: int) -> None:
    blocks = plan(addresses, gap)
    assert sorted(index for block in blocks for index in block.members) == list(range(len(addresses)))
    for block in blocks:
        assert block.count <= (2000 if block.table.is_bits else 125)
        for index in block.members:
            address = addresses[index]
            assert address.table is block.table
            assert block.offset <= address.offset
            assert address.offset + address.count <= block.offset + block.count


@given(_addresses)
def test_without_tolerance_no_unwanted_register_is_read(addresses: list[Address]) -> None:
    wanted = {(a.table, a.offset + i) for a in addresses for i in range(a.count)}
    for block in plan(addresses, gap=0):
        assert all((block.table, block.offset + i) in wanted for i in range(block.count))


def test_neighbours_share_a_request_and_far_ones_do_not() -> None:
    addresses = [parse("holding:100:float32"), parse("holding:110:float32"), parse("holding:300"), parse("input:102")]
    assert [(b.table, b.offset, b.count) for b in plan(addresses, gap=8)] == [
        ("holding", 100, 12),
        ("holding", 300, 1),
        ("input", 102, 1),
    ]
    assert len(plan(addresses, gap=7)) == 4


def test_tags_at_one_address_are_read_once() -> None:
    addresses = [parse("holding:5:bit0"), parse("holding:5:bit1"), parse("holding:5")]
    assert plan(addresses) == [Block(addresses[0].table, 5, 1, (0, 1, 2))]


def test_a_refused_block_is_split_into_its_tags() -> None:
    addresses = [parse("holding:0:float32"), parse("holding:2")]
    (block,) = plan(addresses)
    assert [(b.offset, b.count, b.members) for b in split(block, addresses)] == [(0, 2, (0,)), (2, 1, (1,))]
