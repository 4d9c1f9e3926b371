"""Evidence about two rates: its expectation by enumeration, its parts by other means."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from novum.judge import Arms
from novum.judge.proportions import Bettor, Line, interval, lift_interval, weighted

BETTOR = Bettor(((0.2, 0.7), (0.6, 0.3)), ((0.05, 0.6), (0.2, 0.4)))
LINES = [Line(), Line(1.0, 0.1), Line(1.0, -0.15), Line(1.3, 0.0), Line(0.7, 0.0)]
GRID = [0.001, 0.02, 0.1, 0.25, 0.4, 0.5, 0.6, 0.8, 0.95, 0.999]
BOTH = pytest.mark.parametrize("toward", [1, -1])

counts = st.integers(0, 10**9)


@st.composite
def arms(draw, most=10**9):
    seen = [draw(st.integers(0, most)), draw(st.integers(0, most))]
    return Arms(seen[0], draw(st.integers(0, seen[0])), seen[1], draw(st.integers(0, seen[1])))


def pairs_in_null(line, toward):
    """Rates on a grid, and on the line itself, for which the null hypothesis is true."""
    for control in GRID:
        candidates = [p for p in GRID if toward * (line.at(control) - p) >= 0]
        if 0 < line.at(control) < 1:
            candidates.append(line.at(control))
        yield from ((candidate, control) for candidate in candidates)


def streams(count):
    """All counts of so many visitors, with the number of orders that lead to them."""
    for kinds in itertools.product(range(count + 1), repeat=4):
        if sum(kinds) == count:
            ways = math.factorial(count)
            for kind in kinds:
                ways //= math.factorial(kind)
            yield kinds, ways


@BOTH
@pytest.mark.parametrize("line", LINES, ids=str)
@pytest.mark.parametrize(("count", "share"), [(1, 0.5), (2, 0.5), (5, 0.5), (2, 0.1), (2, 0.95)])
def test_the_evidence_is_at_most_1_on_average_for_all_rates_of_the_null(count, share, line, toward):
    process = BETTOR.against(line, toward, share)
    found = [
        (kinds, ways, math.exp(process.log_value(Arms(kinds[0] + kinds[1], kinds[0],
                                                      kinds[2] + kinds[3], kinds[2]))))
        for kinds, ways in streams(count)
    ]  # fmt: skip
    highest = 0.0
    for candidate, control in pairs_in_null(line, toward):
        chances = [share * candidate, share * (1 - candidate)]
        chances += [(1 - share) * control, (1 - share) * (1 - control)]
        mean = sum(
            ways * value * math.prod(c**k for c, k in zip(chances, kinds, strict=True))
            for kinds, ways, value in found
        )
        assert mean <= 1 + 1e-9, (candidate, control)
        highest = max(highest, mean)
    assert highest > 0.98  # nothing is given away: on the line the expectation is 1


def test_outside_the_null_the_evidence_grows():
    process = BETTOR.against(Line(), 1)
    rates = {kinds: 0.0 for kinds, _ in streams(1)}
    for kinds in rates:
        rates[kinds] = process.log_value(
            Arms(kinds[0] + kinds[1], kinds[0], kinds[2] + kinds[3], kinds[2])
        )
    chances = {(1, 0, 0, 0): 0.2, (0, 1, 0, 0): 0.3, (0, 0, 1, 0): 0.1, (0, 0, 0, 1): 0.4}
    assert sum(chances[kinds] * value for kinds, value in rates.items()) > 0


@pytest.mark.parametrize("line", LINES, ids=str)
@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_the_nearest_point_of_a_line_has_the_least_divergence(line, candidate, control):
    def divergence(q):
        p = line.at(q)
        return -sum(
            share * math.log(rate) + (1 - share) * math.log(1 - rate)
            for share, rate in ((candidate, p), (control, q))
        )

    low, high = line.room()
    edge = 1e-12 * (high - low)
    found = minimize_scalar(
        divergence, bounds=(low + edge, high - edge), method="bounded", options={"xatol": 1e-12}
    )
    ours = line.nearest(candidate, control)
    assert low < ours < high
    assert divergence(ours) <= found.fun + 1e-12


@given(st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_without_an_offset_the_nearest_point_is_the_mean(candidate, control):
    assert Line().nearest(candidate, control) == pytest.approx((candidate + control) / 2)


@BOTH
@pytest.mark.parametrize("line", LINES, ids=str)
@given(seen=arms())
def test_the_evidence_rises_with_what_speaks_for_it(seen, line, toward):
    process = BETTOR.against(line, toward)
    before = process.log_value(seen)
    assert not math.isnan(before)
    slack = 1e-9 * (1 + abs(before))
    if seen.conversions < seen.visitors:
        more = Arms(
            seen.visitors, seen.conversions + 1, seen.control_visitors, seen.control_conversions
        )
        assert toward * (process.log_value(more) - before) >= -slack
    if seen.control_conversions < seen.control_visitors:
        more = Arms(
            seen.visitors, seen.conversions, seen.control_visitors, seen.control_conversions + 1
        )
        assert toward * (process.log_value(more) - before) <= slack


@BOTH
@given(first=arms(10**6), second=arms(10**6))
def test_the_order_of_visitors_does_not_matter(first, second, toward):
    process = BETTOR.against(Line(), toward)
    together = process.log_value(first + second)
    assert together == process.log_value(second + first)


@given(seen=arms(10**6))
def test_to_swap_the_arms_is_to_swap_the_directions(seen):
    """With a bet at one rate on either side, and its mirror image."""
    bettor = Bettor(((0.4, 1.0),), ((0.1, 1.0),))
    mirrored = Bettor(((0.5, 1.0),), ((0.1, 1.0),))  # the control's rate seen from the other arm
    swapped = Arms(seen.control_visitors, seen.control_conversions, seen.visitors, seen.conversions)
    better = bettor.against(Line(), 1).log_value(seen)
    worse = mirrored.against(Line(), -1).log_value(swapped)
    assert better == pytest.approx(worse, rel=1e-9, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(seen=arms())
def test_intervals_are_in_range_and_in_order_for_any_counts(seen):
    low, high = interval(BETTOR, seen, 0.05)
    assert -1 <= low <= high <= 1
    low, high = lift_interval(BETTOR, seen, 0.05)
    assert -1 <= low <= high


@pytest.mark.parametrize(
    "seen",
    [Arms(4000, 900, 4000, 800), Arms(300, 5, 290, 9), Arms(50_000, 600, 50_500, 610)],
    ids=str,
)
def test_the_interval_ends_where_the_evidence_reaches_its_threshold(seen):
    low, high = interval(BETTOR, seen, 0.05)
    threshold = math.log(20)

    def evidence(difference, toward):
        return BETTOR.against(Line(1.0, difference), toward).log_value(seen)

    assert evidence(low, 1) == pytest.approx(threshold, abs=1e-3)
    assert evidence(high, -1) == pytest.approx(threshold, abs=1e-3)
    for share in np.linspace(0.01, 0.99, 30):
        inside = low + share * (high - low)
        assert evidence(inside, 1) < threshold and evidence(inside, -1) < threshold
    for outside in np.linspace(-0.99, 0.99, 60):
        if not low <= outside <= high:
            assert max(evidence(outside, 1), evidence(outside, -1)) >= threshold - 1e-3


def test_the_lift_interval_covers_the_ratio_of_clear_rates():
    low, high = lift_interval(BETTOR, Arms(100_000, 30_000, 100_000, 20_000), 0.05)
    assert 0.3 < low < 0.5 < high < 0.8


@BOTH
@pytest.mark.parametrize("difference", [0.0, 0.1])
def test_a_look_after_every_visitor_seldom_rejects_what_is_true(difference, toward):
    """400 streams of 3,000 visitors: at most 5 %, and three standard errors of the simulation."""
    rng = np.random.default_rng(3)
    process = BETTOR.against(Line(1.0, difference), toward)
    weights = np.array([bet.log_weight for bet in process.bets])
    steps = np.array([(*bet.candidate, *bet.control) for bet in process.bets]).T
    control = 0.25
    rejected = 0
    for _ in range(400):
        kinds = rng.choice(
            4, 3000, p=[(control + difference) / 2, (1 - control - difference) / 2,
                        control / 2, (1 - control) / 2],
        )  # fmt: skip
        path = np.eye(4)[kinds].cumsum(axis=0)
        logs = np.logaddexp.reduce(path @ steps + weights, axis=1)
        rejected += bool((logs >= math.log(20)).any())
        end = path[-1]
        own = process.log_value(
            Arms(int(end[0] + end[1]), int(end[0]), int(end[2] + end[3]), int(end[2]))
        )
        assert own == pytest.approx(logs[-1], abs=1e-8)
    assert rejected / 400 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
    assert rejected > 0  # the test is not merely deaf


def test_equal_weights_add_up_to_one():
    assert sum(weight for _, weight in weighted([1.0, 2.0, 3.0])) == pytest.approx(1)
