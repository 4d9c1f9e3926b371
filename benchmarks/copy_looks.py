"""A/A for copy_replay.py: a look after every visitor, adaptive assignment, a drifting base."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from novum.judge.proportions import Line
from novum.judge.rate import bars
from rates import BLOCK, ERROR, LIFT, LONGEST, Counts, Vectorised, log_sum, one_by_one

Array = NDArray[np.float64]
COINS = np.arange(1, 10) / 10  # probabilities of the candidate that adaptive assignment uses
EVEN = 4  # the row of 0.5
DAY = 20_000  # visitors


@dataclass(frozen=True)
class Scenario:
    """Both arms have the same rate; how visitors are assigned, and how the rate goes."""

    adaptive: bool  # Thompson sampling: by the probability that the candidate is the better one
    drift: bool  # a half up and down within a day, and twice the rate at the end

    def rate(self, base: float, seen: int) -> float:
        """The rate after so many visitors."""
        if not self.drift:
            return base
        daily = 1 + 0.5 * math.sin(2 * math.pi * seen / DAY)
        return min(base * daily * (1 + seen / LONGEST), 0.99)

    def __str__(self) -> str:
        coin = "Thompson" if self.adaptive else "even"
        return f"{coin} | {'drifting' if self.drift else 'constant'}"


SCENARIOS = [Scenario(adaptive, drift) for adaptive in (False, True) for drift in (False, True)]


def thompson(counts: Counts) -> NDArray[np.int64]:
    """The row of the coin for each stream, from its counts; the normal approximation of both."""
    converted, shown = counts[:, [0, 2]] + 1.0, counts[:, [0, 2]] + counts[:, [1, 3]] + 2.0
    rates = converted / shown
    errors = np.sqrt((rates * (1 - rates) / shown).sum(axis=1))
    chance = ndtr((rates[:, 0] - rates[:, 1]) / errors)
    found: Counts = np.clip(np.rint(chance * 10).astype(np.int64) - 1, 0, len(COINS) - 1)
    return found


def false_keeps(
    rng: np.random.Generator, base: float, scenario: Scenario, streams: int, longest: int = LONGEST
) -> float:
    """The share of streams whose evidence has ever reached the threshold.

    As soon as the evidence is there a keep is counted, whatever effect is seen: that is stricter
    than the judge. The bets fit the coin of each visitor.
    """
    tests = bars(LIFT * base, LIFT * base, base)
    made = [Vectorised(tests.bettor.against(Line(1.0, tests.floor), 1, coin)) for coin in COINS]
    assert all(np.allclose(each.weights, made[0].weights) for each in made)
    steps = np.stack([each.steps for each in made])
    gains, most = np.maximum(steps, 0.0), np.stack([each.most for each in made])
    logs = np.tile(made[0].weights, (streams, 1))
    counts = np.zeros((streams, 4), dtype=np.int64)
    coins = np.full(streams, EVEN)
    ceiling, kept = np.zeros(streams), np.zeros(streams, dtype=bool)
    bar = -math.log(ERROR)
    for seen in range(0, longest, BLOCK):
        rate, coin = scenario.rate(base, seen), COINS[coins]
        kinds = (coin * rate, coin * (1 - rate), (1 - coin) * rate, (1 - coin) * (1 - rate))
        block = rng.multinomial(BLOCK, np.stack(kinds, axis=-1))
        ceiling += (block * most[coins]).sum(axis=1)
        near = np.flatnonzero((ceiling >= bar) & ~kept)
        if len(near):
            up = np.einsum("sk,skb->sb", block[near], gains[coins[near]])
            ceiling[near] = log_sum(logs[near] + up)
            near = near[ceiling[near] >= bar]
        if len(near):
            paths = one_by_one(rng, block[near]).cumsum(axis=1)
            walks = logs[near, None] + np.einsum("svk,skb->svb", paths, steps[coins[near]])
            kept[near] |= (log_sum(walks) >= bar).any(axis=1)
        logs += np.einsum("sk,skb->sb", block, steps[coins])
        counts += block
        if scenario.adaptive:
            coins = thompson(counts)
    return float(kept.mean())
