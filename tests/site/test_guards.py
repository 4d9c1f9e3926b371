"""A harmful candidate is stopped early, a harmless one seldom, however often somebody looks."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from novum.judge import Arms
from novum.site.guards import ERROR, Mean, share

STREAMS, VISITORS = 150, 4000
LUCK = STREAMS * ERROR + 3 * math.sqrt(STREAMS * ERROR)  # streams that may be stopped wrongly
# Mean 1.0 to 1.1 for visitors who are mostly worth nothing, and 1.6 to 1.7 thousand milliseconds.
REVENUE = {"bound": 100.0, "more_is_worse": False}
DELAY = {"bound": 10_000.0}


def revenue(rng, visitors):
    return np.where(rng.random(visitors) < 0.03, rng.lognormal(3, 1, visitors), 0.0)


def delay(rng, visitors):
    return rng.lognormal(7, 1, visitors)


def stopped(guard, candidate, values):
    """After how many visitors the guard stops, looked at every twenty; None if it does not."""
    for number, (arm, value) in enumerate(zip(candidate.tolist(), values.tolist(), strict=True)):
        guard.see(arm, value)
        if number % 20 == 0 and guard.watch().stop:
            return number
    return None


def test_a_share_that_is_much_worse_stops_and_says_so():
    found = share("bounce_rate", Arms(2000, 1300, 2000, 1000), 0.05)
    assert found.stop
    assert found.words.startswith("guard bounce_rate: 0.65 beside 0.5, worse by more than 0.05")


@pytest.mark.parametrize("conversions", [1000, 1090, 700])
def test_a_share_that_is_better_or_within_what_is_allowed_goes_on(conversions):
    assert not share("bounce_rate", Arms(2000, conversions, 2000, 1000), 0.05).stop


def test_where_more_is_better_less_is_worse():
    read = Arms(2000, 700, 2000, 1000)
    assert not share("read_to_the_end", read, 0.05).stop
    assert share("read_to_the_end", read, 0.05, more_is_worse=False).stop


@pytest.mark.parametrize("coin", [0.5, 0.1])
@pytest.mark.parametrize(("control", "worse"), [(0.4, 0.05), (0.004, 0.002)])
def test_a_share_at_the_very_limit_is_seldom_stopped(control, worse, coin):
    rng = np.random.default_rng(5)
    stops = 0
    for _ in range(STREAMS):
        candidates = rng.binomial(200, coin, 40)
        bounces = rng.binomial(candidates, control + worse).cumsum()
        others = rng.binomial(200 - candidates, control).cumsum()
        seen = candidates.cumsum(), (200 - candidates).cumsum()
        looks = zip(seen[0], bounces, seen[1], others, strict=True)
        arms = [Arms(*map(int, look)) for look in looks][::8]
        stops += any(share("bounce_rate", look, worse, coin=coin).stop for look in arms)
    assert stops <= LUCK


@pytest.mark.parametrize("coin", [0.5, 0.2])
@pytest.mark.parametrize(("draw", "settings"), [(revenue, REVENUE), (delay, DELAY)])
def test_a_mean_that_is_no_worse_is_seldom_stopped(draw, settings, coin):
    """The base drifts by a half up and down, for both arms alike."""
    rng = np.random.default_rng(6)
    drift = 1 + 0.5 * np.sin(np.arange(VISITORS) / 500)
    stops = 0
    for _ in range(STREAMS):
        arms = rng.random(VISITORS) < coin
        guard = Mean("mean", 0.0, coin=coin, **settings)
        stops += stopped(guard, arms, draw(rng, VISITORS) * drift) is not None
    assert stops <= LUCK


def test_a_mean_that_is_clearly_worse_stops_about_as_soon_as_a_single_look_would():
    """One look at 1,600 visitors finds 300 ms four times in five, at the same error."""
    rng = np.random.default_rng(7)
    found = []
    for _ in range(30):
        arms = rng.random(10_000) < 0.5
        guard = Mean("interaction_ms", 0.0, **DELAY)
        found.append(stopped(guard, arms, delay(rng, 10_000) + 300 * arms))
    assert None not in found
    assert np.median(found) < 3200


def test_revenue_that_is_halved_stops():
    rng = np.random.default_rng(8)
    arms = rng.random(40_000) < 0.5
    guard = Mean("revenue", 0.0, **REVENUE)
    assert stopped(guard, arms, revenue(rng, 40_000) * np.where(arms, 0.5, 1.0)) is not None
    assert "guard revenue: " in guard.watch().words


@given(st.lists(st.tuples(st.booleans(), st.floats(allow_nan=False)), max_size=50))
def test_any_values_are_taken(visitors):
    guard = Mean("mean", 0.1, bound=3.0)
    for candidate, value in visitors:
        guard.see(candidate, value)
    assert isinstance(guard.watch().stop, bool)


def test_one_bet_is_1_on_average_on_the_border_of_harm():
    """Over both arms, after any past: the values are 0 or 3, and the candidate is worse by 0.5."""
    for past in ([], [(True, 3.0)] * 4, [(False, 0.0), (True, 3.0)] * 30):
        mean = 0.0
        for candidate, value, chance in (
            (True, 3.0, 0.3 * 0.5), (True, 0.0, 0.3 * 0.5),
            (False, 3.0, 0.7 / 3), (False, 0.0, 0.7 * 2 / 3),
        ):  # fmt: skip
            guard = Mean("mean", 0.5, bound=3.0, coin=0.3)
            for seen in past:
                guard.see(*seen)
            before = guard._log
            guard.see(candidate, value)
            mean += chance * math.exp(guard._log - before)
        assert mean == pytest.approx(1)


@pytest.mark.parametrize(
    "settings", [{"max_worse": -1.0, "bound": 2.0}, {"max_worse": 0.0, "bound": math.inf}], ids=str
)
def test_settings_that_cannot_be_are_refused(settings):
    with pytest.raises(ValueError):
        Mean("mean", **settings)


@pytest.mark.parametrize("settings", [{"max_worse": 1.5}, {"max_worse": 0.0, "coin": 1.0}], ids=str)
def test_settings_of_a_share_that_cannot_be_are_refused(settings):
    with pytest.raises(ValueError):
        share("bounce_rate", Arms(100, 50, 100, 50), **settings)


def test_nobody_is_no_reason_to_stop():
    assert not share("bounce_rate", Arms(0, 0, 0, 0), 0.0).stop
    assert not Mean("mean", 0.0, 1.0).watch().stop


def test_what_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="guard mean"):
        Mean("mean", 0.0, 1.0).see(True, math.nan)
