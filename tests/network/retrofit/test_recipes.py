"""Recipes on recorded arrays: what a clamp, a pulse and a stack light say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.kernel.errors import Invalid
from gongfu.network.retrofit import learning, recipes
from gongfu.network.retrofit.machines import LEAST_CONFIDENCE, PulseMachine, machine
from gongfu.network.retrofit.pulse import Memory
from gongfu.network.retrofit.recipes import DEFAULT_CODES, Lamps, Level, Mode, Output, Pulse, State, Threshold
from gongfu.network.retrofit.replay import replay

SECOND = 1_000_000
START = 1_760_000_000 * SECOND
RNG = np.random.default_rng(20251121)


def each_second(values: np.ndarray) -> list[tuple[int, float]]:
    return [(START + n * SECOND, float(value)) for n, value in enumerate(values)]


def shift(*parts: tuple[float, float, int]) -> np.ndarray:
    """Stretches of mean, noise and seconds, one after the other."""
    return np.concatenate([RNG.normal(mean, noise, seconds) for mean, noise, seconds in parts])


PRESS = shift((0.03, 0.02, 1800), (3.4, 0.2, 600), (18, 3.5, 4000), (3.5, 0.2, 700), (17, 3.5, 3000), (0.03, 0.02, 900))


def test_three_levels_of_a_press_are_found_between_its_off_idle_and_load_current() -> None:
    learnt = learning.learn(PRESS)
    assert learnt.idle is not None
    assert 0.15 < learnt.idle.fall < learnt.idle.rise < 3.0
    assert 3.8 < learnt.run.fall < learnt.run.rise < 12
    assert learnt.sure > 0.8
    assert sum(learnt.shares) == pytest.approx(1)


def test_two_levels_are_off_and_running_when_the_lower_is_next_to_nothing_else_idle_and_running() -> None:
    pump = learning.learn(shift((0.0, 0.05, 900), (11, 0.4, 900)))
    assert (pump.idle, pump.below) == (None, State.OFF)
    fan = learning.learn(shift((4, 0.2, 900), (11, 0.4, 900)))
    assert (fan.idle, fan.below) == (None, State.IDLE)


@pytest.mark.parametrize(
    "values",
    [RNG.normal(10, 1, 4000), RNG.uniform(5, 9, 4000), np.full(500, 3.3), np.zeros(500), np.full(500, np.nan)],
    ids=["one level", "no level", "still", "dead", "nothing"],
)
def test_a_history_without_levels_is_said_to_have_none(values: np.ndarray) -> None:
    with pytest.raises(Invalid):
        learning.learn(values)


def test_levels_that_noise_nearly_hides_are_less_sure() -> None:
    clear = learning.learn(shift((2, 0.1, 2000), (10, 0.5, 2000)))
    noisy = learning.learn(shift((2, 0.9, 2000), (6, 1.1, 2000)))
    assert noisy.sure < clear.sure - 0.05


def test_a_press_is_seen_off_idle_and_running_within_seconds_of_the_truth() -> None:
    times = START + np.arange(len(PRESS)) * SECOND
    learnt = learning.learn(PRESS, times)
    recipe = Level(input="current", run=learnt.run, idle=learnt.idle, dwell=learnt.dwell, sure=learnt.sure)
    told = replay(recipe, {"input": each_second(PRESS)})
    assert [one.state for one in told.stretches] == [
        State.OFF,
        State.IDLE,
        State.RUNNING,
        State.IDLE,
        State.RUNNING,
        State.OFF,
    ]
    assert told.seconds(State.RUNNING) == pytest.approx(7000, abs=30)
    assert told.confidence > 0.8


LEVEL = Level(input="i", run=Threshold(4, 5), idle=Threshold(0.5, 1), dwell=3)


def test_a_reading_that_swings_within_the_hysteresis_changes_nothing() -> None:
    one = machine(LEVEL)
    for n, value in enumerate([8, 8, 8, 4.2, 4.9, 4.1, 4.8, 4.2, 4.2, 4.2, 4.2]):
        one.take("input", value, START + n * SECOND)
    assert one.state is State.RUNNING
    assert one.confidence < 0.8


def test_a_state_shorter_than_the_dwell_is_not_believed() -> None:
    one = machine(LEVEL)
    for n, value in enumerate([8, 8, 0, 0, 8, 8, 0, 0, 0]):
        one.take("input", value, START + n * SECOND)
        assert one.state is State.RUNNING
    one.take("input", 0, START + 9 * SECOND)
    assert one.state is State.OFF


def test_a_silence_is_a_gap_and_no_state() -> None:
    record = each_second(np.full(60, 8.0))
    record += [(time + 3600 * SECOND, value) for time, value in record]
    told = replay(LEVEL, {"input": record})
    assert [one.state for one in told.stretches] == [State.RUNNING, State.RUNNING]
    assert told.seconds(State.RUNNING) < 60 + 60 + LEVEL.stale + 1


# counters
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=200),
    st.sampled_from([0, 100, 256, 65536]),
    st.lists(st.integers(0, 199), max_size=3),
)
@settings(max_examples=80, deadline=None)
def test_every_pulse_is_counted_once_over_roll_overs_and_restarts(
    rises: list[int], modulus: int, restarts: list[int]
) -> None:
    recipe = Pulse(input="n", modulus=modulus, debounce=0.001)
    one = PulseMachine(recipe)
    raw = 90
    one.take("input", raw, START)
    # Ten seconds between readings, so that even the fastest of these paces is no leap beside the usual one.
    for n, rise in enumerate(rises, start=1):
        raw += rise
        if n in restarts:
            one = PulseMachine(recipe, one.memory)
        one.take("input", raw % modulus if modulus else raw, START + 10 * n * SECOND)
    assert one.count <= sum(rises)
    if max(rises) <= 1:
        assert one.count == sum(rises)


@given(
    st.lists(
        st.tuples(st.floats(allow_nan=False, width=32, min_value=-1e9, max_value=1e9), st.integers(-5, 500)),
        max_size=120,
    ),
    st.sampled_from([0, 1000, 65536]),
    st.sampled_from(list(Mode)),
)
@settings(max_examples=120, deadline=None)
def test_whatever_comes_the_count_never_falls(readings: list[tuple[float, int]], modulus: int, mode: Mode) -> None:
    recipe = Pulse(input="n", modulus=modulus, mode=mode)
    one = PulseMachine(recipe)
    time, before = START, 0.0
    for value, step in readings:
        time += step * SECOND // 10
        one.take("input", value, time)
        one.tick(time + 1)
        assert one.count >= before
        assert 0 <= one.confidence <= 1
        before = one.count


def counted(recipe: Pulse, values: list[float], every: float = 1.0) -> PulseMachine:
    one = PulseMachine(recipe)
    for n, value in enumerate(values):
        one.take("input", value, START + int(n * every * SECOND))
    return one


def test_a_reset_counts_nothing_and_counting_goes_on() -> None:
    assert counted(Pulse(input="n"), [500, 501, 502, 0, 1, 2]).count == 4


@pytest.mark.parametrize("noise", [0, 65535, 30000])
def test_one_wild_reading_counts_nothing(noise: int) -> None:
    values = [float(n) for n in range(100, 130)]
    wild = [*values[:20], noise, *values[20:]]
    assert counted(Pulse(input="n", modulus=65536), wild).count <= 29
    assert counted(Pulse(input="n", modulus=65536), wild).count >= 27


def test_a_machine_that_becomes_ten_times_faster_is_counted_again_after_a_reading() -> None:
    slow = [6.0 * n for n in range(10)]
    fast = [slow[-1] + 60.0 * n for n in range(1, 20)]
    one = counted(Pulse(input="n"), [*slow, *fast], every=60)
    assert 54 + 17 * 60 <= one.count <= fast[-1]


def test_contact_bounce_is_one_piece_and_the_first_closed_contact_none() -> None:
    recipe = Pulse(input="c", mode=Mode.CONTACT, debounce=0.1)
    one = PulseMachine(recipe)
    time = START
    for level, milliseconds in [(1, 0), (0, 2000), (1, 900), (0, 5), (1, 5), (0, 700), (1, 3), (0, 4), (1, 1500)]:
        time += milliseconds * 1000
        one.take("input", level, time)
    assert one.count == 2


def test_rate_cycle_time_and_state_follow_the_pulses() -> None:
    recipe = Pulse(input="n", pieces=2)
    one = counted(recipe, [n // 12 for n in range(600)])
    assert one.state is State.RUNNING
    assert one.cycle == pytest.approx(6)
    assert one.rate == pytest.approx(600, rel=0.02)
    assert one.count == 2 * 49
    assert one.confidence >= 0.95
    one.tick(START + 599 * SECOND + 3 * 12 * SECOND + SECOND)
    assert one.rate == 0
    assert str(one.state) == State.IDLE


def test_after_an_outage_a_counter_has_what_came_meanwhile_and_no_more() -> None:
    recipe = Pulse(input="n")
    one = PulseMachine(recipe, Memory(count=40, last=140, time=START, cycle=10))
    one.take("input", 500, START + 3600 * SECOND)
    assert one.count == 400
    assert one.state is State.RUNNING
    for second in range(1, 40):
        one.take("input", 500, START + (3600 + second) * SECOND)
    assert str(one.state) == State.IDLE


# stack light
LAMPS = Lamps(red="r", yellow="y", green="g")


def lights(picture: str, seconds: int, per_second: int = 4) -> dict[str, list[tuple[int, float]]]:
    """A record of red, yellow, green: capital steady, small blinking at 1 Hz."""
    record: dict[str, list[tuple[int, float]]] = {"red": [], "yellow": [], "green": []}
    for n in range(seconds * per_second):
        for role, seen in record.items():
            lit = role[0].upper() in picture or (role[0] in picture and n * 2 // per_second % 2 == 0)
            seen.append((START + n * SECOND // per_second, float(lit)))
    return record


@pytest.mark.parametrize(
    ("picture", "state"),
    [
        ("G", State.RUNNING),
        ("Y", State.IDLE),
        ("R", State.FAULT),
        ("r", State.FAULT),
        ("g", State.SETUP),
        ("YG", State.RUNNING),
        ("rG", State.FAULT),
        ("yG", State.IDLE),
        ("", State.OFF),
    ],
)
def test_a_stack_light_is_read_as_the_table_says(picture: str, state: State) -> None:
    told = replay(LAMPS, lights(picture, 30))
    assert told.stretches[-1].state is state
    assert told.seconds(state) >= 24
    assert told.confidence >= LEAST_CONFIDENCE


def test_lamps_seen_too_rarely_to_tell_a_blink_are_less_sure() -> None:
    assert (
        replay(LAMPS, lights("G", 30)).confidence
        > replay(LAMPS, {role: record[::8] for role, record in lights("G", 30).items()}).confidence
    )


# addresses
numbers = st.floats(0, 1e6, allow_nan=False).map(lambda value: float(f"{value:.4g}"))
keys = st.from_regex(r"[A-Za-z0-9_.-]{1,30}", fullmatch=True)
levels = st.builds(
    lambda key, bounds, dwell, below: Level(
        input=key,
        idle=Threshold(bounds[0], bounds[1]),
        run=Threshold(bounds[2], bounds[3]),
        dwell=dwell,
        below=below,
        codes=(0, 3, 1, 2, 5),
    ),
    keys,
    st.lists(numbers, min_size=4, max_size=4).map(sorted),
    numbers,
    st.sampled_from(list(State)),
)
pulses = st.builds(Pulse, input=keys, mode=st.sampled_from(Mode), modulus=st.integers(0, 2**32), debounce=numbers)
stacks = st.builds(Lamps, red=keys, green=keys, dwell=numbers)


@given(levels | pulses | stacks, st.sampled_from(Output))
def test_a_recipe_survives_being_written_as_an_address(recipe: recipes.Recipe, output: Output) -> None:
    if output not in recipe.outputs:
        return
    assert recipes.parse(recipes.write(recipe, output)) == (recipe, output)


@given(st.text(max_size=120) | st.from_regex(r"derived:(level|pulse|lamps)/(state|count)\?[a-z]{1,9}=[0-9a-z,.&=]*"))
def test_any_other_address_is_refused_and_nothing_worse(text: str) -> None:
    try:
        recipes.parse(text)
    except Invalid:
        return


@pytest.mark.parametrize(
    "address",
    [
        "holding:0:uint16",
        "derived:level/count?input=a&run=1,2",
        "derived:level/state?input=a",
        "derived:level/state?input=a&run=5,4",
        "derived:level/state?input=a&run=4,5&idle=4.5,6",
        "derived:level/state?input=a&run=1,nan",
        "derived:level/state?input=a&run=1,2&run=3,4",
        "derived:level/state?input=a&run=1,2&unknown=3",
        "derived:lamps/state?dwell=2",
        "derived:lamps/state?red=a&codes=1,2",
        "derived:pulse/count?input=a&debounce=-1",
    ],
)
def test_a_recipe_that_cannot_be_is_refused(address: str) -> None:
    with pytest.raises(Invalid):
        recipes.parse(address)


def test_a_recipe_too_long_for_an_address_says_so() -> None:
    with pytest.raises(Invalid, match="characters"):
        recipes.write(Lamps(red="r" * 64, yellow="y" * 64, green="g" * 64, blue="b" * 64), Output.STATE)


def test_states_are_told_as_the_codes_of_the_machine_type() -> None:
    assert recipes.code(LEVEL, State.RUNNING) == DEFAULT_CODES[3]
