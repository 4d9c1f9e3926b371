"""Where a campaign stands: derived from the ledger, and kept current in memory.

Everything here can be thrown away and read again; it exists so that a campaign of ten thousand
experiments costs as little per step as one of ten.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from math import hypot, sqrt

from novum.curves import Curves
from novum.judge import Belief, Effect, Noise, average
from novum.judge.hopeless import SPARED
from novum.lab import Lab
from novum.ledger import Campaign, Experiment, Ledger, Trial
from novum.lessons import Lessons, score_of
from novum.records import Outcome, Proposal, TrialState

HISTORY = 256  # effects that the prior is learned from; the newest say most about what is left
RECENT = 50


@dataclass(frozen=True, slots=True)
class Tally:
    """How a researcher has fared: its proposals, those with a verdict, those that were kept."""

    proposed: int = 0
    judged: int = 0
    kept: int = 0


@dataclass(slots=True)
class Standing:
    """The incumbent and what is believed of it, the noise, and what was tried."""

    lab: Lab
    campaign: Campaign
    experiments: int = 0  # judged, without the baseline and without those that did not apply
    next_number: int = 0
    trials: int = 0
    counted: int = 0  # trials that say something
    trial_seconds: float = 0.0
    hopeless: int = 0  # trials that were ended early
    saved: float = 0.0  # seconds of their budget that they did not use
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    keeps: list[Experiment] = field(default_factory=list)  # the baseline first
    tried: set[str] = field(default_factory=set)
    results: dict[str, float | None] = field(default_factory=dict)  # by key: the mean score
    tallies: dict[str, Tally] = field(default_factory=dict)  # by researcher
    history: deque[Effect] = field(default_factory=lambda: deque(maxlen=HISTORY))
    recent: deque[Experiment] = field(default_factory=lambda: deque(maxlen=RECENT))
    belief: Belief | None = None
    baseline: Belief | None = None  # what was last believed of it while it was the incumbent
    overtime: float = 0.0  # the most that the baseline used past its budget, on the budget's clock
    curves: Curves = field(init=False)
    lessons: Lessons = field(init=False)
    _first: int = 0  # the baseline's id
    _groups: Noise = field(default_factory=Noise)  # deviations from the mean of each commit's runs
    _read: float = 0.0  # by how much the judges read fewer squares in them, for they were chosen
    _values: dict[int, tuple[float, ...]] = field(default_factory=dict)
    _measured: Counter[int] = field(default_factory=Counter)  # runs, by experiment

    def __post_init__(self) -> None:
        self.curves = Curves(self.lab)
        self.lessons = Lessons(self.lab.minimize)

    @classmethod
    def read(cls, ledger: Ledger, lab: Lab, campaign: Campaign) -> "Standing":
        """The standing of a campaign, from the ledger alone."""
        standing = cls(lab, campaign)
        experiments = ledger.experiments(campaign.id)
        for experiment in experiments:
            standing.open(experiment)
        for trial in ledger.all_trials(campaign.id):
            standing.add_trial(trial)
        for experiment in experiments:
            if experiment.verdict is not None:
                standing.close(experiment)
        return standing

    @property
    def has_baseline(self) -> bool:
        """Whether the baseline was measured."""
        return bool(self.keeps)

    @property
    def incumbent(self) -> Experiment:
        """The experiment whose commit is the present best."""
        return self.keeps[-1]

    @property
    def gain(self) -> float:
        """How much better the incumbent is believed to be than the baseline; better is positive."""
        if len(self.keeps) < 2 or self.baseline is None or self.belief is None:
            return 0.0
        return self.oriented(self.belief.mean - self.baseline.mean)

    @property
    def baseline_score(self) -> float | None:
        """The mean score of the runs that the baseline's verdict rests on."""
        return score_of(self.keeps[0]) if self.keeps else None

    @property
    def seed(self) -> int:
        """What the seeds of this campaign begin after: two campaigns may be made to differ."""
        return int(self.campaign.settings.get("seed", 0))

    @property
    def next_seed(self) -> int:
        """A seed that no trial had of which anything is known.

        One that was interrupted is run again with its own seed: so a campaign comes to the same,
        however often its machine is killed.
        """
        return self.seed + self.counted + 1

    def oriented(self, difference: float) -> float:
        """A difference of the metric, turned so that better is positive."""
        return -difference if self.lab.minimize else difference

    def values(self, experiment: int) -> tuple[float, ...]:
        """The validation scores of an experiment's commit, oldest first."""
        return self._values.get(experiment, ())

    def measured(self, experiment: int) -> int:
        """How many runs of an experiment's commit were measured, those of confirmations too."""
        return self._measured[experiment]

    @property
    def noise(self) -> Noise:
        """The noise as known from all commits that were run more than once."""
        return Noise(max(self._groups.sum_squares + self._read, 0.0), self._groups.degrees)

    def noise_without(self, experiment: int) -> Noise:
        """The noise as known from all other experiments' runs."""
        return _regrouped(self.noise, self.values(experiment), ())

    def add_trial(self, trial: Trial) -> None:
        """Take in a trial that ended."""
        self.trials += 1
        self.counted += trial.state.counts
        self.trial_seconds += trial.timing.total
        if trial.state is TrialState.HOPELESS:
            self.hopeless += 1
            self.saved += max(0.0, trial.seconds - trial.timing.budget)
        self._measured[trial.experiment] += trial.state is TrialState.MEASURED
        measured = trial.state is TrialState.MEASURED and trial.searched
        if measured and trial.measurement is not None:
            before = self.values(trial.experiment)
            after = (*before, trial.measurement.metric)
            self._values[trial.experiment] = after
            if trial.experiment == self._first:
                self.overtime = max(self.overtime, trial.timing.overtime)
            self._groups = _regrouped(self._groups, before, after)
            self.curves.add_trial(trial)

    def open(self, experiment: Experiment) -> None:
        """Take in a proposal."""
        if experiment.number == 0:
            self._first = experiment.id
        self.next_number = max(self.next_number, experiment.number + 1)
        if experiment.proposal.key:
            self.tried.add(experiment.proposal.key)
        self._count(experiment, proposed=1)

    def repeat(self, proposal: Proposal, earlier: Experiment) -> None:
        """Take in that a proposal repeats an earlier experiment, whose result is its own."""
        if proposal.key:
            self.tried.add(proposal.key)
            values = self.values(earlier.id)
            self.results[proposal.key] = average(values) if values else None

    def close(self, experiment: Experiment) -> None:
        """Take in a verdict."""
        verdict = experiment.verdict
        assert verdict is not None
        self.recent.append(experiment)
        if verdict.outcome is Outcome.KEEP:
            self.keeps.append(experiment)
        if experiment.belief is not None:
            self.belief = experiment.belief
            if len(self.keeps) == 1:
                self.baseline = experiment.belief
        self.lessons.close(experiment)
        spared = self.curves.close(experiment, _believed(experiment))
        if experiment.number == 0:
            return
        if experiment.commit is not None:
            self.experiments += 1
        self.outcomes[verdict.outcome] += 1
        self._count(experiment, judged=1, kept=int(verdict.outcome is Outcome.KEEP))
        evidence = verdict.evidence
        if experiment.proposal.key:
            self.results[experiment.proposal.key] = score_of(experiment)
        if evidence.values:
            mean = average(evidence.values)
            run = evidence.noise_sd / sqrt(len(evidence.values))
            sd = hypot(run, evidence.incumbent_sd, evidence.split_sd)
            if evidence.squares is not None:
                group = Noise().with_group(evidence.values)
                self._read += evidence.squares - group.sum_squares
            # What was ended has no effect to learn from; one that was spared stands for them.
            seen = Effect(self.oriented(mean - evidence.incumbent), sd)
            self.history.extend([seen] * (SPARED if spared else 1))

    def _count(
        self, experiment: Experiment, proposed: int = 0, judged: int = 0, kept: int = 0
    ) -> None:
        name = experiment.proposal.researcher
        was = self.tallies.get(name, Tally())
        self.tallies[name] = Tally(was.proposed + proposed, was.judged + judged, was.kept + kept)


def _believed(experiment: Experiment) -> float:
    """The part of an experiment's observed effect that is believed after it."""
    verdict = experiment.verdict
    if verdict is None or experiment.belief is None or not verdict.evidence.values:
        return 1.0
    before = verdict.evidence.incumbent
    observed = average(verdict.evidence.values) - before
    return (experiment.belief.mean - before) / observed if observed else 1.0


def _regrouped(noise: Noise, before: tuple[float, ...], after: tuple[float, ...]) -> Noise:
    """The noise with one group of replicates replaced by a longer one."""
    old, new = Noise().with_group(before), Noise().with_group(after)
    squares = noise.sum_squares - old.sum_squares + new.sum_squares
    return Noise(max(squares, 0.0), noise.degrees - old.degrees + new.degrees)
