"""A campaign without code, for `benchmarks/judge.py`: ideas are draws, and so are runs.

A search space says what the next idea truly does; a machine says what a run of it scores. All
else is the judge's and the confirmation's own code, in the order in which a campaign uses it.
"""

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean

from novum.judge import Case, Effect, Judge, Next, Noise, Rules
from novum.judge.claims import level
from novum.judge.confirm import MOST, Claim, affordable, claim, decided, due
from novum.records import Outcome

HISTORY = 256  # as in `novum.standing`
ERROR_RATE = 0.05
MILLISECONDS = 1e3

Environment = Callable[[random.Random, float], float]
"""The true effect of the next idea, given the true gain so far; better is positive."""


@dataclass(frozen=True)
class Space:
    """Parameters of a search space: helps against harms, ordinary against heavy-tailed."""

    help_rate: float
    help_mean: float
    nothing: float
    harm_mean: float
    harm_tail: float  # share of the harms that are log-normal
    tail_median: float
    tail_log_sd: float

    def __call__(self, rng: random.Random, gain: float) -> float:
        """The effect of one idea; this space does not get harder."""
        u = rng.random()
        if u < self.help_rate:
            return rng.expovariate(1 / self.help_mean)
        return 0.0 if u < self.help_rate + self.nothing else self.harm(rng)

    def harm(self, rng: random.Random) -> float:
        """The effect of an idea that harms."""
        if rng.random() < self.harm_tail:
            return -rng.lognormvariate(math.log(self.tail_median), self.tail_log_sd)
        return -rng.expovariate(1 / self.harm_mean)


@dataclass(frozen=True)
class Harvest:
    """Large wins first, then a plateau: helps grow rarer and smaller with the gain so far."""

    space: Space
    rate: float
    rate_scale: float
    mean: float
    mean_scale: float

    def __call__(self, rng: random.Random, gain: float) -> float:
        """The effect of one idea after this true gain."""
        if rng.random() < max(self.space.help_rate, self.rate * math.exp(-gain / self.rate_scale)):
            mean = max(self.space.help_mean, self.mean * math.exp(-gain / self.mean_scale))
            return rng.expovariate(1 / mean)
        return self.space.harm(rng)


WINS, PLATEAU, NOTHING = "large wins, then a plateau", "plateau only", "mostly nothing"
REPORT: dict[str, Environment] = {  # those of FACTS.md
    WINS: Harvest(Space(0.12, 3e-4, 0.0, 5e-4, 0.25, 28e-4, 0.8), 0.62, 0.020, 45e-4, 0.011),
    PLATEAU: Space(0.17, 3e-4, 0.0, 6.3e-4, 0.21, 31e-4, 0.85),
    NOTHING: Space(0.05, 8e-4, 0.60, 6e-4, 0.40, 28e-4, 0.8),
}
TUNE: dict[str, Environment] = {
    WINS: Harvest(Space(0.08, 4e-4, 0.0, 8e-4, 0.40, 40e-4, 0.6), 0.50, 0.015, 30e-4, 0.015),
    PLATEAU: Space(0.25, 2.5e-4, 0.10, 4e-4, 0.30, 20e-4, 0.7),
    NOTHING: Space(0.08, 5e-4, 0.40, 9e-4, 0.30, 40e-4, 0.6),
}
ODD: dict[str, Environment] = {  # unlike what any prior expects
    "everything helps a little": Space(1.0, 1e-4, 0.0, 5e-4, 0.0, 28e-4, 0.8),
    "nothing ever helps": Space(0.0, 3e-4, 0.3, 5e-4, 0.25, 28e-4, 0.8),
}


@dataclass(frozen=True)
class Machine:
    """What a run adds to the truth. Nobody tells the judge."""

    noise: float = 5e-4  # standard deviation of one run
    heavy: bool = False  # Student's t with 3 degrees of freedom, of the same sd
    walk: float = 0.0  # standard deviation of the machine's own step, at every run
    jump_rate: float = 0.0  # of runs at which the machine jumps
    jump: float = 0.0  # standard deviation of a jump
    split: float = 0.0  # sd of what an idea adds on the validation split alone


class Runs:
    """Runs on a machine, one after another; its own level wanders, if it does."""

    def __init__(self, machine: Machine, seed: int) -> None:
        self.machine = machine
        self.rng = random.Random(f"noise {seed}")
        self.level = 0.0
        self.count = 0

    def measure(self, truth: float) -> float:
        """One run."""
        machine, rng = self.machine, self.rng
        self.count += 1
        if machine.walk:
            self.level += rng.gauss(0, machine.walk)
        if machine.jump_rate and rng.random() < machine.jump_rate:
            self.level += rng.gauss(0, machine.jump)
        noise = rng.gauss(0, machine.noise)
        if machine.heavy:  # a t of 3 degrees has variance 3
            noise /= math.sqrt(rng.gammavariate(1.5, 2.0))
        return truth + noise + self.level


@dataclass
class Tally:
    """What one simulated campaign came to; gains in the metric's unit."""

    gain: float = 0.0
    keeps: int = 0
    false_keeps: int = 0
    decisions: int = 0
    runs: int = 0
    confirming: int = 0  # of the runs
    claims: int = 0  # confirmed ones
    false_claims: int = 0
    covered: bool | None = None  # whether the last interval held the true gain over the start
    confirmed: float = 0.0  # the headline, if it was confirmed
    milliseconds: float = 0.0  # of processor time, for all decisions


@dataclass(frozen=True)
class Setting:
    """What is simulated: a budget of runs in a space on a machine."""

    space: Environment
    machine: Machine
    runs: int = 700
    max_runs: int = 6
    baseline: int = 3
    min_effect: float = 0.0
    confirms: bool = True


@dataclass(frozen=True)
class Commit:
    """True scores: on unseen data, and on the validation split that the search sees."""

    truth: float = 0.0
    seen: float = 0.0


@dataclass
class Simulation:
    """One campaign of one judge."""

    judge: Judge
    setting: Setting
    seed: int
    tally: Tally = field(default_factory=Tally)

    def run(self) -> Tally:
        """Spend the budget; the last runs of it go to the confirmation at the end."""
        setting, tally = self.setting, self.tally
        self.ideas = random.Random(f"ideas {self.seed}")
        self.place = Runs(setting.machine, self.seed)
        self.rules = Rules(minimize=False, max_runs=setting.max_runs, min_effect=setting.min_effect)
        self.history: list[Effect] = []
        self.incumbent = self.start = Commit()
        self.milestones: list[Commit] = []
        self.outcomes: list[bool] = []
        self.last, self.took = 0, MOST
        values = tuple(self.place.measure(0.0) for _ in range(setting.baseline))
        self.noise = Noise().with_group(values)
        self.selected: tuple[float, ...] = ()
        self.unselected = values
        self.belief, self.best = self.judge.opening(values), fmean(values)
        while self.place.count + self.reserve() < setting.runs:
            self.experiment()
            if setting.confirms and self.milestone():
                self.confirm()
        if setting.confirms and self.incumbent is not self.start:
            self.confirm(end=True)
        tally.gain, tally.runs = self.incumbent.truth, self.place.count
        return tally

    # Searching

    def experiment(self) -> None:
        """One idea, until it is decided."""
        effect = self.setting.space(self.ideas, self.incumbent.truth)
        split = self.setting.machine.split
        luck = self.ideas.gauss(0, split) if split else 0.0
        idea = Commit(self.incumbent.truth + effect, self.incumbent.seen + effect + luck)
        values: tuple[float, ...] = (self.place.measure(idea.seen),)
        while True:
            begun = time.thread_time()
            ruling = self.judge.consider(self.case(values))
            self.tally.milliseconds += MILLISECONDS * (time.thread_time() - begun)
            if ruling.again is Next.CANDIDATE:
                values = (*values, self.place.measure(idea.seen))
            elif ruling.again is Next.INCUMBENT:
                self.remeasure()
            else:
                break
        self.tally.decisions += 1
        self.noise = self.noise.judged(ruling.evidence)
        self.history.append(Effect(ruling.evidence.effect, ruling.evidence.sd))
        self.belief = ruling.belief or self.belief
        if ruling.outcome is Outcome.KEEP:
            self.tally.keeps += 1
            self.tally.false_keeps += effect <= 0
            self.incumbent, self.best = idea, fmean(values)
            self.selected, self.unselected = values, ()

    def remeasure(self) -> None:
        """One more run of the incumbent; it had no part in the keep."""
        fresh = self.place.measure(self.incumbent.seen)
        self.belief = self.judge.refresh(self.belief, (fresh,), self.noise)
        before = (*self.selected, *self.unselected)
        self.unselected = (*self.unselected, fresh)
        old, new = Noise().with_group(before), Noise().with_group((*before, fresh))
        self.noise = Noise(
            self.noise.sum_squares + new.sum_squares - old.sum_squares, self.noise.degrees + 1
        )

    def case(self, values: tuple[float, ...]) -> Case:
        """The candidate as the judge sees it."""
        return Case(
            rules=self.rules,
            values=values,
            incumbent=self.belief,
            incumbent_best=self.best,
            noise=self.noise,
            history=tuple(self.history[-HISTORY:]),
            unselected=self.unselected,
        )

    # Confirming, as `novum.campaign.confirmation` does

    @property
    def arms(self) -> list[Commit]:
        """What the incumbent is compared with: the start, and the last milestone."""
        return [self.start, *self.milestones[-1:]]

    def pairs(self) -> int:
        """How many a confirmation may take now."""
        return affordable(self.place.count, len(self.arms) + 1, MOST)

    def reserve(self) -> int:
        """Runs that are kept for the confirmation at the end: a pair more than the last took."""
        pairs = min(self.pairs(), self.took + 1)
        return pairs * (len(self.arms) + 1) if self.setting.confirms else 0

    def milestone(self) -> bool:
        """Whether it is time; not shortly before the end."""
        near = 2 * self.setting.runs < 3 * self.place.count
        new = self.incumbent is not (self.milestones[-1] if self.milestones else self.start)
        return not near and new and due(self.tally.decisions, self.last)

    def confirm(self, end: bool = False) -> None:
        """Run pairs until it is clear; make the claims."""
        before, most, arms = self.place.count, self.pairs(), self.arms
        if end:
            most = min(most, (self.setting.runs - before) // (len(arms) + 1))
        differences: list[list[float]] = [[] for _ in arms]
        while waiting := [
            n
            for n, claimed in enumerate(self.claimed(differences))
            if not self.enough(claimed, most, n)
        ]:
            order = [None, *waiting] if len(differences[0]) % 2 == 0 else [*waiting[::-1], None]
            scores = {
                n: self.place.measure((self.incumbent if n is None else arms[n]).truth)
                for n in order
            }
            for n in waiting:
                differences[n].append(scores[None] - scores[n])
        self.tally.confirming += self.place.count - before
        self.last, self.took = self.tally.decisions, len(differences[0])
        self.record(self.claimed(differences), arms, end)
        if self.incumbent not in self.milestones:
            self.milestones.append(self.incumbent)

    def enough(self, found: Claim, most: int, arm: int) -> bool:
        """Whether this arm needs no further pair."""
        return decided(found, most, precise=arm == 0)

    def claimed(self, differences: list[list[float]]) -> list[Claim]:
        """The claims that these differences support, in order."""
        outcomes, claims = list(self.outcomes), []
        for values in differences:
            claims.append(claim(values, level(ERROR_RATE, outcomes)))
            outcomes.append(claims[-1].confirmed)
        return claims

    def record(self, claims: list[Claim], arms: list[Commit], end: bool) -> None:
        """Count what was claimed, and whether it is true."""
        for found, arm in zip(claims, arms, strict=True):
            self.outcomes.append(found.confirmed)
            self.tally.claims += found.confirmed
            self.tally.false_claims += found.confirmed and self.incumbent.truth <= arm.truth
        headline = claims[0]
        if end and math.isfinite(headline.high):
            self.tally.covered = headline.low <= self.incumbent.truth <= headline.high
            self.tally.confirmed = headline.gain if headline.confirmed else 0.0
