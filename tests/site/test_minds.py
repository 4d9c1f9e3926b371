"""Who comes, when, and what they think of a text: all of it follows from the seed."""

from collections import Counter
from itertools import islice, pairwise, takewhile
from statistics import fmean, stdev

import pytest
from crowd_cases import CURIOUS, PLAIN, SUNDAY

from novum.site.persuasion import fitted
from novum.site.visitors.chance import Chance
from novum.site.visitors.minds import NOVELTY, Minds, novelty
from novum.site.visitors.people import Kind, visitor
from novum.site.visitors.rhythm import DAYS, HOURS, arrivals, level
from novum.site.visitors.truth import Truth

WEEK = 7 * 86_400
PAGES = [tuple({**page, "body": " ".join(page["body"])}.items()) for page in (PLAIN, CURIOUS)]


def test_a_number_depends_on_seed_and_name_only():
    chance = Chance(1)
    first = chance.uniform("taste", "word")
    chance.uniform("something", "else")
    assert first == chance.uniform("taste", "word") == Chance(1).uniform("taste", "word")
    assert first != Chance(2).uniform("taste", "word")
    assert chance.uniform("a", 12) != chance.uniform("a1", 2)
    drawn = [chance.normal("draw", number) for number in range(4000)]
    assert fmean(drawn) == pytest.approx(0, abs=0.06)
    assert stdev(drawn) == pytest.approx(1, abs=0.05)


def test_people_come_by_the_rhythm_of_the_day_and_the_week():
    week = takewhile(lambda each: each[1] < SUNDAY + WEEK, arrivals(Chance(7), SUNDAY, 0.06))
    hours = Counter(int((time - SUNDAY) // 3600) for _, time in week)
    wrong = 0.0
    for hour in range(168):
        expected = 0.06 * 3600 * level(SUNDAY + hour * 3600 + 1)
        wrong += (hours[hour] - expected) ** 2 / expected
    assert 100 < wrong < 250  # chi-squared of 168 hours: 168 ± 18
    assert hours.total() == pytest.approx(0.06 * WEEK, rel=0.03)
    assert fmean(level(SUNDAY + 3600 * hour) for hour in range(168)) == pytest.approx(1)
    assert len(HOURS) == 24
    assert len(DAYS) == 7


def test_a_slower_site_clock_changes_nothing_but_the_pace():
    usual = list(islice(arrivals(Chance(3), SUNDAY, 1.0), 500))
    assert usual == list(islice(arrivals(Chance(3), SUNDAY, 1.0), 500))
    assert [number for number, _ in usual] == list(range(500))
    assert all(a[1] < b[1] for a, b in pairwise(usual))


def test_people_convert_as_often_as_the_closed_form_says():
    chance, base = Chance(11), 0.1
    minds, truth = Minds(chance, base), Truth(11, base)
    people = [who for n in range(30_000) if (who := visitor(chance, n)).kind is Kind.PERSON]
    for page in PAGES:
        share = fmean(minds.converts(who, page, Counter()) for who in people)
        expected = truth.conversion_rate(page)
        assert share == pytest.approx(expected, abs=4 * (expected / len(people)) ** 0.5)
        assert truth.recorded_rate(page) < expected


def test_a_changed_page_is_news_to_who_knew_another_and_ever_less_so():
    page, other = PAGES
    assert novelty(page, Counter()) == 0
    assert novelty(page, Counter([page, page])) == 0
    assert novelty(page, Counter([other])) == NOVELTY
    assert novelty(page, Counter([other, page, page])) == NOVELTY / 4


def test_texts_with_words_in_common_are_liked_alike_and_no_text_is_liked_without_bounds():
    near, far = [], []
    for seed in range(300):
        minds = Minds(Chance(seed), 0.04)
        text = "write an invoice in a minute and never chase a late client again"
        taste = minds.taste(text)
        near.append((taste, minds.taste(text.replace("minute", "second"))))
        far.append((taste, minds.taste("people who draw for money should sleep well at night")))
    spread = stdev(taste for taste, _ in near)
    assert spread == pytest.approx(fitted().unexplained, rel=0.2)
    assert fmean(abs(a - b) for a, b in near) < 0.6 * fmean(abs(a - b) for a, b in far)
    minds = Minds(Chance(1), 0.04)
    assert abs(minds.taste("word " * 20_000)) <= 2 * fitted().unexplained
    assert minds.taste("") == 0


def test_other_people_have_the_same_taste_if_that_is_said():
    same, other = Minds(Chance(2), 0.04, Chance(1)), Minds(Chance(2), 0.04)
    text = "for people who like a quiet page"
    assert same.taste(text) == Minds(Chance(1), 0.04).taste(text) != other.taste(text)
