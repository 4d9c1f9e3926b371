"""Whole campaigns on simulated visitors with effects of real headlines, for copy_replay.py.

A campaign begins with an average headline at the archive's median rate, and shows candidates one
after another beside its incumbent. What a candidate does to the rate, compared with an average
headline, is drawn from the archive's effects; so the better the incumbent, the fewer beat it. All
rules are given the same visitors.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from novum.judge.rate import GIVE_UP, Bars, bars
from rates import ERROR, Counts, Vectorised, log_sum

Array = NDArray[np.float64]
VISITORS = 1_000_000
START = 0.0125
HIGHEST = 0.95  # no rate is higher
BATCH = 2_000  # the copy lab's
BATCHES = 30  # its judge.max_runs
GRID = 1.05  # steps of the believed rate, for which the judge's bets are made once


@dataclass(frozen=True)
class Outcome:
    """What campaigns ended with."""

    lift: Array  # true, relative to the start; one a campaign
    keeps: int
    wrong: int  # keeps whose true effect is zero or below
    tried: int

    def row(self, name: str) -> str:
        """A row of the table."""
        sem = self.lift.std() / math.sqrt(len(self.lift))
        wrong = self.wrong / max(1, self.keeps)
        count = len(self.lift)
        return (
            f"| {name} | {self.lift.mean():+.0%} ± {sem:.0%} | {np.median(self.lift):+.0%} "
            f"| {self.tried / count:.0f} | {self.keeps / count:.1f} | {wrong:.1%} |"
        )


class Bets:
    """The judge's two processes for many believed rates, as arrays: rate x kind x bet."""

    def __init__(self, min_effect: float) -> None:
        count = math.ceil(math.log(HIGHEST / START * 4) / math.log(GRID)) + 1
        self.bases = START / 4 * GRID ** np.arange(count)
        tests = [bars(min_effect, min_effect, min(base, HIGHEST)) for base in self.bases]
        self.middle = tests[0].middle
        self._processes = [self._stack(tests, which) for which in ("keep", "give_up")]

    @staticmethod
    def _stack(tests: list[Bars], which: str) -> tuple[Array, Array]:
        made = [Vectorised(getattr(test, which)()) for test in tests]
        widest = max(len(each.weights) for each in made)
        steps = np.zeros((len(made), 4, widest))
        weights = np.full((len(made), widest), -np.inf)
        for row, each in enumerate(made):
            steps[row, :, : len(each.weights)] = each.steps
            weights[row, : len(each.weights)] = each.weights
        return steps, weights

    def row_of(self, believed: Array) -> NDArray[np.int64]:
        """The row of the nearest rate."""
        rows = np.rint(np.log(np.maximum(believed, 1e-9) / self.bases[0]) / math.log(GRID))
        found: Counts = np.clip(rows, 0, len(self.bases) - 1).astype(np.int64)
        return found

    def evidence(self, rows: NDArray[np.int64], counts: Array) -> list[Array]:
        """The logarithms of both kinds of evidence."""
        return [
            log_sum(np.einsum("sk,skb->sb", counts, steps[rows]) + weights[rows])
            for steps, weights in self._processes
        ]


def judged(rng: np.random.Generator, effects: Array, campaigns: int, min_effect: float) -> Outcome:
    """The judge `rate`, asked after each batch; the first batch shows the start alone."""
    bets = Bets(min_effect)
    rates = np.full(campaigns, START)
    believed = rng.binomial(BATCH, rates) / BATCH
    candidates = _candidates(rng, campaigns, effects)
    counts, batches = np.zeros((campaigns, 4)), np.zeros(campaigns, dtype=np.int64)
    keeps = wrong = tried = 0
    for _ in range(VISITORS // BATCH - 1):
        pvals = np.stack([candidates, 1 - candidates, rates, 1 - rates], axis=-1) / 2
        counts += rng.multinomial(BATCH, pvals)
        batches += 1
        keep, leave = bets.evidence(bets.row_of(believed), counts)
        shown = keep >= -math.log(ERROR)
        seen = counts[:, 0] / counts[:, :2].sum(axis=1), counts[:, 2] / counts[:, 2:].sum(axis=1)
        kept = shown & (seen[0] - seen[1] >= bets.middle)
        done = shown | (leave >= -math.log(GIVE_UP)) | (batches >= BATCHES)
        keeps, tried = keeps + int(kept.sum()), tried + int(done.sum())
        wrong += int((kept & (candidates <= rates)).sum())
        believed = np.where(done, np.where(kept, seen[0], seen[1]), believed)
        rates = np.where(kept, candidates, rates)
        candidates = np.where(done, _candidates(rng, campaigns, effects), candidates)
        counts[done], batches[done] = 0.0, 0
    return Outcome(rates / START - 1, keeps, wrong, tried)


def one_look(
    rng: np.random.Generator, effects: Array, campaigns: int, visitors: int, bar: float
) -> Outcome:
    """So many visitors each, then kept if the pooled z exceeds the bar."""
    rates = np.full(campaigns, START)
    keeps = wrong = tried = 0
    for _ in range(VISITORS // visitors):
        candidates = _candidates(rng, campaigns, effects)
        each = visitors // 2
        better, worse = rng.binomial(each, candidates) / each, rng.binomial(each, rates) / each
        pooled = (better + worse) / 2
        error = np.sqrt(np.maximum(pooled * (1 - pooled), 1e-12) * 2 / each)
        kept = (better - worse) / error > bar
        keeps, tried = keeps + int(kept.sum()), tried + campaigns
        wrong += int((kept & (candidates <= rates)).sum())
        rates = np.where(kept, candidates, rates)
    return Outcome(rates / START - 1, keeps, wrong, tried)


def _candidates(rng: np.random.Generator, campaigns: int, effects: Array) -> Array:
    found: Array = np.minimum(START * np.exp(rng.choice(effects, campaigns)), HIGHEST)
    return found
