"""Whose turn it is among several models: a bandit, whose state is the ledger.

Thompson sampling: for each model a share of keeps is drawn from what is known of its true share,
Beta(1 + kept, 1 + not kept), and the highest draw has the turn. So a model that pays gets more
turns, and none is given up before it is known to be worse. Proposals without a verdict yet count as
not kept, so that turns are spread until the results come. Price has no part in it: what a campaign
lacks most is trials, and a proposal takes one, whoever made it. Draws depend on nothing but the
tallies and the experiment's number, so a turn can be told again.
"""

import random
from collections.abc import Mapping, Sequence

from novum.standing import Tally


def whose_turn(names: Sequence[str], tallies: Mapping[str, Tally], number: int) -> str:
    """The name, as in the tallies, that is asked for the experiment of that number."""
    chance = random.Random(f"turn {number}")  # noqa: S311  no secret depends on it

    def draw(name: str) -> float:
        tally = tallies.get(name, Tally())
        return chance.betavariate(
            1 + tally.kept, 1 + max(tally.proposed, tally.judged) - tally.kept
        )

    draws = {name: draw(name) for name in names}
    return max(names, key=lambda name: draws[name])
