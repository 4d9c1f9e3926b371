import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge_cases import case_of

from novum.errors import UsageError
from novum.judge import Belief, Noise, Rules
from novum.judge.greedy import GreedyJudge
from novum.judge.policies import judge_named
from novum.records import Outcome

scores = st.floats(-1e6, 1e6)


@given(scores, scores, st.booleans())
def test_one_run_decides_by_strict_comparison_with_the_record(value, best, minimize):
    case = case_of(value, rules=Rules(minimize=minimize), best=best)
    better = value < best if minimize else value > best
    ruling = GreedyJudge().consider(case)
    assert ruling.outcome is (Outcome.KEEP if better else Outcome.DISCARD)
    assert ruling.again is None
    assert ruling.belief == Belief(value if better else best, 0.0)
    assert 0 <= ruling.evidence.probability <= 1


@pytest.mark.parametrize(("lines", "outcome"), [(-1, "keep"), (0, "discard"), (1, "discard")])
def test_an_equal_score_is_kept_only_with_less_code(lines, outcome):
    ruling = GreedyJudge().consider(case_of(1.0, net_lines=lines))
    assert ruling.outcome == outcome
    assert ("simplification win" in ruling.reason) == (lines < 0)


def test_greedy_takes_the_record_and_not_the_belief():
    case = case_of(1.05, incumbent=Belief(1.0, 0.1), best=1.1)
    assert GreedyJudge().consider(case).outcome is Outcome.DISCARD


def test_guards_bind_greedy_too():
    rules = Rules(minimize=False, guards={"memory": (None, 10.0)})
    ruling = GreedyJudge().consider(case_of(2.0, rules=rules, metrics={"memory": 11.0}))
    assert ruling.outcome is Outcome.DISCARD
    assert ruling.belief == Belief(1.0, 0.0)
    assert "memory" in ruling.reason and "11" in ruling.reason and "10" in ruling.reason


def test_the_opening_is_the_mean_and_a_refresh_changes_nothing():
    judge = GreedyJudge()
    assert judge.opening((1.0, 2.0)) == Belief(1.5, 0.0)
    assert judge.refresh(Belief(1.5, 0.0), (9.0,), Noise()) == Belief(1.5, 0.0)


@pytest.mark.parametrize("name", ["belief", "certain", "exact", "greedy", "rate"])
def test_policies_are_found_by_their_own_name(name):
    assert judge_named(name).name == name


def test_an_unknown_policy_is_an_error_that_lists_the_names():
    with pytest.raises(UsageError, match="belief, certain, exact, greedy, rate"):
        judge_named("gredy")
