"""The first half of a trial: the candidate's program, under the machine's clock."""

import time
from collections.abc import Callable, Mapping
from threading import Event

from novum.records import Timing, TrialState
from novum.runners import Order, Phase, Pulse
from novum.runners.endings import failure, held_words, was_held
from novum.runners.progress import Progress
from novum.sandbox import Process

_PULSE_EVERY = 0.25
_PULSE_EVERY_WITH_POINTS = 0.05


class Training:
    """Watches a running trial: when it starts to train, when its budget ends, what it tells.

    The budget's clock runs from the declared start. A trial that has not ended by half of the
    grace after its budget is asked to end, and at the end of the grace it is ended.
    """

    def __init__(
        self, order: Order, progress: Progress, watch: Callable[[Pulse], None], cancel: Event
    ) -> None:
        self._order = order
        self._budget = order.lab.budget
        self._progress = progress
        self._watch = watch
        self._cancel = cancel
        self._start_wall: float | None = None  # when training started, since the process began
        self._start_cpu = 0.0
        self._asked: float | None = None  # when it was asked to end
        self._next_pulse = 0.0
        self._newest: Mapping[str, float] | None = None
        self._ended: tuple[TrialState, str] | None = None

    def tick(self, process: Process) -> bool:
        """Look at the trial; False ends it at once."""
        if self._cancel.is_set():
            self._ended = TrialState.CANCELLED, "it was cancelled"
            return False
        self._newest = self._progress.read() or self._newest
        if self._progress.started and self._start_wall is None:
            self._start_cpu = process.measure().cpu_seconds
            self._start_wall = process.elapsed
        self._pulse(process)
        self._ended = self._overdue(process)
        return self._ended is None

    def settle(self, process: Process) -> None:
        """Read what was told in the last moment, once the trial has ended."""
        self._progress.read_rest()
        if self._progress.started and self._start_wall is None:
            self._start_cpu = process.usage.cpu_seconds
            self._start_wall = process.duration

    def failure(self, process: Process) -> tuple[TrialState, str] | None:
        """How the trial failed, once it has ended; None if it did not."""
        if self._ended is not None:
            late = self._ended[0] is TrialState.TIMEOUT and was_held(process)
            return (TrialState.INFRASTRUCTURE, held_words(process)) if late else self._ended
        found = failure(process)
        asked_to_end = self._asked is not None and process.breach is None
        if found and asked_to_end and found[0] is not TrialState.INFRASTRUCTURE:
            detail = f"it did not end by itself within its budget of {self._order.seconds:g} s"
            return TrialState.TIMEOUT, detail
        return found

    def timing(self, process: Process) -> Timing:
        """Where the time went, once the trial has ended."""
        startup = self._start_wall or 0.0
        elapsed = process.duration
        spent = self._clock(elapsed, process)
        over = max(0.0, spent - self._order.seconds)
        unseen = min(over, process.held) if was_held(process) else 0.0
        return Timing(
            startup=startup,
            training=elapsed - startup,
            budget=spent,
            overtime=over - unseen,
            unseen=unseen,
        )

    def _clock(self, elapsed: float, process: Process) -> float:
        """Seconds on the budget's clock; of the whole process while no start was declared."""
        if self._budget.clock == "cpu":
            return process.usage.cpu_seconds - self._start_cpu
        return elapsed - (self._start_wall or 0.0)

    def _overdue(self, process: Process) -> tuple[TrialState, str] | None:
        if self._start_wall is None:
            return self._overdue_before_training(process)
        clock = self._clock(process.elapsed, process)
        if self._asked is None:
            if clock >= self._order.seconds + self._budget.grace / 2:
                self._asked = time.monotonic()
                process.terminate()
            return None
        grace = self._budget.grace
        over = clock - self._order.seconds
        patient = time.monotonic() - self._asked < grace / 2
        if patient and (self._budget.clock == "wall" or over < grace):
            return None
        seconds = self._order.seconds
        return TrialState.TIMEOUT, f"it ran on for {grace:g} s after its budget of {seconds:g} s"

    def _overdue_before_training(self, process: Process) -> tuple[TrialState, str] | None:
        # A script that prints its own score may have its own clock, and never declare a start.
        if self._order.lab.self_reported or process.elapsed < self._budget.startup:
            return None
        seconds = self._budget.startup
        return TrialState.TIMEOUT, f"it did not start training within {seconds:g} s"

    def _pulse(self, process: Process) -> None:
        now = process.elapsed
        pause = _PULSE_EVERY_WITH_POINTS if self._newest else _PULSE_EVERY
        if now < self._next_pulse + pause:
            return
        self._next_pulse = now
        training = self._start_wall is not None
        self._watch(
            Pulse(
                Phase.TRAINING if training else Phase.STARTUP,
                now,
                self._clock(now, process) if training else 0.0,
                process.usage.memory_mb,
                self._newest,
            )
        )
        self._newest = None
