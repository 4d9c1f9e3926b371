"""What a deep check says of its runs: advice only where the interval supports it."""

import json
import math
import random

import pytest

from novum.audit.advice import advise
from novum.audit.journal import Run
from novum.audit.measured import Measured
from novum.audit.plan import Plan, Subject
from novum.audit.soundness import Level
from novum.lab import parse_lab
from novum.records import Timing, TrialState

LAB = """\
[lab]
name = "small"
[metric]
name = "v"
direction = "minimize"
min_effect = MIN
[budget]
seconds = 300
[files]
editable = ["train.py"]
[trial]
run = ["python", "train.py"]
[guards]
lines_changed = { weight = 0.001 }
"""


def run(score, *, idea="", seconds=300.0, seed=1, again=0, items=()) -> Run:
    state = TrialState.MEASURED if score is not None else TrialState.CRASH
    timing = Timing(startup=2.0, training=seconds, evaluation=3.0)
    return Run(idea, seconds, seed, again, state, score, items, "boom", timing, wall=seconds + 6)


def measured(*runs, ideas=0, budgets=(60.0,), least=0.01, exhausted=False) -> Measured:
    lab = parse_lab(LAB.replace("MIN", str(least)))
    subjects = tuple(Subject(f"i{n}", f"idea {n}", {}) for n in range(ideas))
    plan = Plan(lab, "c", 300.0, budgets, 5, subjects, "", exhausted, ())
    return Measured(plan, runs)


def baselines(*scores, seconds=300.0) -> list[Run]:
    return [run(score, seconds=seconds, seed=n) for n, score in enumerate(scores, 1)]


def ranked(whole, short) -> list[Run]:
    runs = [run(score, idea=f"i{n}", seed=n) for n, score in enumerate(whole)]
    runs += [run(score, idea=f"i{n}", seed=n, seconds=60.0) for n, score in enumerate(short)]
    return runs


QUIET = [*baselines(1.0, 1.001, 0.999), *baselines(1.5, 1.501, 1.499, seconds=60.0)]


def finding(found, subject: str):
    (only,) = [f for f in found.findings if f.subject == subject]
    return only


def test_a_short_budget_that_ranks_the_same_is_advised_with_its_interval_and_pace():
    values = [float(n) for n in range(10)]
    found = advise(measured(*QUIET, *ranked(values, [v + 0.1 for v in values]), ideas=10))
    assert found.advice[0] == (
        "at 60 s you rank ideas nearly as at 300 s (1.00 [0.96, 1.00]); 4.6 times as many "
        "experiments a night (436 instead of 94)"
    )
    assert finding(found, "ranking at 60 s").level is Level.GOOD


def test_a_short_budget_that_saves_no_time_is_not_advised():
    values = [float(n) for n in range(10)]
    runs = [*QUIET, *ranked(values, values)]
    slow = [run_ if run_.seconds == 300 else replace_wall(run_, 310.0) for run_ in runs]
    found = advise(measured(*slow, ideas=10))
    assert "a trial takes as long" in found.advice[0]


def replace_wall(one: Run, wall: float) -> Run:
    return Run(*one.key, one.state, one.metric, one.items, one.detail, one.timing, wall)


@pytest.mark.parametrize("ideas", [1, 3])
def test_of_too_few_ideas_nothing_is_said(ideas):
    values = [float(n) for n in range(ideas)]
    found = advise(measured(*QUIET, *ranked(values, values), ideas=ideas))
    assert "too few ideas to tell" in finding(found, "ranking at 60 s").text
    assert any("too few ideas to tell" in line for line in found.advice)
    assert not any("you rank" in line for line in found.advice)


def test_a_perfect_agreement_of_four_ideas_is_too_little_to_advise_upon():
    values = [1.0, 2.0, 3.0, 4.0]
    found = advise(measured(*QUIET, *ranked(values, values), ideas=4))
    assert "1.00 [-0.73, 1.00]" in finding(found, "ranking at 60 s").text
    assert any("--ideas 6" in line for line in found.advice)


def test_a_backlog_that_is_too_short_is_to_be_longer():
    values = [1.0, 2.0, 3.0, 4.0]
    found = advise(measured(*QUIET, *ranked(values, values), ideas=4, exhausted=True))
    assert any("write about 6 into ideas.toml" in line for line in found.advice)


def test_a_budget_that_ranks_differently_is_not_advised():
    values = [float(n) for n in range(12)]
    found = advise(measured(*QUIET, *ranked(values, values[::-1]), ideas=12))
    assert "it ranks differently" in finding(found, "ranking at 60 s").text
    assert any(line.startswith("keep 300 s") for line in found.advice)


def test_noise_that_swamps_the_ideas_is_named_instead_of_a_verdict_on_the_budget():
    chance = random.Random(1)
    noisy = [*baselines(1.0, 2.0, 0.0), *baselines(1.0, 2.0, 0.0, seconds=60.0)]
    whole, short = ([chance.gauss(1, 1) for _ in range(12)] for _ in range(2))
    found = advise(measured(*noisy, *ranked(whole, short), ideas=12))
    assert "noise hides" in finding(found, "ranking at 60 s").text
    assert any("one run cannot rank" in line for line in found.advice)


def test_ideas_that_failed_at_a_budget_are_left_out_and_told():
    whole = [1.0, None, 3.0, 4.0, 5.0, 6.0]
    short = [1.0, 2.0, None, 4.0, 5.0, 6.0]
    found = measured(*QUIET, *ranked(whole, short), ideas=6)
    assert found.ranking(60.0).ideas == 4
    told = [f.text for f in advise(found).findings if f.subject == "idea failed"]
    assert told == [
        "at 300 s, so it is left out there: idea 1 (crash: boom)",
        "at 60 s, so it is left out there: idea 2 (crash: boom)",
    ]


@pytest.mark.parametrize(
    ("others", "same", "words"),
    [
        ([1.0, 1.2, 0.9], [1.1, 1.1], "a seed fixes the result exactly"),
        ([1.1, 1.1, 1.1], [1.1, 1.1], "nothing moves the score"),
        ([1.0, 1.2, 0.9], [1.1, 1.15], "cannot tell from so few"),
        ([1.0, 1.2, 0.9], [1.1], "cannot tell from so few"),
        ([1.0, 1.000001], [9.0, 1.0], "cannot tell from so few"),
        ([9.0, -9, 5, -7, 8], [1.1, 1.101, 1.102, 1.1, 1.1], "seeds explain most of the noise"),
        ([1.0, 1.1, 1.05, 1.0], [1.0, 9, -5, 4], "seeds explain little of the noise"),
    ],
)
def test_what_is_said_of_seeds(others, same, words):
    again = [run(score, again=n) for n, score in enumerate(same[1:], 1)]
    runs = [*baselines(same[0], *others), *again]
    assert words in finding(advise(measured(*runs)), "seeds").text


def test_seeds_are_judged_by_runs_that_are_independent():
    again = [run(2.0, again=1), run(3.0, again=2)]
    found = measured(*baselines(1.0, 5.0, 7.0, 9.0), *again)
    assert found.same_seed == [1.0, 2.0, 3.0]
    assert found.seeds.value == pytest.approx(4.0)  # the variance of 5, 7, 9 over that of 1, 2, 3


def test_the_price_of_lines_is_told_beside_what_can_be_found():
    found = advise(measured(*QUIET))
    assert "10 lines must earn 0.02" in finding(found, "price of lines").text


@pytest.mark.parametrize(("least", "level"), [(0.00001, "caution"), (0.5, "good")])
def test_min_effect_far_from_what_can_be_found_is_told(least, level):
    found = advise(measured(*QUIET, least=least))
    assert finding(found, "min_effect").level == level
    assert any("min_effect" in line for line in found.advice)


def test_min_effect_near_the_noise_is_not_spoken_of():
    found = advise(measured(*QUIET, least=0.001))
    assert not [f for f in found.findings if f.subject == "min_effect"]


def test_split_noise_is_that_of_the_items_and_enters_what_can_be_confirmed():
    items = tuple((1.0 + n % 2, 1.0) for n in range(100))
    other = tuple((1.0 + (n // 2) % 2, 1.0) for n in range(100))
    runs = [run(1.5, items=items), run(1.501, seed=2, items=other)]
    found = measured(*runs, run(1.499, idea="i0", items=other), ideas=1, budgets=())
    error = math.sqrt(0.25 * 100 / 99 / 100)
    assert found.split == pytest.approx(error)
    assert found.paired_split == pytest.approx(math.sqrt(0.5 * 100 / 99 / 100))
    without = measured(*baselines(1.5, 1.501))
    assert found.reach.confirmed > without.reach.confirmed
    assert found.reach.one_run == without.reach.one_run
    words = finding(advise(found), "split noise").text
    assert f"±{1.96 * math.sqrt(2) * error:.2g}" in words


def test_a_pace_is_told_for_each_budget():
    found = advise(measured(*QUIET))
    assert "a trial takes 306 s" in finding(found, "pace at 300 s").text
    assert "94 a night" in finding(found, "pace at 300 s").text
    assert "436 a night" in finding(found, "pace at 60 s").text


def test_the_numbers_are_plain_data():
    values = [float(n) for n in range(6)]
    found = advise(measured(*QUIET, *ranked(values, values), ideas=6))
    assert json.loads(json.dumps(found.numbers))["rankings"][0]["ideas"] == 6
