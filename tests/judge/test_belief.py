import dataclasses
import importlib.util
import math
import random
import sys
import time
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge_cases import SIGMA, case_of, known_noise

from novum.judge import Belief, Effect, Next, Noise, Rules
from novum.judge.belief import BeliefJudge
from novum.judge.components import TAIL
from novum.judge.policies import judge_named
from novum.judge.prior import HARMS, HELPS, NOTHING, SCALES, TAILS
from novum.records import Outcome

JUDGE = BeliefJudge()
quick = settings(deadline=None, max_examples=60)
multiples = st.floats(-30, 30)  # of the noise
histories = st.lists(
    st.builds(Effect, multiples.map(lambda e: e * SIGMA), st.floats(0, 3).map(lambda s: s * SIGMA)),
    max_size=12,
).map(tuple)
noises = st.integers(0, 40).map(lambda degrees: known_noise(SIGMA, degrees))
beliefs = st.floats(0, 3).map(lambda part: Belief(1.0, part * SIGMA))

# Nothing, or something: a square of what is smaller still underflows in one unit, not in another.
min_effects = st.just(0.0) | st.floats(1e-9, 3)


@st.composite
def cases(draw, max_runs=3, least_min_effect=0.0):
    runs = draw(st.integers(1, max_runs))
    rules = Rules(
        minimize=draw(st.booleans()),
        min_effect=draw(min_effects.filter(lambda part: part >= least_min_effect)) * SIGMA,
        line_cost=draw(st.sampled_from([0.0, 0.01 * SIGMA])),
        max_runs=max_runs,
    )
    return case_of(
        *[1.0 + draw(multiples) * SIGMA for _ in range(runs)],
        rules=rules,
        incumbent=draw(beliefs),
        noise=draw(noises),
        history=draw(histories),
        net_lines=draw(st.integers(-50, 50)),
    )


def numbers(ruling):
    evidence = ruling.evidence
    belief = ruling.belief or Belief(0.0, 0.0)
    return [evidence.effect, evidence.sd, evidence.probability, belief.mean, belief.sd]


# --- properties


@quick
@given(cases())
def test_every_number_is_finite_and_a_ruling_is_one_thing(case):
    ruling = JUDGE.consider(case)
    assert all(map(math.isfinite, numbers(ruling)))
    assert 0 <= ruling.evidence.probability <= 1
    assert (ruling.again is None) != (ruling.outcome is None)
    assert (ruling.outcome is None) == (ruling.belief is None)


@quick
@given(
    st.floats(-1e12, 1e12),
    st.floats(-1e12, 1e12),
    st.floats(0, 1e6),
    st.floats(0, 1e6),
    st.integers(0, 3),
    st.floats(0, 1e3),
)
def test_extreme_numbers_are_decided_too(value, mean, sd, squares, degrees, min_effect):
    case = case_of(
        value,
        rules=Rules(minimize=True, min_effect=min_effect),
        incumbent=Belief(mean, sd),
        noise=Noise(squares if degrees else 0.0, degrees),
        history=(Effect(1e9, 0.0), Effect(-1e-9, 1e9)),
    )
    assert all(map(math.isfinite, numbers(JUDGE.consider(case))))


@quick
@given(cases(), st.floats(0, 40), st.data())
def test_a_better_value_never_turns_keep_into_discard(case, more, data):
    index = data.draw(st.integers(0, len(case.values) - 1))
    sign = -1 if case.rules.minimize else 1
    values = list(case.values)
    values[index] += sign * more * SIGMA
    better = JUDGE.consider(dataclasses.replace(case, values=tuple(values)))
    worse = JUDGE.consider(case)
    assert better.evidence.probability >= worse.evidence.probability - 1e-3
    if worse.outcome is Outcome.KEEP:
        assert better.outcome is not Outcome.DISCARD


@quick
@given(cases())
def test_minimising_is_maximising_the_negative(case):
    mirrored = dataclasses.replace(
        case,
        rules=dataclasses.replace(case.rules, minimize=not case.rules.minimize),
        values=tuple(-value for value in case.values),
        incumbent=Belief(-case.incumbent.mean, case.incumbent.sd),
        incumbent_best=-case.incumbent_best,
    )
    one, other = JUDGE.consider(case), JUDGE.consider(mirrored)
    assert (one.outcome, one.again, one.reason) == (other.outcome, other.again, other.reason)
    assert one.evidence.effect == other.evidence.effect
    assert one.evidence.probability == other.evidence.probability
    if one.belief and other.belief:
        assert one.belief.mean == -other.belief.mean


@quick
@given(cases(least_min_effect=0.1), st.sampled_from([-7.0, 0.5, 64.0]))
def test_a_shift_of_all_scores_changes_nothing_else(case, shift):
    shifted = dataclasses.replace(
        case,
        values=tuple(value + shift for value in case.values),
        incumbent=Belief(case.incumbent.mean + shift, case.incumbent.sd),
    )
    one, other = JUDGE.consider(case), JUDGE.consider(shifted)
    assert one.evidence.probability == pytest.approx(other.evidence.probability, abs=1e-3)
    if one.outcome is other.outcome and one.belief and other.belief:
        assert other.belief.mean - shift == pytest.approx(one.belief.mean, abs=0.01 * SIGMA)


@quick
@given(cases(), st.sampled_from([2.0**-20, 0.5, 1024.0]))
def test_a_change_of_the_unit_changes_nothing_but_the_unit(case, factor):
    scaled = dataclasses.replace(
        case,
        rules=dataclasses.replace(
            case.rules,
            min_effect=factor * case.rules.min_effect,
            line_cost=factor * case.rules.line_cost,
        ),
        values=tuple(factor * value for value in case.values),
        incumbent=Belief(factor * case.incumbent.mean, factor * case.incumbent.sd),
        noise=Noise(factor**2 * case.noise.sum_squares, case.noise.degrees),
        history=tuple(Effect(factor * e.effect, factor * e.sd) for e in case.history),
    )
    one, other = JUDGE.consider(case), JUDGE.consider(scaled)
    assert one.evidence.probability == pytest.approx(other.evidence.probability, abs=1e-9)
    assert (one.outcome, one.again) == (other.outcome, other.again)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(0, 5), st.floats(0, 20), noises)
def test_it_comes_to_an_end_within_max_runs(seed, max_runs, unknown, effect, noise):
    rng = random.Random(seed)
    belief, values, asked = Belief(1.0, unknown * SIGMA), (), 0
    while True:
        values = values or (1.0 + effect * SIGMA / 10,)
        rules = Rules(minimize=False, max_runs=max_runs)
        ruling = JUDGE.consider(case_of(*values, rules=rules, incumbent=belief, noise=noise))
        if ruling.again is None:
            break
        score = 1.0 + rng.gauss(0, SIGMA)
        if ruling.again is Next.CANDIDATE:
            values = (*values, score)
        else:
            belief = JUDGE.refresh(belief, (score,), noise)
            asked += 1
    assert len(values) <= max_runs
    assert asked <= 3 * max_runs


# --- without noise, and with unknown noise


@pytest.mark.parametrize(
    ("value", "outcome"), [(1.0, "discard"), (1.001, "keep"), (0.9, "discard")]
)
def test_without_noise_one_run_decides_exactly(value, outcome):
    exact = Noise(0.0, 2)
    ruling = JUDGE.consider(case_of(value, incumbent=Belief(1.0, 0.0), noise=exact))
    assert ruling.outcome == outcome
    assert ruling.belief == Belief(max(value, 1.0), 0.0)
    assert ruling.evidence.probability == (1.0 if outcome == "keep" else 0.0)


@pytest.mark.parametrize("score", [0.1, 0.7, 1 / 3, 98.7654321])
def test_equal_scores_are_equal_whatever_their_rounding(score):
    values = (score,) * 3
    opening, noise = JUDGE.opening(values), Noise().with_group(values)
    assert (opening, noise) == (Belief(score, 0.0), Noise(0.0, 2))
    ruling = JUDGE.consider(case_of(*values, incumbent=opening, noise=noise))
    assert ruling.outcome is Outcome.DISCARD
    assert ruling.reason == "equal, without noise, 3 runs"


def test_without_noise_it_must_still_earn_min_effect():
    rules = Rules(minimize=False, min_effect=0.01)
    exact = {"incumbent": Belief(1.0, 0.0), "noise": Noise(0.0, 1), "rules": rules}
    assert JUDGE.consider(case_of(1.005, **exact)).outcome is Outcome.DISCARD
    assert JUDGE.consider(case_of(1.015, **exact)).outcome is Outcome.KEEP


def test_a_single_baseline_run_is_not_taken_for_the_truth():
    opening = JUDGE.opening((1.0,))
    ruling = JUDGE.consider(case_of(1.0 + SIGMA, incumbent=opening))
    assert ruling.evidence.incumbent_sd == pytest.approx(SIGMA)


def test_nothing_known_at_all_is_still_decided():
    start = JUDGE.opening((0.0,))
    ruling = JUDGE.consider(case_of(0.5, incumbent=start, noise=Noise()))
    assert ruling.outcome is Outcome.KEEP


def test_while_the_noise_is_hardly_known_a_keep_takes_two_runs():
    big = 1.0 + 40 * SIGMA
    little = known_noise(SIGMA, 2)
    assert JUDGE.consider(case_of(big, noise=little)).again is Next.CANDIDATE
    assert JUDGE.consider(case_of(big)).outcome is Outcome.KEEP


def test_few_degrees_of_freedom_make_it_less_sure():
    value = 1.0 + 2.5 * SIGMA
    sure = [
        JUDGE.consider(case_of(value, noise=known_noise(SIGMA, d))).evidence.probability
        for d in (1, 3, 60)
    ]
    assert sure == sorted(sure)
    assert sure[0] < sure[2] - 0.02


# --- what it believes, and what it asks for


def test_a_kept_candidate_is_believed_to_be_worse_than_its_lucky_score():
    value = 1.0 + 3 * SIGMA
    ruling = JUDGE.consider(case_of(value, rules=Rules(minimize=False, max_runs=1)))
    assert ruling.outcome is Outcome.KEEP
    assert 1.0 < ruling.belief.mean < value


def test_discarded_candidates_correct_a_lucky_record():
    belief = Belief(1.0 + 2 * SIGMA, SIGMA)
    ordinary = tuple(Effect(0.0, 1.2 * SIGMA) for _ in range(60))
    rules = Rules(minimize=False, max_runs=1)
    for _ in range(10):
        case = case_of(1.0, rules=rules, incumbent=belief, history=ordinary)
        ruling = JUDGE.consider(case)
        assert ruling.outcome is Outcome.DISCARD
        assert ruling.belief.mean < belief.mean
        belief = ruling.belief
    assert belief.mean < 1.0 + 1.2 * SIGMA
    assert belief.sd < SIGMA


def test_an_incumbent_that_is_hardly_known_is_run_again():
    vague = Belief(1.0, 3 * SIGMA)
    assert JUDGE.consider(case_of(1.0 + SIGMA, incumbent=vague)).again is Next.INCUMBENT


def test_refresh_is_the_precision_weighted_mean():
    new = JUDGE.refresh(Belief(1.0, SIGMA), (1.002, 1.004), known_noise(SIGMA, 10))
    assert new.mean == pytest.approx(1.002)
    assert new.sd == pytest.approx(SIGMA / math.sqrt(3))
    assert JUDGE.refresh(Belief(1.0, 0.1), (), known_noise()) == Belief(1.0, 0.1)
    assert JUDGE.refresh(Belief(1.0, 0.0), (1.0,), Noise(0.0, 1)) == Belief(1.0, 0.0)


def test_lines_must_earn_their_price_and_fewer_lines_may_cost_it():
    rules = Rules(minimize=False, min_effect=SIGMA, line_cost=0.1 * SIGMA, max_runs=1)

    def required(lines):
        return JUDGE.consider(case_of(1.0, rules=rules, net_lines=lines)).evidence.required

    assert required(0) == SIGMA
    assert required(20) == pytest.approx(3 * SIGMA)
    assert required(-20) == pytest.approx(-2 * SIGMA)


def test_a_simplification_that_is_not_worse_is_kept_and_one_that_harms_is_not():
    rules = Rules(minimize=False, min_effect=SIGMA, line_cost=0.05 * SIGMA, max_runs=1)
    simpler = {"rules": rules, "net_lines": -20}
    assert JUDGE.consider(case_of(1.0 + 0.5 * SIGMA, **simpler)).outcome is Outcome.KEEP
    assert JUDGE.consider(case_of(1.0 - 3 * SIGMA, **simpler)).outcome is Outcome.DISCARD


@pytest.mark.parametrize("metrics", [{"memory": 11.0}, {"memory": 1.0}, {}, {"memory": math.nan}])
def test_a_broken_or_missing_guard_discards_even_a_great_score(metrics):
    rules = Rules(minimize=False, guards={"memory": (2.0, 10.0)})
    ruling = JUDGE.consider(case_of(1.0 + 40 * SIGMA, rules=rules, metrics=metrics))
    assert ruling.outcome is Outcome.DISCARD
    assert "memory" in ruling.reason
    assert ruling.belief is not None


# --- calibration and policy, by simulation


def drawn_effect(rng):
    scales = [0.0, *SCALES, *(-scale for scale in SCALES), "help", "harm"]
    (scale,) = rng.choices(scales, [NOTHING, *HELPS, *HARMS, *TAILS])
    if isinstance(scale, str):
        far = TAIL * (rng.random() ** -0.5 - 1)
        return far if scale == "help" else -far
    return rng.expovariate(1) * scale


def test_stated_probabilities_are_true_when_effects_come_from_the_prior():
    rng = random.Random(7)
    rules = Rules(minimize=False, max_runs=1)
    start = Belief(1.0, 0.6 * SIGMA)
    stated = {bin_: [] for bin_ in range(5)}
    errors = []
    for _ in range(2500):
        truth = rng.gauss(start.mean, start.sd)
        effect = drawn_effect(rng) * SIGMA
        value = truth + effect + rng.gauss(0, SIGMA)
        ruling = JUDGE.consider(
            case_of(value, rules=rules, incumbent=start, noise=known_noise(SIGMA, 400))
        )
        p = ruling.evidence.probability
        stated[min(4, int(5 * p))].append((p, effect > 0))
        after = truth + effect if ruling.outcome is Outcome.KEEP else truth
        errors.append((ruling.belief.mean - after) / ruling.belief.sd)
    for pairs in stated.values():
        share = fmean(better for _, better in pairs)
        tolerance = 3 * math.sqrt(0.25 / len(pairs))  # three standard errors, at most
        assert share == pytest.approx(fmean(p for p, _ in pairs), abs=tolerance)
    assert fmean(errors) == pytest.approx(0, abs=0.08)
    assert fmean(error**2 for error in errors) == pytest.approx(1, abs=0.15)


def benchmark():
    path = Path(__file__).parents[2] / "benchmarks" / "simulated.py"
    spec = importlib.util.spec_from_file_location("benchmark_simulated", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def campaign(sim, judge, space, seed, runs):
    """One simulated campaign without confirmation."""
    setting = sim.Setting(space, sim.Machine(), runs, confirms=False)
    return sim.Simulation(judge, setting, seed).run()


@pytest.mark.parametrize(
    ("space", "least"), [("plateau only", 1.15), ("large wins, then a plateau", 0.97)]
)
def test_belief_gains_more_than_greedy_where_luck_is_as_large_as_progress(space, least):
    sim = benchmark()
    gain = {}
    for policy in ("greedy", "belief"):
        judge = judge_named(policy)
        tallies = [campaign(sim, judge, sim.REPORT[space], s, 300) for s in range(50, 58)]
        gain[policy] = fmean(t.gain for t in tallies)
    assert gain["belief"] >= least * gain["greedy"]


def test_the_noise_is_read_without_the_luck_that_made_candidates_run_again():
    """The deviations from each candidate's mean overstate it, for the lucky are run again."""
    sim = benchmark()
    squares = degrees = naive = 0.0
    for seed in range(70, 76):
        setting = sim.Setting(sim.REPORT["mostly nothing"], sim.Machine(), 300, confirms=False)
        run = sim.Simulation(JUDGE, setting, seed)
        groups = []
        case = run.case

        def recorded(values, case=case, groups=groups):
            groups.append(values)
            return case(values)

        run.case = recorded
        run.run()
        squares, degrees = squares + run.noise.sum_squares, degrees + run.noise.degrees
        last = [a for a, b in zip(groups, [*groups[1:], ()], strict=True) if b[: len(a)] != a]
        pooled = Noise()
        for values in last:
            pooled = pooled.with_group(values)
        naive += pooled.sum_squares / pooled.degrees / 6
    read = math.sqrt(squares / degrees)
    spread = SIGMA / math.sqrt(2 * degrees)  # standard error of an estimated sd
    assert read == pytest.approx(SIGMA, abs=3 * spread + 0.03 * SIGMA)
    assert math.sqrt(naive) > read


def test_equal_runs_say_nothing_but_that_there_is_no_noise():
    case = case_of(1.0, 1.0, noise=Noise(), rules=Rules(minimize=False, max_runs=2))
    assert JUDGE.consider(case).evidence.squares is None


def test_what_is_believed_of_the_incumbent_grows_old():
    """A machine may drift: each run adds to what is not known of the incumbent."""
    sure = Belief(1.0, 1e-3 * SIGMA)
    belief = sure
    for _ in range(40):
        belief = JUDGE.consider(case_of(1.0 - 5 * SIGMA, incumbent=belief)).belief
    assert 5 * sure.sd < belief.sd < SIGMA


def test_on_a_drifting_machine_belief_gains_more_than_greedy():
    sim = benchmark()
    machine = sim.Machine(walk=0.05 * SIGMA, jump_rate=1 / 200, jump=2 * SIGMA)
    gain = {}
    for policy in ("greedy", "belief"):
        setting = sim.Setting(sim.REPORT["plateau only"], machine, 300, confirms=False)
        runs = [sim.Simulation(judge_named(policy), setting, s).run() for s in range(80, 88)]
        gain[policy] = fmean(run.gain for run in runs)
    assert gain["belief"] > gain["greedy"]


def test_code_that_does_nothing_may_go_and_code_that_helps_may_not():
    """Less code without a price on lines: no worse is enough, and a loss is no bargain."""
    rules = Rules(minimize=False, min_effect=SIGMA, max_runs=1)
    sharp = {"rules": rules, "net_lines": -20, "noise": known_noise(SIGMA / 10)}
    sharp["incumbent"] = Belief(1.0, SIGMA / 50)
    assert JUDGE.consider(case_of(1.0 + SIGMA / 5, **sharp)).outcome is Outcome.KEEP
    assert JUDGE.consider(case_of(1.0 - SIGMA, **sharp)).outcome is Outcome.DISCARD
    longer = JUDGE.consider(case_of(1.0 + SIGMA / 5, **{**sharp, "net_lines": 0}))
    assert longer.outcome is Outcome.DISCARD
    assert "with less code" in JUDGE.consider(case_of(1.0 + SIGMA / 5, **sharp)).reason


def test_equal_and_shorter_is_kept_where_there_is_no_noise():
    exact = {"incumbent": Belief(1.0, 0.0), "noise": Noise(0.0, 5)}
    assert JUDGE.consider(case_of(1.0, net_lines=-1, **exact)).outcome is Outcome.KEEP
    assert JUDGE.consider(case_of(1.0, net_lines=0, **exact)).outcome is Outcome.DISCARD
    assert JUDGE.consider(case_of(1.0 - 1e-9, net_lines=-1, **exact)).outcome is Outcome.DISCARD


def test_a_campaign_that_takes_many_simplifications_does_not_decay():
    """Deletions that harm a little, never measurably: what is kept of them adds up to no loss."""
    sim = benchmark()
    lost = []
    for seed in range(6):
        space = sim.Space(0.0, SIGMA, 0.5, 0.3 * SIGMA, 0.0, SIGMA, 0.5)
        setting = sim.Setting(space, sim.Machine(), 250, min_effect=2 * SIGMA, confirms=False)
        run = sim.Simulation(JUDGE, setting, seed)
        case = run.case

        def shorter(values, case=case):
            return dataclasses.replace(case(values), net_lines=-3)

        run.case = shorter
        tally = run.run()
        lost.append(-tally.gain / SIGMA)
        assert tally.keeps > 0
    assert fmean(lost) < 3  # a rule that lets each of them cost min_effect loses over 30


def test_a_verdict_takes_milliseconds():
    rng = random.Random(3)
    history = tuple(
        Effect(rng.gauss(-1, 2) * SIGMA, rng.uniform(1, 1.4) * SIGMA) for _ in range(256)
    )
    case = case_of(1.0 + SIGMA, history=history)
    best = math.inf
    for _ in range(5):
        start = time.process_time()
        JUDGE.consider(case)
        best = min(best, time.process_time() - start)
    assert best < 0.02  # measured: 0.003; a slow core may take longer


def test_a_simulated_campaign_is_determined_by_its_seed():
    sim = benchmark()
    space = sim.TUNE["mostly nothing"]
    one, other = (campaign(sim, JUDGE, space, 5, 60) for _ in "ab")
    other.milliseconds = one.milliseconds
    assert one == other
    assert 60 <= one.runs < 60 + 6 + 6


def test_a_noise_next_to_nothing_beside_what_is_believed_overflows_nothing():
    """Found by the property test: a guessed noise of 1e-162, and a belief that is not so sharp."""
    rules = Rules(minimize=False, min_effect=1.8e-162, max_runs=3)
    case = case_of(1.0, rules=rules, incumbent=Belief(1.0, SIGMA), noise=Noise())
    ruling = BeliefJudge().consider(case)
    assert math.isfinite(ruling.evidence.probability)


# Luck of the split


def test_a_lucky_split_is_not_a_gain_even_where_runs_have_no_noise():
    """A deterministic score that is better by one standard error of its items."""
    still = Noise(0.0, 5)
    better = {"incumbent": Belief(1.0, 0.0), "noise": still}
    assert BeliefJudge().consider(case_of(1.002, **better)).outcome is Outcome.KEEP
    ruling = BeliefJudge().consider(case_of(1.002, **better, split=0.002))
    assert ruling.outcome is Outcome.DISCARD
    assert ruling.evidence.sd == pytest.approx(0.002)
    clear = BeliefJudge().consider(case_of(1.02, **better, split=0.002))
    assert clear.outcome is Outcome.KEEP


def test_what_is_believed_of_a_keep_is_its_score_on_the_split_that_others_run_on_too():
    """Else a twin, which shares its luck, would look better than it."""
    still = {"noise": Noise(0.0, 5), "split": 0.002}
    kept = BeliefJudge().consider(case_of(1.02, incumbent=Belief(1.0, 0.0), **still))
    assert kept.belief == Belief(1.02, 0.0)
    twin = BeliefJudge().consider(case_of(1.02, incumbent=kept.belief, **still))
    assert twin.outcome is Outcome.DISCARD


def test_the_noise_of_runs_is_not_counted_twice():
    """Two runs of the same code differ on single items by as much as their noise says."""
    plain = BeliefJudge().consider(case_of(1.001))
    same = BeliefJudge().consider(case_of(1.001, split=SIGMA))
    assert same.evidence == plain.evidence
    more = BeliefJudge().consider(case_of(1.001, split=4 * SIGMA))
    assert more.evidence.probability < plain.evidence.probability
