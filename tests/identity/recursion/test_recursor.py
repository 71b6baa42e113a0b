"""How an identifier is found from the roots, and what is said when somebody on the way fails."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gongfu.identity.handle import site
from gongfu.identity.handle.codes import ResponseCode
from gongfu.identity.handle.wire import Value
from gongfu.identity.recursion import failures
from gongfu.identity.recursion.endpoints import Endpoint
from gongfu.identity.recursion.errors import Lame, Loop, Unreachable
from gongfu.identity.recursion.recursor import RECURSION_LIMIT, Outcome
from gongfu.identity.recursion.trace import Problem, Purpose, asked_over_network
from gongfu.kernel.errors import Invalid, NotFound, Unavailable

from .net import ENTERPRISE, SECONDARY, TOP, Server, hierarchy, key, served_at, url


async def test_an_identifier_is_found_level_by_level_and_the_path_says_who_was_asked() -> None:
    net = hierarchy()
    found = await net.recursor.resolve("88.118.1/a")
    assert found.values == (url(),)
    assert found.error is None
    assert net.asked == [(TOP, "0.NA/88.118"), (SECONDARY, "0.NA/88.118.1"), (ENTERPRISE, "88.118.1/a")]
    assert [(hop.server, hop.service, hop.purpose) for hop in found.trace.hops] == [
        ("192.0.2.1:2641", "", Purpose.PREFIX),
        ("192.0.2.2:2641", "88.118", Purpose.PREFIX),
        ("192.0.2.3:2641", "88.118.1", Purpose.IDENTIFIER),
    ]


async def test_the_second_time_nobody_is_asked_and_another_identifier_costs_one_question() -> None:
    net = hierarchy()
    await net.recursor.resolve("88.118.1/A")
    net.forget()
    again = await net.recursor.resolve("88.118.1/A")
    assert again.values == (url(),)
    assert asked_over_network(again.trace.hops) == 0
    assert again.trace.hops[0].cached
    missing = await net.recursor.resolve("88.118.1/B")
    assert missing.code == ResponseCode.HANDLE_NOT_FOUND
    assert isinstance(missing.error, NotFound)
    await net.recursor.resolve("88.118.1/B")
    assert net.asked == [(ENTERPRISE, "88.118.1/B")]


async def test_a_prefix_without_servers_of_its_own_is_served_by_the_one_above() -> None:
    net = hierarchy()
    net.servers[SECONDARY].records["88.118.2/X"] = (url("http://x.test/"),)
    found = await net.recursor.resolve("88.118.2/X")
    assert found.values[0].text == "http://x.test/"
    assert net.asked[-1] == (SECONDARY, "88.118.2/X")


async def test_a_prefix_handle_is_asked_of_the_level_above() -> None:
    net = hierarchy()
    assert (await net.recursor.resolve("0.NA/88.118.1")).values == (served_at(ENTERPRISE),)
    assert net.asked == [(TOP, "0.NA/88.118"), (SECONDARY, "0.NA/88.118.1")]


async def test_a_prefix_nobody_knows_does_not_exist() -> None:
    found = await hierarchy().recursor.resolve("88.999.1/A")
    assert found.code == ResponseCode.HANDLE_NOT_FOUND
    assert isinstance(found.error, NotFound)


async def test_an_alias_is_followed_and_one_that_leads_back_is_a_loop() -> None:
    net = hierarchy()
    records = net.servers[ENTERPRISE].records
    records["88.118.1/OLD"] = (Value(1, "HS_ALIAS", b"88.118.1/A"),)
    records["88.118.1/X"] = (Value(1, "HS_ALIAS", b"88.118.1/Y"),)
    records["88.118.1/Y"] = (Value(1, "HS_ALIAS", b"88.118.1/x"),)
    records["88.118.1/BAD"] = (Value(1, "HS_ALIAS", b"nothing"),)
    found = await net.recursor.resolve("88.118.1/OLD")
    assert found.values == (url(),)
    assert found.trace.hops[-1].purpose is Purpose.ALIAS
    assert net.cache.lookup(key("88.118.1/OLD")) == found.body
    itself = await net.recursor.resolve("88.118.1/OLD", follow=False)
    assert itself.values == records["88.118.1/OLD"]
    circle = await net.recursor.resolve("88.118.1/X")
    assert circle.code == ResponseCode.RECURSION_LIMIT
    assert isinstance(circle.error, Loop)
    assert isinstance((await net.recursor.resolve("88.118.1/BAD")).error, Lame)


async def test_a_referral_is_followed_and_two_servers_that_refer_to_each_other_are_a_loop() -> None:
    net = hierarchy()
    net.servers[TOP].referrals["0.NA/88.118"] = site.Referral("0.NA/88.118", (served_at("192.0.2.9"),))
    net.servers["192.0.2.9"] = Server({"0.NA/88.118": (served_at(SECONDARY),)})
    assert (await net.recursor.resolve("88.118.1/A")).values == (url(),)
    looping = hierarchy()
    looping.servers[ENTERPRISE].referrals["88.118.1"] = site.Referral("0.NA/88.118.1", (served_at(SECONDARY),))
    looping.servers[SECONDARY].referrals["88.118.1"] = site.Referral("0.NA/88.118.1", (served_at(ENTERPRISE),))
    found = await looping.recursor.resolve("88.118.1/A")
    assert isinstance(found.error, Loop)
    assert "192.0.2.2:2641" in str(found.error)
    assert len(looping.asked) < 8


async def test_sites_of_a_service_handle_are_found_and_one_that_needs_itself_is_a_loop() -> None:
    net = hierarchy()
    net.servers[SECONDARY].records["0.NA/88.118.1"] = (Value(1, "HS_SERV", b"88.118/SERVICE"),)
    net.servers[SECONDARY].records["88.118/SERVICE"] = (served_at(ENTERPRISE),)
    found = await net.recursor.resolve("88.118.1/A")
    assert found.values == (url(),)
    assert Purpose.SERVICE in [hop.purpose for hop in found.trace.hops]
    circle = hierarchy()
    circle.servers[SECONDARY].records["0.NA/88.118.1"] = (Value(1, "HS_SERV", b"88.118.1/SERVICE"),)
    assert isinstance((await circle.recursor.resolve("88.118.1/A")).error, Loop)


async def test_two_services_that_each_need_the_other_end_as_a_loop_and_not_as_a_wait() -> None:
    net = hierarchy()
    net.servers[SECONDARY].records["0.NA/88.118.1"] = (Value(1, "HS_SERV", b"88.118.2/S"),)
    net.servers[SECONDARY].records["0.NA/88.118.2"] = (Value(1, "HS_SERV", b"88.118.1/S"),)
    both = await asyncio.gather(net.recursor.resolve("88.118.1/A"), net.recursor.resolve("88.118.2/A"))
    assert all(isinstance(found.error, Loop) for found in both)
    assert max(found.trace.took_ms for found in both) < 1000


@pytest.mark.parametrize(
    ("problem", "kind", "said"),
    [
        (Problem.SILENT, Unreachable, "does not answer"),
        (Problem.BUSY, Unreachable, "cannot answer now"),
        (Problem.OTHER_IDENTIFIER, Lame, "another identifier"),
        (Problem.NOT_AUTHORITATIVE, Lame, "without authority"),
        (Problem.FOREIGN, Lame, "nobody asked"),
        (Problem.UNREADABLE, Lame, "cannot be read"),
    ],
)
async def test_what_is_wrong_with_a_child_is_said_with_the_hop(
    problem: Problem, kind: type[Unavailable], said: str
) -> None:
    net = hierarchy()
    net.servers[ENTERPRISE].problem = problem
    found = await net.recursor.resolve("88.118.1/A")
    assert type(found.error) is kind
    assert str(found.error).startswith("Hop 3: 192.0.2.3:2641, asked for 88.118.1/A, ")
    assert said in str(found.error)
    assert found.trace.hops[-1].problem is problem
    assert found.error.text("zh-hans") != found.error.text("en")


async def test_a_child_that_does_not_serve_what_its_parent_says_is_lame() -> None:
    net = hierarchy()
    net.servers[ENTERPRISE].homes.clear()
    net.servers[ENTERPRISE].records.clear()
    found = await net.recursor.resolve("88.118.1/A")
    assert isinstance(found.error, Lame)
    assert "is named as the server of 88.118.1 but does not answer for it" in str(found.error)


async def test_a_site_that_cannot_be_read_or_asked_is_lame() -> None:
    net = hierarchy()
    net.servers[SECONDARY].records["0.NA/88.118.1"] = (Value(1, "HS_SITE", b"\1"),)
    assert isinstance((await net.recursor.resolve("88.118.1/A")).error, Lame)
    net = hierarchy()
    net.servers[SECONDARY].records["0.NA/88.118.1"] = (served_at("127.0.0.1"),)
    found = await net.recursor.resolve("88.118.1/A")
    assert isinstance(found.error, Lame)
    assert ("127.0.0.1", "88.118.1/A") not in net.asked  # nobody makes the node talk to itself


async def test_another_server_of_the_site_is_asked_when_the_first_is_silent() -> None:
    net = hierarchy()
    net.servers[SECONDARY].records["0.NA/88.118.1"] = (served_at("192.0.2.7", ENTERPRISE, "192.0.2.8"),)
    for number in range(12):
        net.servers[ENTERPRISE].records[f"88.118.1/{number}"] = (url(),)
        assert (await net.recursor.resolve(f"88.118.1/{number}")).values == (url(),)
    silent = {host for host, _ in net.asked} - {TOP, SECONDARY, ENTERPRISE}
    assert silent == {"192.0.2.7", "192.0.2.8"}


async def test_when_nobody_answers_the_old_answer_is_used_and_marked() -> None:
    net = hierarchy()
    await net.recursor.resolve("88.118.1/A")
    net.clock.now += 86_401
    for server in net.servers.values():
        server.problem = Problem.SILENT
    found = await net.recursor.resolve("88.118.1/A")
    assert found.stale
    assert found.trace.stale
    assert [hop.stale for hop in found.trace.hops][-1]
    assert found.values == (replace(url(), ttl=30),)
    net.forget()
    again = await net.recursor.resolve("88.118.1/A")
    assert again.stale
    assert not net.asked  # for 30 seconds nobody is bothered
    assert net.cache.lookup(key("88.118.1/A")) == found.body
    net.clock.now += 31
    for server in net.servers.values():
        server.problem = Problem.NONE
    assert not (await net.recursor.resolve("88.118.1/A")).stale
    for server in net.servers.values():
        server.problem = Problem.SILENT
    net.clock.now += 3 * 86_400
    assert isinstance((await net.recursor.resolve("88.118.1/A")).error, Unreachable)


async def test_a_slow_authority_does_not_hold_up_an_old_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    from gongfu.identity.recursion import recursor

    monkeypatch.setattr(recursor, "PATIENCE", 0.05)
    net = hierarchy()
    net.servers[ENTERPRISE].records["88.118.1/A"] = (url(ttl=10),)
    await net.recursor.resolve("88.118.1/A")
    net.clock.now += 11
    net.servers[ENTERPRISE].takes = 0.15
    found = await net.recursor.resolve("88.118.1/A")
    assert found.stale
    await asyncio.sleep(0.3)
    assert not (await net.recursor.resolve("88.118.1/A")).stale


async def test_a_child_that_moved_is_found_again_through_its_parent() -> None:
    net = hierarchy()
    await net.recursor.resolve("88.118.1/A")
    net.servers["192.0.2.33"] = net.servers.pop(ENTERPRISE)
    net.servers["192.0.2.33"].records["88.118.1/B"] = (url(),)
    net.servers[SECONDARY].records["0.NA/88.118.1"] = (served_at("192.0.2.33"),)
    net.clock.now += 60
    assert (await net.recursor.resolve("88.118.1/B")).values == (url(),)


async def test_a_failure_is_remembered_for_a_moment_only() -> None:
    net = hierarchy()
    net.servers[ENTERPRISE].problem = Problem.SILENT
    first = await net.recursor.resolve("88.118.1/A")
    net.forget()
    second = await net.recursor.resolve("88.118.1/A")
    assert not net.asked
    assert str(second.error) == str(first.error)
    net.servers[ENTERPRISE].problem = Problem.NONE
    net.clock.now += 6
    assert (await net.recursor.resolve("88.118.1/A")).values == (url(),)


async def test_a_hundred_askers_of_the_same_thing_cost_one_resolution() -> None:
    net = hierarchy()
    net.servers[ENTERPRISE].takes = 0.02
    found = await asyncio.gather(*(net.recursor.resolve("88.118.1/A") for _ in range(100)))
    assert all(one.values == (url(),) for one in found)
    assert len(net.asked) == 3


async def test_a_hundred_identifiers_of_a_new_prefix_ask_for_the_prefix_once() -> None:
    net = hierarchy()
    for number in range(100):
        net.servers[ENTERPRISE].records[f"88.118.1/{number}"] = (url(),)
    await asyncio.gather(*(net.recursor.resolve(f"88.118.1/{number}") for number in range(100)))
    assert len(net.asked) == 102


async def test_a_popular_answer_is_fetched_anew_before_it_expires() -> None:
    net = hierarchy()
    await net.recursor.resolve("88.118.1/A")
    wanted: list[bytes] = []
    net.cache.wanted = wanted.append
    net.cache.lookup(key("88.118.1/A"))
    net.cache.lookup(key("88.118.1/A"))
    assert wanted == []
    net.clock.now += 0.95 * 86_400
    assert net.cache.lookup(key("88.118.1/A"))
    assert net.cache.lookup(key("88.118.1/A"))
    assert wanted == [key("88.118.1/A")]
    await net.recursor.prefetch(wanted[0])
    net.clock.now += 0.5 * 86_400
    assert net.cache.lookup(key("88.118.1/A"))


async def test_the_recursion_count_goes_up_and_too_many_recursive_nodes_get_code_6() -> None:
    net = hierarchy()
    await net.recursor.resolve("88.118.1/A", recursion=3)
    assert {query.recursion for query in net.queries} == {4}
    found = await net.recursor.resolve("88.118.1/B", recursion=RECURSION_LIMIT)
    assert found.code == ResponseCode.RECURSION_LIMIT


async def test_who_asks_is_passed_on_only_when_wished() -> None:
    net = hierarchy()
    await net.recursor.resolve("88.118.1/A", credential=b"me")
    assert net.queries[-1].credential == b"me"
    await net.recursor.resolve("88.118.1/B")
    assert net.queries[-1].credential == b""


@pytest.mark.parametrize("handle", ["no-slash", "88." + ".".join("1" * 40) + "/x"])
async def test_what_is_no_identifier_is_refused_without_asking_anybody(handle: str) -> None:
    net = hierarchy()
    found: Outcome = await net.recursor.resolve(handle)
    assert isinstance(found.error, (Invalid, Loop))
    assert not net.asked


async def test_a_time_to_live_of_nothing_is_not_kept() -> None:
    net = hierarchy()
    net.servers[ENTERPRISE].records["88.118.1/A"] = (url(ttl=0),)
    await net.recursor.resolve("88.118.1/A")
    net.forget()
    found = await net.recursor.resolve("88.118.1/A")
    assert found.values == (url(ttl=0),)
    assert not found.stale
    assert net.asked == [(ENTERPRISE, "88.118.1/A")]


async def test_an_error_can_be_raised_twice() -> None:
    hops = (await hierarchy().recursor.resolve("88.118.1/A")).trace.hops
    error = failures.failure(Problem.SILENT, hops, "88.118.1/A", Endpoint(TOP, 1, 1), "")
    assert str(failures.again(error)) == str(error)
