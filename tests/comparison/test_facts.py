"""The numbers and the sentences: means with honest intervals, and what they allow to say."""

import math
import random
from dataclasses import replace

import pytest
from scipy import stats

from novum.comparison.facts import Facts, Remeasured, Run, Spot, interval
from novum.comparison.page import page, rows, sentences, words
from novum.comparison.picture import draw
from novum.comparison.plan import Entry, Wish
from novum.lab import parse_lab
from novum.records import Usage

LAB = parse_lab("""
[lab]
name = "l"
[metric]
name = "m"
direction = "minimize"
[budget]
seconds = 1
[files]
editable = ["a"]
[trial]
run = ["a"]
""")


def run(researcher="backlog", repeat=1, measured: float | None = 0.5, **more) -> Run:
    course = (Spot(0.0, 0, 1.0, 0.0), Spot(0.4, 1, 2.0, 0.01))
    values = {
        "entry": Entry(researcher, repeat, f"c-{researcher}-{repeat}"),
        "course": course,
        "tested": (Remeasured(Spot(0.5, 1, 3.0, 0.01), 0.4, 0.6, True),),
        "finished": True,
        "experiments": 1,
        "keeps": 1,
        "keeps_confirmed": 1,
        "trials": 5,
        "seconds": 3.0,
        "usage": Usage(),
        "measured": measured,
        "confirmed": measured or 0.0,
    }
    return Run(**values | more)


def facts(**measured) -> Facts:
    """A comparison in which each researcher measured these gains, by repeat."""
    repeats = max(map(len, measured.values()))
    runs = [
        run(one, repeat, gain)
        for one, gains in measured.items()
        for repeat, gain in enumerate(gains, 1)
    ]
    return Facts(LAB, "c", Wish(tuple(measured), 1, repeats), tuple(runs))


def test_the_interval_is_students():
    values = [0.1, 0.4, 0.2, 0.3]
    found = interval(values)
    low, high = stats.t.interval(0.95, 3, loc=0.25, scale=stats.sem(values))
    assert (found.mean, found.low, found.high) == pytest.approx((0.25, low, high))
    assert math.isinf(interval([0.1]).high) and not interval([0.1]).known
    assert words(interval([0.1])) == "+0.1" and words(interval([0.5, 0.5])) == "+0.5"


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = random.Random(1)
    covered = 0
    for _ in range(1000):
        found = interval([rng.gauss(1, 2) for _ in range(3)])
        covered += found.low <= 1 <= found.high
    assert covered == pytest.approx(950, abs=3 * math.sqrt(1000 * 0.05 * 0.95))


def test_the_difference_is_taken_repeat_by_repeat():
    found = facts(backlog=[1.0, 2.0, 3.0], tuner=[0.9, 1.9, 2.9]).difference(
        "backlog", "tuner", 0.05
    )
    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    half = facts(backlog=[1.0, 2.0], tuner=[0.5, None]).difference("backlog", "tuner", 0.05)
    assert half.count == 1 and not half.known


@pytest.mark.parametrize(
    ("gains", "answer"),
    [
        ([1.0, 1.1, 0.9], "Yes, ideas beat the parameter grid here: backlog minus tuner: +1"),
        ([-1.0, -1.1, -0.9], "No, the parameter grid beats ideas here: backlog minus tuner: -1"),
        ([1.0, -0.5, 0.2], "It is open whether ideas beat the parameter grid here"),
        (
            [1.0, 1.0],
            "Yes, ideas beat the parameter grid here: backlog minus tuner: +1 in all 2 repeats.",
        ),
        ([1.0], "One repeat cannot tell whether ideas beat the parameter grid here"),
    ],
)
def test_the_question_is_answered_only_as_far_as_the_repeats_allow(gains, answer):
    told = sentences(facts(backlog=gains, tuner=[0.0] * len(gains)))
    assert told[0].startswith(answer)


def test_many_comparisons_share_the_error_rate():
    told = sentences(facts(backlog=[1.0, 1.2], tuner=[0.1, 0.0], null=[0.0, 0.0]))
    assert [one for one in told if "98.3 % interval" in one] == told[:3]


def test_the_luck_of_many_researchers_is_not_taken_for_an_answer():
    """Nobody is better: of 400 comparisons with four ideas each, few answer yes or no at all."""
    rng = random.Random(2)
    wrong = 0
    for _ in range(400):
        names = ("a", "b", "c", "d", "tuner")
        told = sentences(facts(**{one: [rng.gauss(0, 1) for _ in range(3)] for one in names}))
        wrong += any(one.startswith(("Yes", "No")) for one in told)
    assert wrong <= 400 * 0.05 + 3 * math.sqrt(400 * 0.05 * 0.95)


def test_the_control_says_how_often_luck_was_confirmed():
    clean = facts(tuner=[0.1, 0.1], null=[0.0, 0.0])
    assert sentences(clean)[-1].endswith("was confirmed in none of 2 campaigns.")
    fooled = replace(clean, runs=(*clean.runs[:3], run("null", 2, 0.3)))
    assert "was confirmed in 1 of 2 campaigns; more than 5 %" in sentences(fooled)[-1]


def test_what_is_not_at_its_end_is_said():
    there = facts(backlog=[0.1, None], tuner=[0.1])
    assert sentences(there)[-1] == "Not all campaigns are at their end: 2 of 4 are."
    assert not there.complete and facts(backlog=[0.1], tuner=[0.1]).complete


def test_without_a_tuner_or_without_ideas_the_question_is_not_asked():
    assert "a tuner did not run" in sentences(facts(backlog=[0.1, 0.2]))[0]
    assert "a researcher with ideas did not run" in sentences(facts(tuner=[0.1, 0.2]))[0]


def test_money_is_shown_where_it_was_spent_and_marked_where_its_price_is_unknown():
    spent = run("chat:a/b", usage=Usage(3, 1000, 0, 200, 0.5), course=(Spot(0.0, 0, 1.0, 0.0),))
    unknown = run("chat:c/d", usage=Usage(3, 1000, 0, 200, 0.0, 3))
    there = Facts(LAB, "c", Wish(("chat:a/b", "chat:c/d"), 1, 1), (spent, unknown))
    first, second = rows(there)
    assert first[-2:] == ("0.5", "1200") and second[-2:] == ("0 + ?", "1200")
    assert rows(facts(backlog=[0.1]))[0][-2:] == ("–", "–")


ODD = {
    "nothing was gained": facts(null=[0.0]),
    "no interval": replace(
        facts(backlog=[0.1]),
        runs=(run(tested=(Remeasured(Spot(0.1, 1, 1.0, 0.0), -math.inf, math.inf, False),)),),
    ),
    "only a baseline": replace(
        facts(backlog=[0.1]),
        runs=(run(course=(Spot(0.0, 0, 0.0, 0.0),), tested=(), measured=None),),
    ),
    "worse than the start": facts(backlog=[-3.0, 1e-9], tuner=[1e6, 0.0]),
    "money": replace(facts(a=[0.1]), runs=(run("a", usage=Usage(1, 1, 0, 1, 2.0)),)),
    "strange names": facts(**{"chat:$x$_{": [0.1, 0.2], "<b>|": [0.1, 0.3]}),
    "many": facts(**{f"r{n}": [n / 10, n / 9] for n in range(12)}),
}


@pytest.mark.parametrize("there", ODD.values(), ids=ODD)
def test_any_comparison_can_be_drawn_and_written(there):
    assert draw(there, sentences(there)).startswith(b"\x89PNG")
    text = page(there, "").partition("Campaigns:")[0]
    assert "\n| researcher |" in text and "<b>|" not in text
