"""What the experiments so far teach: which kinds pay, what nearly did, what failed.

Like the standing, it is derived from the ledger and kept current in memory. It holds a bounded
number of experiments, however many there were.
"""

from bisect import insort
from collections import deque
from dataclasses import dataclass, field

from novum.judge import average
from novum.ledger import Experiment
from novum.ledger.confirmations import ABLATION
from novum.records import Outcome

NEAR, FAILED, TRIED = 32, 32, 1000  # how many of each are held
LONGEST = 60  # characters of a kind
UNNAMED = "(none given)"


@dataclass(slots=True)
class Kind:
    """How the ideas of one kind have fared; effects are positive for better."""

    tried: int = 0
    kept: int = 0
    failed: int = 0  # crashed, or invalid
    gained: float = 0.0  # as believed, over all keeps
    best: float | None = None  # the largest effect seen of one that was not kept
    best_sd: float = 0.0
    newest: int = 0  # the number of the newest experiment


@dataclass(frozen=True, slots=True)
class Tried:
    """A judged experiment in one line. `effect` is None where nothing was measured."""

    number: int
    title: str
    kind: str
    outcome: Outcome
    effect: float | None
    sd: float


@dataclass(slots=True)
class Lessons:
    """What a researcher can learn from, gathered verdict by verdict."""

    minimize: bool
    kinds: dict[str, Kind] = field(default_factory=dict)
    near: list[Experiment] = field(default_factory=list)  # the nearest last
    failed: deque[Experiment] = field(default_factory=lambda: deque(maxlen=FAILED))
    tried: deque[Tried] = field(default_factory=lambda: deque(maxlen=TRIED))

    def close(self, experiment: Experiment) -> None:
        """Take in a verdict; the baseline teaches nothing here."""
        verdict = experiment.verdict
        if verdict is None or experiment.number == 0:
            return
        evidence = verdict.evidence
        self.tried.append(
            Tried(
                experiment.number,
                experiment.proposal.title[: 4 * LONGEST],
                _kind_of(experiment),
                verdict.outcome,
                evidence.effect if evidence.runs else None,
                evidence.sd,
            )
        )
        if experiment.proposal.researcher != ABLATION:
            self._count(experiment)
        if verdict.outcome in {Outcome.CRASH, Outcome.INVALID}:
            self.failed.append(experiment)
        elif verdict.outcome is Outcome.DISCARD and evidence.effect > 0:
            insort(self.near, experiment, key=nearness)
            del self.near[:-NEAR]

    def _count(self, experiment: Experiment) -> None:
        verdict = experiment.verdict
        assert verdict is not None
        evidence, kind = verdict.evidence, self.kinds.setdefault(_kind_of(experiment), Kind())
        kind.tried += 1
        kind.newest = experiment.number
        if verdict.outcome is Outcome.KEEP:
            kind.kept += 1
            kind.gained += self._believed_gain(experiment)
        elif verdict.outcome is not Outcome.DISCARD:
            kind.failed += 1
        elif evidence.runs and (kind.best is None or evidence.effect > kind.best):
            kind.best, kind.best_sd = evidence.effect, evidence.sd

    def _believed_gain(self, experiment: Experiment) -> float:
        """What a keep is believed to have gained, which is less than its lucky score says."""
        verdict = experiment.verdict
        assert verdict is not None
        evidence = verdict.evidence
        if experiment.belief is None or not evidence.values:
            return evidence.effect
        gain = experiment.belief.mean - evidence.incumbent
        return -gain if self.minimize else gain


def nearness(experiment: Experiment) -> float:
    """How nearly an experiment was kept; of those that were better than nothing."""
    assert experiment.verdict is not None
    evidence = experiment.verdict.evidence
    if evidence.sd == 0:  # without noise, or a policy that knows of none
        return min(1.0, evidence.effect / evidence.required) if evidence.required > 0 else 0.5
    return evidence.probability + evidence.effect / (evidence.effect + 100 * evidence.sd)


def score_of(experiment: Experiment) -> float | None:
    """The mean of the runs that a verdict rests on; None if nothing was measured."""
    values = experiment.verdict.evidence.values if experiment.verdict else ()
    return average(values) if values else None


def _kind_of(experiment: Experiment) -> str:
    return " ".join(experiment.proposal.kind.split()).casefold()[:LONGEST] or UNNAMED
