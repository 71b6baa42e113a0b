"""Networks as they are drawn: what follows by itself, what is folded, where it stands, what changed."""

from __future__ import annotations

import itertools
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.map.differing import Change, Entry, News, differences
from gongfu.network.map.layout import ACROSS, layout
from gongfu.network.map.measuring import Grade
from gongfu.network.map.topology import MOST_DRAWN, Build, Edge, Layer, Node, Topology, connected, folded, on_the_way


def device(number: int, cell: str = "p2", site: str = "p1", **more: object) -> Node:
    said = {"key": f"d{number}", "layer": Layer.DEVICE, "kind": "device", "name": f"M{number:05}", "cell": cell}
    return Node(**(said | {"site": site} | more))  # type: ignore[arg-type]


def switch(number: int, **more: object) -> Node:
    said = {"key": f"e{number}", "layer": Layer.ACCESS, "kind": "switch", "name": f"SW{number}"}
    return Node(**(said | more))  # type: ignore[arg-type]


GATEWAY = Node(key="g:local", layer=Layer.GATEWAY, kind="gateway", name="local")
SITE = Node(key="p1", layer=Layer.SITE, kind="site", name="Works", site="p1", cell="p1")
CELL = Node(key="p2", layer=Layer.CELL, kind="area", name="Shop", site="p1", cell="p2")


def logical(*numbers: int) -> list[Edge]:
    return [Edge(key=f"vd{number}", a="g:local", b=f"d{number}", derived=True) for number in numbers]


def edge(a: str, b: str, build: Build = Build.IN_USE) -> Edge:
    return Edge(key=f"l{a}{b}", a=a, b=b, build=build)


def test_without_any_drawing_every_device_hangs_on_its_gateway() -> None:
    found = connected([GATEWAY, SITE, CELL, device(1), device(2)], [], logical(1, 2))
    assert [(one.a, one.b, one.derived) for one in found.edges] == [("g:local", "d1", True), ("g:local", "d2", True)]


def test_a_drawn_way_takes_the_place_of_the_derived_one() -> None:
    nodes = [GATEWAY, switch(1), device(1), device(2)]
    found = connected(nodes, [edge("g:local", "e1"), edge("e1", "d1")], logical(1, 2))
    assert {(one.a, one.b) for one in found.edges} == {("g:local", "e1"), ("e1", "d1"), ("g:local", "d2")}


@pytest.mark.parametrize("build", [Build.PLANNED, Build.RETIRED])
def test_a_way_that_is_not_built_explains_nothing(build: Build) -> None:
    nodes = [GATEWAY, switch(1), device(1)]
    found = connected(nodes, [edge("g:local", "e1"), edge("e1", "d1", build)], logical(1))
    assert ("g:local", "d1") in {(one.a, one.b) for one in found.edges}


def test_what_the_readings_pass_through_works() -> None:
    edges = [edge("g:local", "e9"), edge("e9", "e1"), edge("e9", "e2"), edge("e1", "d1"), edge("e2", "d2")]
    assert on_the_way(edges, ["g:local"], ["d1"]) == {"g:local", "e9", "e1", "d1"}


def test_links_to_what_is_gone_and_to_itself_are_left_out() -> None:
    found = connected([switch(1)], [edge("e1", "e2"), edge("e1", "e1")], [])
    assert found.edges == []


def plant(cells: int, each: int, sites: int = 1) -> Topology:
    nodes = [GATEWAY]
    for number in range(sites):
        key = f"p{number}"
        nodes.append(Node(key=key, layer=Layer.SITE, kind="site", name=key, site=key, cell=key))
    for cell in range(cells):
        site = f"p{cell % sites}"
        key = f"p{1000 + cell}"
        nodes.append(Node(key=key, layer=Layer.CELL, kind="line", name=key, site=site, cell=key))
        nodes += [device(cell * each + n, key, site) for n in range(each)]
    return connected(nodes, [], logical(*range(cells * each)))


def test_ten_thousand_devices_become_a_drawing_that_can_be_read() -> None:
    whole = plant(250, 40, sites=5)
    begin = time.process_time()
    shown = folded(whole)
    places = layout(shown)
    assert time.process_time() - begin < 5
    assert len(shown.nodes) <= MOST_DRAWN
    assert sum(node.count for node in shown.nodes if node.layer is Layer.DEVICE) == 10_000
    assert places.keys() == {node.key for node in shown.nodes}
    keys = {node.key for node in shown.nodes}
    assert all(one.a in keys and one.b in keys for one in shown.edges)


def test_a_full_cell_is_one_node_until_somebody_opens_it() -> None:
    whole = plant(1, 100)
    shut, opened = folded(whole), folded(whole, ["p1000"])
    fold = next(node for node in shut.nodes if node.kind == "fold")
    assert (fold.count, fold.cell) == (100, "p1000")
    assert [one.count for one in shut.edges] == [100]
    assert sum(node.layer is Layer.DEVICE for node in opened.nodes) == 100


def test_a_folded_cell_shows_the_worst_of_it() -> None:
    nodes = [CELL, *(device(number) for number in range(50)), device(51, grade=Grade.BAD)]
    shown = folded(connected(nodes, [], []))
    assert next(node for node in shown.nodes if node.kind == "fold").grade is Grade.BAD


def test_too_many_cells_become_their_sites() -> None:
    shown = folded(plant(2000, 2, sites=3))
    assert not any(node.layer is Layer.CELL for node in shown.nodes)
    assert [node.count for node in shown.nodes if node.kind == "fold"] == [1334, 1334, 1332]


networks = st.builds(
    lambda cells, switches, pairs: connected(
        [
            GATEWAY,
            SITE,
            *(
                Node(key=f"p{n + 2}", layer=Layer.CELL, kind="area", name=f"C{n}", site="p1", cell=f"p{n + 2}")
                for n in range(len(cells))
            ),
            *(
                device(100 * n + m, f"p{n + 2}", "p1" if n % 3 else "")
                for n, count in enumerate(cells)
                for m in range(count)
            ),
            *(switch(n, cell="p2" if n % 2 and cells else "", site="p1") for n in range(switches)),
        ],
        [edge(f"e{a}", f"e{b}") for a, b in pairs],
        [],
    ),
    st.lists(st.integers(0, 12), max_size=8),
    st.integers(0, 8),
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=12),
)


@given(networks)
def test_everything_has_a_place_of_its_own(topology: Topology) -> None:
    places = layout(topology)
    assert places.keys() == {node.key for node in topology.nodes}
    assert places == layout(Topology(list(topology.nodes), list(reversed(topology.edges))))
    rows: dict[float, list[float]] = {}
    for x, y in places.values():
        rows.setdefault(y, []).append(x)
    for row in rows.values():
        ordered = sorted(row)
        gaps = [b - a for a, b in itertools.pairwise(ordered)]
        assert all(gap >= ACROSS / 2 for gap in gaps), gaps


def test_what_was_dragged_stays_where_it_was_put() -> None:
    topology = connected([GATEWAY, device(1)], [], logical(1))
    assert layout(topology, {"d1": (7.0, 9.0), "d2": (1.0, 1.0)})["d1"] == (7.0, 9.0)
    assert "d2" not in layout(topology, {"d2": (1.0, 1.0)})


entries = st.builds(
    Entry,
    name=st.sampled_from(["a", "b"]),
    place=st.sampled_from(["", "p", "q"]),
    where=st.sampled_from(["", "x"]),
    build=st.sampled_from(["planned", "in_use"]),
    grade=st.sampled_from(list(Grade)),
    p95=st.none() | st.floats(0, 500),
    loss=st.none() | st.floats(0, 1),
)
pictures = st.dictionaries(st.sampled_from(["d1", "d2", "e1", "l1"]), entries)
OPPOSITE = {News.NEW: News.GONE, News.GONE: News.NEW, News.WORSE: News.BETTER, News.BETTER: News.WORSE}


@given(pictures)
def test_nothing_differs_from_itself(picture: dict[str, Entry]) -> None:
    assert differences(picture, picture) == []
    assert differences(picture, msgspec.convert(msgspec.to_builtins(picture), dict[str, Entry])) == []


@given(pictures, pictures)
def test_looking_back_turns_every_change_round(before: dict[str, Entry], after: dict[str, Entry]) -> None:
    there = differences(before, after)
    back = differences(after, before)
    assert sorted(
        (OPPOSITE.get(one.news, one.news), one.key, one.what, one.after, one.before) for one in there
    ) == sorted((one.news, one.key, one.what, one.before, one.after) for one in back)


@given(pictures, pictures)
def test_what_is_there_once_is_new_or_gone_and_nothing_else(before: dict[str, Entry], after: dict[str, Entry]) -> None:
    found = differences(before, after)
    assert {one.key for one in found if one.news is News.NEW} == after.keys() - before.keys()
    assert {one.key for one in found if one.news is News.GONE} == before.keys() - after.keys()
    assert all(one.key in before and one.key in after for one in found if one.news not in (News.NEW, News.GONE))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (2.0, 2.9, []),
        (2.0, 6.0, []),  # threefold, and nobody notices four milliseconds
        (100.0, 110.0, []),
        (20.0, 40.0, [Change(News.WORSE, "d1", "a", "p95", "20.0", "40.0")]),
        (40.0, 20.0, [Change(News.BETTER, "d1", "a", "p95", "40.0", "20.0")]),
    ],
)
def test_only_a_latency_that_matters_is_told(before: float, after: float, expected: list[Change]) -> None:
    one = Entry(name="a", p95=before)
    assert differences({"d1": one}, {"d1": msgspec.structs.replace(one, p95=after)}) == expected


def test_a_device_that_was_moved_to_another_cell_is_told() -> None:
    found = differences({"d1": Entry(name="a", place="p")}, {"d1": Entry(name="a", place="q", where="local x")})
    assert [(one.news, one.what, one.after) for one in found] == [
        (News.MOVED, "place", "q"),
        (News.MOVED, "where", "local x"),
    ]
