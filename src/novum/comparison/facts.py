"""What there is to say about a comparison, as plain numbers from the ledger."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from novum.comparison.plan import Entry, Wish
from novum.confirmed import EXACT, Claimed, claims, headline
from novum.judge.distributions import student
from novum.lab import Lab, parse_lab
from novum.ledger import Campaign, Ledger
from novum.records import Usage
from novum.standing import Standing

ERROR_RATE = 0.05  # of all intervals that are set side by side, together


@dataclass(frozen=True, slots=True)
class Spot:
    """A gain over the start, and what was spent until then; better is positive."""

    gain: float
    experiments: int
    seconds: float
    usd: float


@dataclass(frozen=True, slots=True)
class Remeasured:
    """A comparison of the incumbent with the start on fresh seeds: where, and what it found."""

    at: Spot
    low: float
    high: float
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Run:
    """One campaign. `course` is what was believed after each experiment, the start first."""

    entry: Entry
    course: tuple[Spot, ...]
    tested: tuple[Remeasured, ...]
    finished: bool
    experiments: int
    keeps: int
    keeps_confirmed: int  # those that lie in code whose gain is confirmed
    trials: int
    seconds: float
    usage: Usage
    measured: float | None  # the gain of what was found, on fresh seeds; None: not measured yet
    confirmed: float  # the same if it is confirmed, else 0

    @property
    def believed(self) -> float:
        """The gain that the search believes in at the end."""
        return self.course[-1].gain


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over repeats, with an interval for the mean of all repeats that could be."""

    mean: float
    low: float
    high: float
    count: int

    @property
    def known(self) -> bool:
        """Whether there are repeats enough for an interval."""
        return math.isfinite(self.high - self.low)

    @property
    def exact(self) -> bool:
        """Whether all repeats agree, so that the ends say nothing more than the mean."""
        return (self.high - self.low) / 2 <= EXACT * abs(self.mean)


def interval(values: Sequence[float], error_rate: float = ERROR_RATE) -> Interval:
    """Student's interval; without ends for fewer than two values."""
    mean, count = fmean(values), len(values)
    if count < 2:
        return Interval(mean, -math.inf, math.inf, count)
    half = student(1 - error_rate / 2, count - 1) * stdev(values) / math.sqrt(count)
    return Interval(mean, mean - half, mean + half, count)


@dataclass(frozen=True, slots=True)
class Facts:
    """A comparison as it stands."""

    lab: Lab
    name: str
    wish: Wish
    runs: tuple[Run, ...]

    def of(self, researcher: str) -> list[Run]:
        """A researcher's campaigns, in the order of repeats."""
        runs = [run for run in self.runs if run.entry.researcher == researcher]
        return sorted(runs, key=lambda run: run.entry.repeat)

    @property
    def begun(self) -> list[str]:
        """The researchers of which there is something to say, in the person's order."""
        return [one for one in self.wish.researchers if self.of(one)]

    @property
    def complete(self) -> bool:
        """Whether all campaigns are at their end."""
        planned = len(self.wish.researchers) * self.wish.repeats
        return len(self.runs) == planned and all(
            run.finished and run.measured is not None for run in self.runs
        )

    def difference(self, one: str, other: str, error_rate: float) -> Interval | None:
        """How much more one gained than another, repeat by repeat; None if nothing is there yet."""
        known = {run.entry.repeat: run.measured for run in self.of(other)}
        pairs = [
            run.measured - theirs
            for run in self.of(one)
            if run.measured is not None and (theirs := known.get(run.entry.repeat)) is not None
        ]
        return interval(pairs, error_rate) if pairs else None


def read_run(ledger: Ledger, campaign: Campaign, entry: Entry) -> Run | None:
    """A campaign from the ledger; None while it has no baseline."""
    lab = parse_lab(campaign.lab)
    standing = Standing.read(ledger, lab, campaign)
    if not standing.has_baseline:
        return None
    ledger_of_costs = _Costs(ledger, campaign)
    told = claims(ledger, campaign)[0]
    newest = headline(told)
    incumbent = standing.incumbent.number
    measured = None if incumbent else 0.0
    if incumbent and newest is not None and newest.of == incumbent and newest.claim.pairs:
        measured = newest.claim.gain
    sure = [one for one in told if one.against == 0 and not one.dial and one.claim.confirmed]
    last_sure = sure[-1].of if sure and newest is not None and newest.claim.confirmed else 0
    keeps = standing.keeps[1:]
    return Run(
        entry=entry,
        course=tuple(_course(ledger, campaign, standing, ledger_of_costs)),
        tested=tuple(_tested(ledger, campaign, told, ledger_of_costs)),
        finished=campaign.state == "finished",
        experiments=standing.experiments,
        keeps=len(keeps),
        keeps_confirmed=sum(keep.number <= last_sure for keep in keeps),
        trials=standing.trials,
        seconds=ledger.seconds_worked(campaign.id),
        usage=ledger.consultations.spent(campaign.id),
        measured=measured,
        confirmed=measured if measured is not None and last_sure == incumbent else 0.0,
    )


class _Costs:
    """What a campaign had spent at any time."""

    def __init__(self, ledger: Ledger, campaign: Campaign) -> None:
        self._ledger, self._campaign = ledger, campaign.id
        self._asked = [
            (one.ended or one.started, one.usage.usd)
            for one in ledger.consultations.all(campaign.id)
        ]

    def spot(self, gain: float, experiments: int, at: float) -> Spot:
        usd = math.fsum(usd for ended, usd in self._asked if ended <= at)
        return Spot(gain, experiments, self._ledger.seconds_worked(self._campaign, at), usd)


def _course(ledger: Ledger, campaign: Campaign, standing: Standing, costs: _Costs) -> list[Spot]:
    """What was believed of the incumbent against what was believed of the baseline at last."""
    assert standing.baseline is not None
    spots: list[Spot] = []
    count, gain = 0, 0.0
    kept = False
    for one in ledger.experiments(campaign.id):
        if one.verdict is None or one.belief is None or one.judged is None:
            continue
        kept = kept or (one.number > 0 and one.verdict.outcome == "keep")
        count += one.number > 0 and one.commit is not None
        gain = standing.oriented(one.belief.mean - standing.baseline.mean) if kept else 0.0
        spots.append(costs.spot(gain, count, one.judged))
    return spots


def _tested(
    ledger: Ledger, campaign: Campaign, told: Sequence[Claimed], costs: _Costs
) -> list[Remeasured]:
    when = {one.id: one for one in ledger.confirmations.finished(campaign.id)}
    found = []
    for one in told:
        confirmation = when[one.confirmation]
        if one.against != 0 or one.dial or one.claim.pairs == 0 or confirmation.ended is None:
            continue
        spot = costs.spot(one.claim.gain, confirmation.after, confirmation.ended)
        found.append(Remeasured(spot, one.claim.low, one.claim.high, one.claim.confirmed))
    return found


def as_json(facts: Facts) -> dict[str, Any]:
    """The facts as plain data; an interval without ends has null."""
    return {
        "name": facts.name,
        "metric": facts.lab.metric.name,
        "experiments": facts.wish.experiments,
        "repeats": facts.wish.repeats,
        "complete": facts.complete,
        "researchers": [_researcher(facts, one) for one in facts.begun],
    }


def _researcher(facts: Facts, name: str) -> dict[str, Any]:
    runs = facts.of(name)
    measured = [run.measured for run in runs if run.measured is not None]
    return {
        "researcher": name,
        "measured_gain": _plain(measured),
        "confirmed_gain": _plain([run.confirmed for run in runs]),
        "believed_gain": _plain([run.believed for run in runs]),
        "campaigns": [
            {
                "tag": run.entry.tag,
                "repeat": run.entry.repeat,
                "finished": run.finished,
                "experiments": run.experiments,
                "keeps": run.keeps,
                "keeps_confirmed": run.keeps_confirmed,
                "trials": run.trials,
                "seconds": run.seconds,
                "usd": run.usage.usd,
                "unpriced": run.usage.unpriced,
                "tokens": run.usage.tokens,
                "measured_gain": run.measured,
                "confirmed_gain": run.confirmed,
                "believed_gain": run.believed,
            }
            for run in runs
        ],
    }


def _plain(values: Sequence[float]) -> dict[str, float | int | None] | None:
    if not values:
        return None
    found = interval(values)
    ends = (found.low, found.high) if found.known else (None, None)
    return {"mean": found.mean, "low": ends[0], "high": ends[1], "count": found.count}
