"""The lookout: follows the curve of a running trial, and ends the trial when it is hopeless.

Only where the lab asks for it (`judge.end_hopeless`), and only the first trial of a candidate: the
baseline, replicates and confirmations are needed whole.
"""

from collections import deque
from dataclasses import replace
from threading import Event

from novum.curves import SPARED, mark, own_marks
from novum.judge.hopeless import CHECKPOINTS, is_spared, limit
from novum.ledger import Experiment
from novum.records import TrialResult, TrialState
from novum.runners import Phase, Pulse
from novum.standing import Standing

WINDOW = 0.1  # of the budget: what was told in so much before a checkpoint is averaged


class Ending(Event):
    """Set for one trial, or by the person's stop, which it follows without a moment's delay."""

    def __init__(self, stop: Event) -> None:
        super().__init__()
        self._stop = stop

    def is_set(self) -> bool:
        """Whether the trial is to end."""
        return self._stop.is_set() or super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end of the trial; two events cannot be waited for, so it looks often."""
        left = timeout
        while not self.is_set() and (left is None or left > 0):
            step = 0.05 if left is None else min(0.05, left)
            super().wait(step)
            left = None if left is None else left - step
        return self.is_set()


class Lookout:
    """Follows one trial that an experiment runs for its own verdict; any other it leaves alone."""

    def __init__(
        self, standing: Standing, experiment: Experiment | None, seed: int, stop: Event
    ) -> None:
        self.ending = Ending(stop)
        self._curves, self._lab, self._seed = standing.curves, standing.lab, seed
        self._seconds = float(standing.campaign.settings["seconds"])
        self._rate = rate = standing.lab.judge.end_hopeless
        self._follows = rate is not None and experiment is not None
        self._limit = None
        if rate and experiment and experiment.number > 0 and not standing.values(experiment.id):
            self._limit = limit(standing.curves.past, rate)
        self._told: deque[tuple[float, dict[str, float]]] = deque()
        self._marks: dict[str, float] = {}
        self._passed = 0
        self._spared = False
        self._reason = ""

    def see(self, pulse: Pulse) -> None:
        """Take in a sign of life. The place on the budget is the machine's, not the point's."""
        if not self._follows or pulse.phase is not Phase.TRAINING:
            return
        place = pulse.clock / self._seconds
        if pulse.point:
            self._told.append((place, dict(pulse.point)))
        while self._told and self._told[0][0] < place - WINDOW:
            self._told.popleft()
        while self._passed < len(CHECKPOINTS) and place >= CHECKPOINTS[self._passed]:
            self._pass(self._passed)
            self._passed += 1

    def result(self, result: TrialResult) -> TrialResult:
        """The trial's result, with what the curve said at the checkpoints, or why it was ended."""
        if result.state is TrialState.CANCELLED and self._reason:
            return replace(result, state=TrialState.HOPELESS, detail=self._reason)
        measured = result.measurement
        if measured is None or not self._follows:
            return result
        own = own_marks(self._lab)
        metrics = {name: value for name, value in measured.metrics.items() if name not in own}
        metrics |= self._marks | ({SPARED: 1.0} if self._spared else {})
        return replace(result, measurement=replace(measured, metrics=metrics))

    def _pass(self, point: int) -> None:
        for key in self._lab.curve_names:
            told = [values[key] for _, values in self._told if key in values]
            if told:
                self._marks[mark(key, point)] = sum(value / len(told) for value in told)
        gap = self._curves.gap(self._marks, point)
        if self._limit is None or not self._limit.is_hopeless(point, gap) or self._spared:
            return
        self._spared = is_spared(self._seed)
        if not self._spared and not self._reason:
            self._reason = self._words(point)
            self.ending.set()

    def _words(self, point: int) -> str:
        name = self._curves.name_at(point) or ""
        value = self._marks[mark(name, point)]
        reference = self._curves.reference[mark(name, point)]
        return (
            f"ended at {CHECKPOINTS[point]:.0%} of its budget: {name} {value:.4g} against the "
            f"incumbent's {reference:.4g} there; at most {self._rate:.2g} of improvements look so"
        )
