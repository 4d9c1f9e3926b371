import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge_cases import case_of

from novum.judge import Arms, Belief, Next, Rules
from novum.judge.rate import RateJudge, bars, complement
from novum.records import Outcome

JUDGE = RateJudge()
BASE = 0.0125
WORTH = 0.0025
BETTER = Arms(40_000, 640, 40_000, 500)
EQUAL = Arms(40_000, 500, 40_000, 500)
SOME = Arms(3_000, 45, 3_000, 38)


def ruling(arms, *, runs=1, base=BASE, lines=0, **rules):
    rules = Rules(**{"minimize": False, "min_effect": WORTH, **rules})
    rate = arms.conversions / arms.visitors if arms.visitors else 0.0
    return JUDGE.consider(
        case_of(
            *[rate] * runs, rules=rules, incumbent=Belief(base, 0.0), arms=arms, net_lines=lines
        )
    )


def test_what_is_shown_to_be_better_is_kept_with_its_interval():
    found = ruling(BETTER)
    assert found.outcome is Outcome.KEEP
    assert found.belief.mean == 640 / 40_000
    evidence = found.evidence
    assert evidence.effect == pytest.approx(140 / 40_000)
    assert 0 < evidence.low < evidence.effect < evidence.high
    assert "90 % interval" in found.reason
    assert "lift +28 %" in found.reason
    assert "80,000 visitors" in found.reason


def test_what_does_nothing_is_given_up():
    found = ruling(EQUAL)
    assert found.outcome is Outcome.DISCARD
    assert "too little for the 0.0025" in found.reason
    assert found.belief.mean == pytest.approx(BASE)


def test_while_the_counts_do_not_say_more_traffic_is_asked_for():
    found = ruling(SOME)
    assert (found.outcome, found.again) == (None, Next.CANDIDATE)
    assert found.reason.startswith("more traffic: ")


def test_a_candidate_gets_no_more_runs_than_the_person_allows():
    assert ruling(SOME, runs=5).again is Next.CANDIDATE
    found = ruling(SOME, runs=6)
    assert found.outcome is Outcome.DISCARD
    assert "max_runs" in found.reason


def test_the_keep_and_the_lower_end_of_the_interval_agree():
    """The keep is the test that the interval inverts, at the price of the lines."""
    for conversions in range(560, 640, 10):
        found = ruling(Arms(40_000, conversions, 40_000, 500))
        assert (found.outcome is Outcome.KEEP) == (found.evidence.low > 0)


def test_a_tiny_but_certain_gain_is_not_kept():
    found = ruling(Arms(10**8, 1_265_000, 10**8, 1_250_000))
    assert found.evidence.low > 0
    assert found.outcome is Outcome.DISCARD


@pytest.mark.parametrize(("arms", "outcome"), [(BETTER, "discard"), (EQUAL, "discard")])
def test_where_less_is_better_more_conversions_are_worse(arms, outcome):
    assert ruling(arms, minimize=True).outcome == outcome


def test_where_less_is_better_fewer_conversions_are_kept():
    found = ruling(Arms(40_000, 500, 40_000, 640), minimize=True, base=0.016)
    assert found.outcome is Outcome.KEEP
    assert found.evidence.effect == pytest.approx(140 / 40_000)
    assert "lift -22 %" in found.reason


def test_a_broken_guard_discards_whatever_the_counts():
    found = ruling(BETTER, guards={"seconds": (None, 1.0)})
    assert found.outcome is Outcome.DISCARD
    assert "guard seconds" in found.reason


def test_removed_lines_may_cost_what_they_were_worth():
    """Four lines less at 0.001 each: equal rates show that the change costs less than 0.004."""
    assert ruling(EQUAL, lines=-4, line_cost=0.001).outcome is Outcome.KEEP
    worse = Arms(40_000, 250, 40_000, 500)
    assert ruling(worse, lines=-4, line_cost=0.001).outcome is Outcome.DISCARD


def test_a_shorter_page_must_earn_as_much_as_any_other_where_lines_have_no_price():
    assert ruling(EQUAL, lines=-4).outcome is Outcome.DISCARD
    assert ruling(EQUAL, lines=-4) == ruling(EQUAL)
    assert ruling(BETTER, lines=-4).outcome is Outcome.KEEP


def test_a_lab_without_a_smallest_effect_is_decided_too():
    assert ruling(BETTER, min_effect=0.0).outcome is Outcome.KEEP
    assert ruling(Arms(40_000, 360, 40_000, 500), min_effect=0.0).outcome is Outcome.DISCARD


def test_a_rate_without_counts_is_a_fault_of_the_caller():
    with pytest.raises(ValueError, match="counts"):
        JUDGE.consider(case_of(0.1))


@st.composite
def counted(draw):
    visitors = draw(st.integers(1, 10**9)), draw(st.integers(1, 10**9))
    return Arms(
        visitors[0], draw(st.integers(0, visitors[0])),
        visitors[1], draw(st.integers(0, visitors[1])),
    )  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(
    arms=st.one_of(
        counted(),
        st.sampled_from([Arms(1, 0, 1, 0), Arms(10**9, 0, 10**9, 0), Arms(9, 9, 9, 9)]),
    ),
    base=st.sampled_from([0.0, 1e-6, 0.3, 1.0]),
    minimize=st.booleans(),
)
def test_any_counts_have_a_ruling_of_finite_numbers(arms, base, minimize):
    found = ruling(arms, base=base, minimize=minimize)
    evidence = found.evidence
    numbers = (evidence.effect, evidence.sd, evidence.probability, evidence.low, evidence.high)
    assert all(math.isfinite(value) for value in numbers)
    assert -1 <= evidence.low <= evidence.high <= 1
    assert (found.outcome is None) != (found.again is None)


@given(counted())
def test_the_complement_of_the_complement_is_the_same(arms):
    assert complement(complement(arms)) == arms


def test_a_belief_that_is_wrong_costs_speed_and_not_validity():
    """The expected evidence of one visitor is at most 1 whatever was believed beforehand."""
    for believed in (0.0, 0.001, 0.3, 0.9, 1.0):
        process = bars(WORTH, WORTH, believed).keep()
        for rate in (0.001, 0.0125, 0.3, 0.9):
            mean = sum(
                chance * math.exp(process.log_value(arms))
                for chance, arms in (
                    (rate / 2, Arms(1, 1, 0, 0)),
                    ((1 - rate) / 2, Arms(1, 0, 0, 0)),
                    (rate / 2, Arms(0, 0, 1, 1)),
                    ((1 - rate) / 2, Arms(0, 0, 1, 0)),
                )
            )
            assert mean <= 1 + 1e-9


def test_the_opening_is_the_mean_rate_and_a_refresh_changes_nothing():
    opening = JUDGE.opening((0.2,), Arms(998, 199, 1000, 250))
    assert opening.mean == 0.2
    assert opening.sd == pytest.approx(math.sqrt(0.2 * 0.8 / 1000))
    assert JUDGE.opening((0.1, 0.3)).mean == pytest.approx(0.2)
    belief = Belief(0.2, 0.01)
    assert JUDGE.refresh(belief, (0.4,), case_of(0.1).noise) == belief
