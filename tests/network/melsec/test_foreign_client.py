"""pymcprotocol, which others wrote, reads and writes our simulator; and what it wrote, our driver reads."""

from __future__ import annotations

import asyncio

import pymcprotocol
import pytest
from pymcprotocol.mcprotocolerror import MCProtocolError

from gongfu.network.drivers.melsec.simulator import SIZE, MelsecSimulator, Point

POINTS = [
    Point("speed", "D100", -1500),
    Point("length", "D102:int32", 123456789),
    Point("running", "M10", True),
    Point("input", "X3", True),
    Point("link", "W1A", 7),
]
KINDS = [
    pytest.param(pymcprotocol.Type3E, "Q", "binary", id="3E binary"),
    pytest.param(pymcprotocol.Type3E, "Q", "ascii", id="3E ASCII"),
    pytest.param(pymcprotocol.Type4E, "Q", "binary", id="4E binary"),
    pytest.param(pymcprotocol.Type4E, "Q", "ascii", id="4E ASCII"),
    pytest.param(pymcprotocol.Type3E, "iQ-R", "binary", id="3E binary iQ-R"),
    pytest.param(pymcprotocol.Type4E, "iQ-R", "ascii", id="4E ASCII iQ-R"),
]


@pytest.mark.parametrize(("kind", "series", "code"), KINDS)
async def test_a_foreign_client_reads_and_writes_the_simulator(kind, series: str, code: str) -> None:
    def talk(port: int) -> None:
        client = kind(plctype=series)
        client.setaccessopt(commtype=code, timer_sec=5)
        client.connect("127.0.0.1", port)
        try:
            assert client.read_cputype()[0] == "Q03UDVCPU"
            assert client.batchread_wordunits("D100", 4) == [-1500, 0, -13035, 1883]  # 123456789 = 0x075BCD15
            assert client.batchread_bitunits("M9", 3) == [0, 1, 0]
            assert client.batchread_wordunits("M0", 2) == [0x0400, 0]
            assert client.batchread_bitunits("X3", 1) == [1]
            assert client.randomread(["D100", "TN0"], ["D102"]) == ([-1500, 0], [123456789])
            client.batchwrite_wordunits("D200", [1, -2, 3])
            client.batchwrite_bitunits("M20", [1, 0, 1])
            client.randomwrite(["D210"], [5], ["D212"], [-70000])
            client.randomwrite_bitunits(["M31", "M33"], [1, 1])
            assert client.batchread_wordunits("D200", 3) == [1, -2, 3]
            assert client.batchread_bitunits("M20", 3) == [1, 0, 1]
            assert client.randomread(["D210"], ["D212"]) == ([5], [-70000])
            assert client.batchread_bitunits("M31", 3) == [1, 0, 1]
            with pytest.raises(MCProtocolError, match="C056"):
                client.batchread_wordunits(f"D{SIZE}", 1)
            assert client.batchread_wordunits("D100", 1) == [-1500]
        finally:
            client.close()

    async with MelsecSimulator("127.0.0.1", 0, POINTS, ascii=code == "ascii") as plant:
        await asyncio.to_thread(talk, plant.port)


async def test_hexadecimal_devices_mean_the_same_to_both() -> None:
    def read(port: int) -> tuple[list[int], list[int]]:
        client = pymcprotocol.Type3E()
        client.connect("127.0.0.1", port)
        try:
            return client.batchread_wordunits("W0x1A", 1), client.batchread_bitunits("X0x1F", 1)
        finally:
            client.close()

    async with MelsecSimulator("127.0.0.1", 0, [*POINTS, Point("far", "X1F", True)]) as plant:
        assert await asyncio.to_thread(read, plant.port) == ([7], [1])
