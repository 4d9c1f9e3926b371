"""Several models take turns; the ones that pay get more of them."""

import random
from dataclasses import replace

from novum.researchers.chat.turns import whose_turn
from novum.standing import Tally


def campaign(
    rates: dict[str, float], experiments: int, seed: int, delay: int = 0
) -> dict[str, int]:
    """How many turns each had, where each proposal is kept with its model's rate."""
    chance = random.Random(seed)
    tallies: dict[str, Tally] = {}
    pending: list[tuple[str, bool]] = []
    for number in range(1, experiments + 1):
        name = whose_turn(list(rates), tallies, number + 1000 * seed)
        tally = tallies.get(name, Tally())
        tallies[name] = replace(tally, proposed=tally.proposed + 1)
        pending.append((name, chance.random() < rates[name]))
        if len(pending) > delay:
            done, kept = pending.pop(0)
            tally = tallies[done]
            tallies[done] = Tally(tally.proposed, tally.judged + 1, tally.kept + kept)
    return {name: tallies.get(name, Tally()).proposed for name in rates}


def share(rates: dict[str, float], best: str, **more) -> float:
    """The mean share of turns that the best has, of 60 campaigns of 100 experiments."""
    return sum(campaign(rates, 100, seed, **more)[best] for seed in range(60)) / 6000


def test_the_better_model_gets_most_of_the_turns():
    # 0.82 here; an even share is 0.5. Over 60 campaigns its standard error is about 0.02.
    assert share({"good": 0.3, "poor": 0.05}, "good") > 0.75


def test_the_best_of_three_gets_more_than_twice_an_even_share():
    assert share({"a": 0.05, "b": 0.1, "c": 0.4}, "c") > 0.7


def test_results_that_come_late_change_little():
    assert share({"good": 0.3, "poor": 0.05}, "good", delay=3) > 0.7


def test_equal_models_share_evenly():
    even = share({"a": 0.15, "b": 0.15}, "a")
    assert 0.4 < even < 0.6


def test_none_is_given_up_before_it_is_known():
    turns = [campaign({"good": 0.3, "poor": 0.05}, 100, seed)["poor"] for seed in range(20)]
    assert min(turns) >= 3


def test_proposals_without_a_verdict_yet_spread_the_turns():
    busy = {"a": Tally(proposed=6, judged=0, kept=0)}
    names = [whose_turn(["a", "b"], busy, number) for number in range(200)]
    assert names.count("b") > 150


def test_a_turn_can_be_told_again():
    tallies = {"a": Tally(9, 8, 2), "b": Tally(4, 4, 1)}
    turns = [[whose_turn(["a", "b"], tallies, n) for n in range(50)] for _ in range(2)]
    assert turns[0] == turns[1] and set(turns[0]) == {"a", "b"}


def test_one_model_always_has_the_turn():
    assert whose_turn(["a"], {}, 1) == "a"
