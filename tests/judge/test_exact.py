import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge_cases import case_of

from novum.judge import Belief, Noise, Rules
from novum.judge.exact import ExactJudge, disagreement
from novum.records import Outcome

JUDGE = ExactJudge()
scores = st.integers(-1000, 1000).map(float)  # differences of whole numbers are exact


@given(scores, scores, st.booleans(), st.integers(0, 5).map(float))
def test_one_run_is_compared_with_what_must_be_earned(value, standing, minimize, min_effect):
    rules = Rules(minimize=minimize, min_effect=min_effect)
    ruling = JUDGE.consider(case_of(value, rules=rules, incumbent=Belief(standing, 0.0)))
    gain = standing - value if minimize else value - standing
    assert ruling.again is None
    assert ruling.outcome is (Outcome.KEEP if gain > min_effect else Outcome.DISCARD)
    assert ruling.belief == Belief(value if gain > min_effect else standing, 0.0)
    assert ruling.evidence.effect == gain


@pytest.mark.parametrize(("lines", "outcome"), [(-1, "keep"), (0, "discard"), (1, "discard")])
def test_an_equal_score_is_kept_only_with_less_code(lines, outcome):
    rules = Rules(minimize=False, min_effect=0.5)
    ruling = JUDGE.consider(case_of(1.0, rules=rules, net_lines=lines))
    assert ruling.outcome == outcome
    assert ("simplification win" in ruling.reason) == (lines < 0)


@pytest.mark.parametrize(
    ("value", "lines", "outcome"),
    [(7.0, -4, "keep"), (6.0, -4, "discard"), (12.0, 4, "discard"), (15.0, 4, "keep")],
)
def test_lines_have_their_price(value, lines, outcome):
    rules = Rules(minimize=False, line_cost=1.0)
    case = case_of(value, rules=rules, incumbent=Belief(10.0, 0.0), net_lines=lines)
    assert JUDGE.consider(case).outcome == outcome


def test_a_broken_guard_discards_whatever_the_score():
    rules = Rules(minimize=False, guards={"memory": (None, 10.0)})
    ruling = JUDGE.consider(case_of(99.0, rules=rules, metrics={"memory": 11.0}))
    assert ruling.outcome is Outcome.DISCARD
    assert "memory" in ruling.reason


def test_runs_that_differ_are_told_in_the_verdict():
    ruling = JUDGE.consider(case_of(2.0, 2.5))
    assert "runs of one commit differ (2 to 2.5)" in ruling.reason
    assert "gaussian" in ruling.reason


def test_equal_runs_are_no_disagreement():
    assert disagreement((1.5, 1.5, 1.5)) is None
    assert disagreement(()) is None


def test_the_score_stands_as_it_was_measured():
    assert JUDGE.opening((2.0, 2.0)) == Belief(2.0, 0.0)
    assert JUDGE.refresh(Belief(2.0, 0.0), (9.0,), Noise()) == Belief(2.0, 0.0)
