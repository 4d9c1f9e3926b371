"""What is run: who, in which order, under which names."""

from collections import Counter

import pytest

from novum.comparison.plan import Wish, entries, researchers_in
from novum.errors import UsageError
from novum.opening import TAG


def test_each_repeat_is_begun_by_another_so_that_drift_favours_nobody():
    planned = entries("c", Wish(("a", "b", "c"), 10, repeats=3))
    assert [one.researcher for one in planned] == [*"abc", *"bca", *"cab"]
    places = Counter((n % 3, one.researcher) for n, one in enumerate(planned))
    assert set(places.values()) == {1}


def test_every_campaign_has_a_tag_of_its_own_that_can_be_one():
    strange = (
        "chat:anthropic/x-1",
        "chat:anthropic/x.1",
        "x" * 90,
        "y" * 20 + "x" * 90,
        "é:",
        "ü:",
    )
    planned = entries("a" * 24, Wish(strange, 10, repeats=100))
    tags = [one.tag for one in planned]
    assert len(set(tags)) == len(tags) == 600
    assert all(TAG.fullmatch(tag) for tag in tags), max(tags, key=len)


def test_the_same_wish_has_the_same_tags():
    wish = Wish(("chat:a/b", "tuner", "tuner:cmaes"), 10, repeats=2)
    assert entries("c", wish) == entries("c", wish)
    assert [one.tag for one in entries("c", wish)][:3] == [
        "c-chat-a-b-1",
        "c-tuner-1",
        "c-tuner-cmaes-1",
    ]


def test_researchers_are_separated_by_commas_and_a_mix_keeps_its_own():
    assert researchers_in(["backlog, tuner", "null"]) == ("backlog", "tuner", "null")
    assert researchers_in(["mix:tuner=1,backlog=2,null"]) == ("mix:tuner=1,backlog=2", "null")
    assert researchers_in(["null", "mix:a=1,b=2,chat:x/y"]) == ("null", "mix:a=1,b=2", "chat:x/y")


@pytest.mark.parametrize("texts", [[""], [" , "], ["a,a"], ["a", "a"]])
def test_nobody_and_somebody_twice_are_errors(texts):
    with pytest.raises(UsageError):
        researchers_in(texts)
