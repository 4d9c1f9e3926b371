"""What there is to say about a campaign, as plain numbers from the ledger: no words, no layout."""

import math
from dataclasses import dataclass, field

from novum.confirmed import Claimed, claims, headline
from novum.export import by_experiment, own_scores, score
from novum.judge import Belief
from novum.lab import Lab, parse_lab
from novum.ledger import Campaign, Experiment, Ledger
from novum.records import Evidence, Outcome, Usage, Verdict
from novum.standing import Standing


@dataclass(frozen=True, slots=True)
class Result:
    """One judged experiment. `score` is None for a crash, and for what never ran."""

    number: int
    title: str
    commit: str | None
    net_lines: int
    score: float | None
    runs: tuple[float, ...]
    verdict: Verdict
    belief: Belief | None  # of the incumbent that stands after it

    @property
    def outcome(self) -> Outcome:
        """What it came to."""
        return self.verdict.outcome

    @property
    def failed(self) -> bool:
        """Whether it crashed or was invalid; what was ended as hopeless has no score either."""
        return self.outcome in {Outcome.CRASH, Outcome.INVALID}

    @property
    def evidence(self) -> Evidence:
        """The numbers behind its verdict."""
        return self.verdict.evidence


@dataclass(frozen=True, slots=True)
class Gain:
    """How much better the incumbent is believed to be than the baseline; better is positive.

    `sd` takes the two beliefs as independent. They share runs, so it errs on the large side.
    """

    size: float
    sd: float
    relative: float | None  # to the size of the baseline


@dataclass(frozen=True, slots=True)
class Cost:
    """What the campaign took. Rates are None where no time has passed."""

    trials: int
    seconds: float  # wall time over all sessions
    trial_seconds: float
    ended_early: int = 0  # hopeless trials
    saved: float = 0.0  # seconds of their budget
    asked: Usage = field(default_factory=Usage)  # for proposals

    @property
    def share(self) -> float | None:
        """The part of the wall time that was spent inside trials."""
        return self.trial_seconds / self.seconds if self.seconds > 0 else None

    def per_hour(self, experiments: int) -> float | None:
        """Experiments per hour of wall time."""
        return 3600 * experiments / self.seconds if self.seconds > 0 else None


@dataclass(frozen=True, slots=True)
class Facts:
    """A campaign as it stands. `kept` is without the baseline; `open` has no verdict yet."""

    lab: Lab
    campaign: Campaign
    results: tuple[Result, ...]
    baseline: Result | None
    kept: tuple[Result, ...]
    open: int
    experiments: int  # judged, without the baseline and without what did not apply
    incumbent: Experiment | None
    belief: Belief | None
    gain: Gain
    noise_sd: float | None  # of a single run; None while there are no replicates
    noise_degrees: int
    cost: Cost
    claims: tuple[Claimed, ...] = ()
    parts: tuple[Claimed, ...] = ()  # what ablations found

    @property
    def confirmed(self) -> Claimed | None:
        """The newest comparison with the start, whether it was confirmed or not."""
        return headline(self.claims)

    def count(self, outcome: Outcome) -> int:
        """How many experiments came to this, without the baseline."""
        return sum(result.outcome is outcome for result in self.tried)

    @property
    def tried(self) -> tuple[Result, ...]:
        """All results but those of the baseline."""
        first = self.baseline.number if self.baseline else 0
        return tuple(result for result in self.results if result.number > first)

    @property
    def did_not_apply(self) -> int:
        """Ideas that could not be tried."""
        return sum(result.commit is None for result in self.tried)


@dataclass(frozen=True, slots=True)
class KeptRow:
    """A line of the final table of keeps: plain data, the title as it was given."""

    number: int
    title: str
    score: float
    effect: float  # better is positive
    sd: float
    probability: float
    runs: int
    net_lines: int
    commit: str


def read_facts(ledger: Ledger, campaign: Campaign) -> Facts:
    """Everything that the report says, from the ledger alone."""
    lab = parse_lab(campaign.lab, f"lab.toml of campaign {campaign.tag}")
    standing = Standing.read(ledger, lab, campaign)
    experiments = ledger.experiments(campaign.id)
    results = _results(ledger, campaign, experiments)
    kept = [result for result in results if result.outcome is Outcome.KEEP]
    noise = standing.noise
    noise_sd = math.sqrt(noise.sum_squares / noise.degrees) if noise.degrees else None
    claimed, parts = claims(ledger, campaign)
    return Facts(
        lab=lab,
        campaign=campaign,
        results=results,
        baseline=kept[0] if kept else None,
        kept=tuple(kept[1:]),
        open=len(experiments) - len(results),
        experiments=standing.experiments,
        incumbent=standing.incumbent if standing.keeps else None,
        belief=standing.belief,
        gain=_gain(standing, noise_sd or 0.0),
        noise_sd=noise_sd,
        noise_degrees=noise.degrees,
        cost=Cost(
            standing.trials,
            ledger.seconds_worked(campaign.id),
            standing.trial_seconds,
            standing.hopeless,
            standing.saved,
            ledger.consultations.spent(campaign.id),
        ),
        claims=tuple(claimed),
        parts=tuple(parts),
    )


def kept_rows(facts: Facts) -> list[KeptRow]:
    """The final table of keeps, oldest first, without the baseline."""
    return [
        KeptRow(
            number=result.number,
            title=result.title,
            score=result.score,
            effect=result.evidence.effect,
            sd=result.evidence.sd,
            probability=result.evidence.probability,
            runs=len(result.runs),
            net_lines=result.net_lines,
            commit=result.commit,
        )
        for result in facts.kept
        if result.score is not None and result.commit is not None
    ]


def _results(
    ledger: Ledger, campaign: Campaign, experiments: list[Experiment]
) -> tuple[Result, ...]:
    trials = by_experiment(ledger.all_trials(campaign.id))
    return tuple(
        Result(
            number=experiment.number,
            title=experiment.proposal.title,
            commit=experiment.commit,
            net_lines=experiment.diff.net_lines,
            score=score(experiment, trials.get(experiment.id, ())),
            runs=own_scores(experiment, trials.get(experiment.id, ())),
            verdict=experiment.verdict,
            belief=experiment.belief,
        )
        for experiment in experiments
        if experiment.verdict is not None
    )


def _gain(standing: Standing, noise_sd: float) -> Gain:
    first = standing.baseline
    if first is None or standing.belief is None or len(standing.keeps) < 2:
        return Gain(0.0, 0.0, None)
    # A belief with an sd of 0 is a single score taken at face value.
    sd = math.hypot(first.sd or noise_sd, standing.belief.sd or noise_sd)
    relative = standing.gain / abs(first.mean) if first.mean else None
    return Gain(standing.gain, sd, relative)
