"""The calculator of visitors: it says what the judge will do."""

import json
import math
import random

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from novum.cli import cli
from novum.errors import UsageError
from novum.judge import Arms, Belief, Case, Noise, Rules
from novum.judge.rate import RateJudge, bars
from novum.records import Outcome
from novum.site.power import Plan, _Decision, binomial, facts, fixed_visitors, needs

PLAN = Plan(0.05, 0.3)
ASKED = ["power", "--rate", "0.05", "--lift", "0.3", "--visitors-a-day", "1000"]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 30_000), st.integers(-200, 200), st.integers(-200, 200))
def test_it_ends_an_experiment_where_the_judge_does(visitors, more, fewer):
    def converted(beyond):
        return min(max(round(0.05 * visitors) + beyond, 0), visitors)

    arms = Arms(visitors, converted(more), visitors, converted(fewer))
    rules = Rules(minimize=False, min_effect=PLAN.needed)
    case = Case(rules, (0.05,), Belief(0.05, 0.0), 0.05, Noise(), arms=arms)
    outcome = RateJudge().consider(case).outcome
    kept = _Decision(bars(PLAN.needed, PLAN.needed, PLAN.rate), 0.05).of(arms)
    assert outcome is {True: Outcome.KEEP, False: Outcome.DISCARD, None: None}[kept]


def test_harm_ends_first_and_what_is_looked_for_is_kept():
    harm, nothing, found = needs(PLAN, streams=100)
    assert harm.mean < nothing.mean < fixed_visitors(PLAN)
    assert (harm.kept, nothing.kept <= 0.1) == (0, True)
    assert found.kept > 0.75
    assert all(need.mean < need.nine_in_ten for need in (harm, nothing, found))


def test_it_agrees_with_a_look_after_every_visitor():
    """`benchmarks/rates.py`: 0.543 and 0.785 of 53,652 visitors. Looks are fewer here."""
    _, nothing, found = needs(Plan(0.0125, 0.2), streams=200)
    assert 0.95 < nothing.mean / (0.543 * 53_652) < 1.35
    assert 0.95 < found.mean / (0.785 * 53_652) < 1.35


@pytest.mark.parametrize(("count", "rate"), [(50, 0.03), (400, 0.5), (50, 0.97), (10**9, 0.3)])
def test_drawn_conversions_have_the_right_mean_and_spread(count, rate):
    chance = random.Random(2)
    drawn = [binomial(chance, count, rate) for _ in range(4000)]
    variance = count * rate * (1 - rate)
    mean = sum(drawn) / len(drawn)
    assert min(drawn) >= 0 and max(drawn) <= count
    assert mean == pytest.approx(count * rate, abs=4 * math.sqrt(variance / len(drawn)))
    spread = sum((number - mean) ** 2 for number in drawn) / len(drawn)
    assert spread == pytest.approx(variance, rel=0.15)
    assert binomial(chance, count, 0.0) == 0 and binomial(chance, count, 1.0) == count


def test_days_are_those_of_the_share_of_the_traffic():
    found = facts(PLAN, visitors_a_day=2000, share=0.25)
    assert found["visitors_a_day"] == 500
    assert found["fixed_days"] == fixed_visitors(PLAN) / 500


def test_the_command_says_the_same_as_text_and_as_json():
    told = CliRunner().invoke(cli, ASKED)
    found = json.loads(CliRunner().invoke(cli, [*ASKED, "--json"]).output)
    assert told.exit_code == 0
    assert f"{found['fixed_visitors']:,}" in told.output
    for need in found["needs"]:
        assert f"{need['visitors_mean']:,.0f}" in told.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rate", "3"], "the rate is 3"),
        (["--rate", "0.9"], "would be over 1"),
        (["--lift", "1e-9"], "the lift is 1e-09"),
        (["--share", "20"], "the share is 20"),
        (["--error-rate", "0.7"], "the error rate is 0.7"),
        (["--min-effect", "1"], "min_effect is 1"),
        (["--rate", "1e-5", "--lift", "0.001"], "more than 1,000,000,000 visitors"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_a_line(words, said):
    with pytest.raises(UsageError, match=said):
        CliRunner().invoke(cli, [*ASKED, *words], standalone_mode=False, catch_exceptions=False)
