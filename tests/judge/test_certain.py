import math
import random

import pytest
from judge_cases import SIGMA, case_of, known_noise

from novum.judge import Belief, Next, Noise, Rules
from novum.judge.certain import CertainJudge
from novum.records import Outcome

JUDGE = CertainJudge()
INCUMBENT = (1.0, 1.0 + SIGMA / 4, 1.0 - SIGMA / 4)


def decide(effect, seed, *, min_effect=0.0, max_runs=6, replicates=3, error_rate=0.05):
    """Whether a candidate of this true effect is kept, in standard deviations, and the runs."""
    rng = random.Random(seed)
    incumbent = [rng.gauss(0, 1) for _ in range(replicates)]
    values = [effect + rng.gauss(0, 1)]
    rules = Rules(False, min_effect, max_runs=max_runs, error_rate=error_rate)
    while True:
        case = case_of(
            *values,
            rules=rules,
            noise=Noise().with_group(tuple(incumbent)),
            unselected=tuple(incumbent),
        )
        ruling = JUDGE.consider(case)
        if ruling.again is Next.CANDIDATE:
            values.append(effect + rng.gauss(0, 1))
        elif ruling.again is Next.INCUMBENT:
            incumbent.append(rng.gauss(0, 1))
        else:
            return ruling.outcome is Outcome.KEEP, len(values) + len(incumbent)


def share_kept(effect, count, **more):
    return sum(decide(effect, seed, **more)[0] for seed in range(count)) / count


@pytest.mark.parametrize("max_runs", [2, 6, 30])
@pytest.mark.parametrize("replicates", [1, 3])
def test_what_is_not_better_is_seldom_kept_whatever_the_number_of_looks(max_runs, replicates):
    """At most 5 %, and three standard errors of 600 simulated decisions."""
    kept = share_kept(0.0, 600, max_runs=max_runs, replicates=replicates)
    assert kept <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)


def test_what_earns_just_what_it_must_counts_as_not_better():
    kept = share_kept(1.0, 600, min_effect=1.0, max_runs=30)
    assert kept <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)


def test_the_error_rate_is_the_persons():
    assert share_kept(0.0, 400, error_rate=0.5, max_runs=12) > share_kept(0.0, 400, max_runs=12)


def test_the_power_that_the_documentation_states():
    """Three standard deviations of a run, a baseline of three runs, six runs: more than 85 %."""
    assert share_kept(3.0, 400) > 0.85


def test_a_hopeless_candidate_costs_one_run():
    case = case_of(1 - 8 * SIGMA, unselected=INCUMBENT)
    ruling = JUDGE.consider(case)
    assert (ruling.outcome, ruling.again) == (Outcome.DISCARD, None)


def test_a_plain_improvement_is_kept():
    ruling = JUDGE.consider(case_of(1 + 12 * SIGMA, unselected=INCUMBENT))
    assert ruling.outcome is Outcome.KEEP
    assert ruling.belief.mean == 1 + 12 * SIGMA
    assert "established" in ruling.reason


def test_a_kept_incumbent_is_run_again_before_anything_is_compared_with_it():
    ruling = JUDGE.consider(case_of(1 + 12 * SIGMA, unselected=()))
    assert ruling.again is Next.INCUMBENT


def test_a_lucky_record_does_not_bar_a_real_improvement():
    """What is believed of the incumbent, and its record, are not looked at."""
    lucky = Belief(1 + 50 * SIGMA, SIGMA)
    case = case_of(1 + 12 * SIGMA, incumbent=lucky, unselected=INCUMBENT)
    assert JUDGE.consider(case).outcome is Outcome.KEEP


def test_the_arm_with_fewer_runs_is_run_next():
    values = (1 + 2 * SIGMA, 1 + 3 * SIGMA)
    assert JUDGE.consider(case_of(*values, unselected=(1.0,))).again is Next.INCUMBENT
    assert JUDGE.consider(case_of(*values, unselected=INCUMBENT)).again is Next.CANDIDATE


def test_no_more_runs_than_the_person_allows():
    values = tuple(1 + SIGMA * 1.5 for _ in range(6))
    ruling = JUDGE.consider(case_of(*values, unselected=INCUMBENT * 2))
    assert ruling.outcome is Outcome.DISCARD
    assert "not established" in ruling.reason


def test_while_nothing_is_known_of_the_noise_it_runs_again():
    ruling = JUDGE.consider(case_of(9.0, noise=Noise(), unselected=(1.0,)))
    assert ruling.again is Next.CANDIDATE


@pytest.mark.parametrize("unselected", [(), INCUMBENT])
def test_a_broken_guard_discards_at_once(unselected):
    rules = Rules(minimize=False, guards={"memory": (None, 10.0)})
    case = case_of(9.0, rules=rules, metrics={"memory": 11.0}, unselected=unselected)
    assert JUDGE.consider(case).outcome is Outcome.DISCARD


def test_to_minimise_is_to_maximise_the_negative():
    up = JUDGE.consider(case_of(1 + 9 * SIGMA, unselected=INCUMBENT))
    down = JUDGE.consider(
        case_of(
            -1 - 9 * SIGMA,
            rules=Rules(minimize=True),
            incumbent=Belief(-1.0, SIGMA),
            unselected=tuple(-value for value in INCUMBENT),
        )
    )
    assert (up.outcome, up.evidence.effect) == (down.outcome, pytest.approx(down.evidence.effect))


def test_scores_that_never_differ_are_decided_by_their_sign():
    same = {"noise": Noise(0.0, 2), "unselected": (1.0, 1.0, 1.0)}
    assert JUDGE.consider(case_of(1.1, **same)).outcome is Outcome.KEEP
    assert JUDGE.consider(case_of(0.9, **same)).outcome is Outcome.DISCARD


def test_the_opening_is_the_mean_with_its_error():
    assert JUDGE.opening((1.0,)) == Belief(1.0, 0.0)
    assert JUDGE.opening((1.0, 3.0)) == Belief(2.0, 1.0)
    assert JUDGE.refresh(Belief(2.0, 1.0), (9.0,), known_noise()) == Belief(2.0, 1.0)
