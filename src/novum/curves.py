"""Learning curves at fixed points of the budget: what the rule for hopeless trials learns from.

A curve's points are the candidate's own words, but the clock is the machine's: the value at a
checkpoint is what had been told by then, whatever time a point claims for itself.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite

from novum.judge.hopeless import CHECKPOINTS, Complete, Gaps
from novum.lab import Lab
from novum.ledger import Experiment, Trial
from novum.records import Outcome

NAMES = ("bpb", "loss", "score")  # of what a curve shows, the most telling first
SPARED = "ran_on_though_hopeless"
KEPT = 256  # complete trials; older ones say little of the curves of now

Marks = Mapping[str, float]
"""Values at the checkpoints, under the names that `mark` makes; they lie among a trial's metrics."""


def mark(name: str, point: int) -> str:
    """Under what the value of a curve at a checkpoint is stored."""
    return f"{name}_at_{CHECKPOINTS[point] * 100:.0f}_percent"


def curve_names(lab: Lab) -> tuple[str, ...]:
    """What a curve may show, the most telling first: the metric itself, if it is there."""
    return (lab.metric.name, *(name for name in NAMES if name != lab.metric.name))


def own_marks(lab: Lab) -> set[str]:
    """All names that are the machine's own: no program or evaluator may set them."""
    points = range(len(CHECKPOINTS))
    return {SPARED, *(mark(name, point) for name in curve_names(lab) for point in points)}


@dataclass(slots=True)
class Curves:
    """The incumbent's curve, and how complete trials stood against the incumbent of their time."""

    lab: Lab
    reference: dict[str, float] = field(default_factory=dict)  # marks of the incumbent
    past: deque[Complete] = field(default_factory=lambda: deque(maxlen=KEPT))
    _marks: dict[int, list[Marks]] = field(default_factory=dict)  # by experiment

    def add_trial(self, trial: Trial) -> None:
        """Take in a trial that was measured."""
        if self.lab.judge.end_hopeless is None or trial.measurement is None:
            return
        if trial.experiment == trial.asked_by:
            own = own_marks(self.lab)
            known = {k: v for k, v in trial.measurement.metrics.items() if k in own}
            self._marks.setdefault(trial.experiment, []).append(known)

    def close(self, experiment: Experiment, believed: float) -> bool:
        """Take in a verdict; whether its first trial was spared.

        `believed` is the part of the observed effect that is believed: by so much the curve of
        a keep is taken for better than the one before. It is lucky as its score is, and every
        later trial would have to stand against that luck.
        """
        marks = self._marks.pop(experiment.id, [])
        verdict = experiment.verdict
        if not marks or verdict is None:
            return False
        spared = SPARED in marks[0]
        if experiment.number > 0:
            evidence = verdict.evidence
            gaps = tuple(self._gap_at(marks[0], point) for point in range(len(CHECKPOINTS)))
            self.past.append(
                Complete(gaps, evidence.effect, evidence.sd, evidence.required, spared)
            )
        if verdict.outcome is Outcome.KEEP:
            self._refer_to(marks, min(1.0, max(0.0, believed)))
        return spared

    def name_at(self, point: int) -> str | None:
        """What is compared at a checkpoint; None if the incumbent told nothing there."""
        names = curve_names(self.lab)
        return next((name for name in names if mark(name, point) in self.reference), None)

    def gap(self, name: str, point: int, value: float) -> float | None:
        """The lead of a value over the incumbent's at a checkpoint; behind is negative."""
        reference = self.reference.get(mark(name, point))
        if reference is None:
            return None
        gap = value - reference
        return -gap if self._minimized(name) else gap

    def _gap_at(self, marks: Marks, point: int) -> float | None:
        name = self.name_at(point)
        value = None if name is None else marks.get(mark(name, point))
        return None if name is None or value is None else self.gap(name, point, value)

    def _minimized(self, name: str) -> bool:
        """A loss is better when it is smaller, whatever the metric; all else goes with it."""
        return self.lab.minimize if name in (self.lab.metric.name, "score") else True

    def _refer_to(self, runs: Iterable[Marks], share: float) -> None:
        runs = list(runs)
        means = {}
        for key in own_marks(self.lab) - {SPARED}:
            values = [marks[key] for marks in runs if key in marks]
            if values:
                before = self.reference.get(key)
                mean = sum(value / len(values) for value in values)
                means[key] = mean if before is None else before + share * (mean - before)
        self.reference = {key: value for key, value in means.items() if isfinite(value)}


def all_gaps(curves: Curves, marks: Marks) -> Gaps:
    """The gaps of a trial's marks at every checkpoint."""
    names = [curves.name_at(point) for point in range(len(CHECKPOINTS))]
    return tuple(
        None if name is None or mark(name, point) not in marks
        else curves.gap(name, point, marks[mark(name, point)])
        for point, name in enumerate(names)
    )
