"""Learning curves at fixed points of the budget: what the rule for hopeless trials learns from.

A curve's points are the candidate's own words, but the clock is the machine's: the value at a
checkpoint is what had been told by then, whatever time a point claims for itself.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from novum.judge.hopeless import CHECKPOINTS, Complete
from novum.lab import Lab
from novum.ledger import Experiment, Trial
from novum.records import Outcome

SPARED = "ran_on_though_hopeless"
KEPT = 256  # complete trials; older ones say little of the curves of now

Marks = Mapping[str, float]
"""Values at the checkpoints, under the names that `mark` makes; kept among a trial's metrics."""


def mark(name: str, point: int) -> str:
    """Under what the value of a curve at a checkpoint is stored."""
    return f"{name}_at_{CHECKPOINTS[point] * 100:.0f}_percent"


def own_marks(lab: Lab) -> set[str]:
    """All names that are the machine's own: no program or evaluator may set them."""
    points = range(len(CHECKPOINTS))
    return {SPARED, *(mark(name, point) for name in lab.curve_names for point in points)}


@dataclass(slots=True)
class Curves:
    """The incumbent's curve, and how complete trials stood against the incumbent of their time."""

    lab: Lab
    reference: dict[str, float] = field(default_factory=dict)  # marks of the incumbent
    past: deque[Complete] = field(default_factory=lambda: deque(maxlen=KEPT))
    _runs: dict[int, list[tuple[float, Marks]]] = field(default_factory=dict)

    def add_trial(self, trial: Trial) -> None:
        """Take in a trial that was measured on the validation split."""
        asked = self.lab.judge.end_hopeless is not None
        if asked and trial.experiment == trial.asked_by and trial.measurement is not None:
            own = own_marks(self.lab)
            marks = {k: v for k, v in trial.measurement.metrics.items() if k in own}
            self._runs.setdefault(trial.experiment, []).append((trial.started, marks))

    def close(self, experiment: Experiment, believed: float) -> bool:
        """Take in a verdict; whether the experiment's first trial was spared.

        `believed` is the part of the observed effect that is believed: by so much the curve of
        a keep is taken for better than the one before. It is lucky as its score is, and every
        later trial would have to stand against that luck.
        """
        verdict, runs = experiment.verdict, self._runs.pop(experiment.id, [])
        judged = experiment.judged or 0.0
        marks = [marks for started, marks in runs if started <= judged]
        if not marks or verdict is None:
            return False
        spared = SPARED in marks[0]
        if experiment.number > 0:
            found = verdict.evidence
            gaps = tuple(self.gap(marks[0], point) for point in range(len(CHECKPOINTS)))
            self.past.append(Complete(gaps, found.effect, found.sd, found.required, spared))
        if verdict.outcome is Outcome.KEEP:
            self._refer_to(marks, min(1.0, max(0.0, believed)))
        return spared

    def name_at(self, point: int) -> str | None:
        """What is compared at a checkpoint; None if the incumbent told nothing there."""
        return next((n for n in self.lab.curve_names if mark(n, point) in self.reference), None)

    def gap(self, marks: Marks, point: int) -> float | None:
        """The lead over the incumbent at a checkpoint, behind is negative; None if unknown."""
        name = self.name_at(point)
        value = None if name is None else marks.get(mark(name, point))
        if name is None or value is None:
            return None
        gap = value - self.reference[mark(name, point)]
        return -gap if self._minimized(name) else gap

    def _minimized(self, name: str) -> bool:
        """A loss is better when it is smaller, whatever the metric; all else goes with it."""
        return self.lab.minimize if name in (self.lab.metric.name, "score") else True

    def _refer_to(self, runs: Sequence[Marks], share: float) -> None:
        """Move the reference to the curve of a keep; what the keep did not tell is not known."""
        means: dict[str, float] = {}
        for key in own_marks(self.lab) - {SPARED}:
            values = [marks[key] for marks in runs if key in marks]
            if values:
                mean = sum(value / len(values) for value in values)
                before = self.reference.get(key, mean)
                means[key] = before + share * (mean - before)
        self.reference = {key: value for key, value in means.items() if isfinite(value)}
