"""Trials on this machine, one at a time, each in its sandbox."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from novum.errors import SandboxError
from novum.records import NOT_YET, Measurement, Timing, TrialResult, TrialState
from novum.runners import Order, Phase, Pulse
from novum.runners.commands import evaluation_command, training_command
from novum.runners.endings import NO_ANSWER_YET, REFUSED, failure
from novum.runners.metrics import InvalidMetricError, parse_output, parse_result
from novum.runners.progress import Progress
from novum.runners.service import ServiceError, serving
from novum.runners.training import Training
from novum.sandbox import Confinement, Process, confinement_for, run

SEPARATOR = b"\n----- evaluation -----\n"
PEAK_MEMORY = "peak_memory_mb"
_LARGEST_RESULT = 8 * 1024 * 1024
_PULSE_EVERY = 0.25


class LocalRunner:
    """Runs trials on this machine; confined if it can be, unless the lab says otherwise."""

    name = "local"
    places = 1

    def __init__(self, confinement: Confinement | None = None) -> None:
        self._confinement = confinement

    def run(self, order: Order, watch: Callable[[Pulse], None], cancel: Event) -> TrialResult:
        """Run one trial to its end; `cancel` ends it at once, as `cancelled`."""
        if cancel.is_set():
            return TrialResult(TrialState.CANCELLED, detail="it was cancelled")
        mode = order.lab.sandbox.mode
        confinement = self._confinement if mode != "none" else None
        confinement = confinement or confinement_for(mode)
        try:
            trained = _train(order, confinement, watch, cancel)
            if trained.result.state is not TrialState.RUNNING:
                return trained.result
            return _evaluate(order, confinement, trained, watch, cancel)
        except (SandboxError, OSError) as error:
            return TrialResult(TrialState.INFRASTRUCTURE, detail=str(error))


@dataclass(frozen=True, slots=True)
class _Trained:
    """What training left: a result whose state is `running` if it still is to be evaluated."""

    result: TrialResult
    artifacts: Path


def _train(
    order: Order, confinement: Confinement, watch: Callable[[Pulse], None], cancel: Event
) -> _Trained:
    artifacts = order.scratch / "artifacts"
    artifacts.mkdir()
    progress = Progress(order.scratch / "progress.jsonl")
    try:
        training = Training(order, progress, watch, cancel)
        with serving(order, confinement, watch, cancel) as service:
            process = run(
                training_command(order, artifacts),
                confinement,
                lambda process: service.step() and training.tick(process),
            )
        training.settle(process)
    except ServiceError as error:
        return _Trained(TrialResult(error.state, detail=str(error), log=error.log), artifacts)
    finally:
        progress.close()
    failed = service.failure or training.failure(process)
    state, detail = failed or (TrialState.RUNNING, "")
    result = TrialResult(
        state,
        None,
        detail,
        process.output.bytes(),
        progress.curve(),
        training.timing(process),
        process.usage.peak_mb,
    )
    return _Trained(result, artifacts)


def _evaluate(
    order: Order,
    confinement: Confinement,
    trained: _Trained,
    watch: Callable[[Pulse], None],
    cancel: Event,
) -> TrialResult:
    """Find out what the trained thing is worth."""
    result = trained.result
    argv = _evaluator(order)
    try:
        if argv is None:
            return _measured(result, parse_output(result.log, order.lab.metric.name))
        # The result has no name, so that nobody else can write it; made only now.
        with tempfile.TemporaryFile(dir=order.scratch) as file:
            command = evaluation_command(order, argv, trained.artifacts, file.fileno())
            process = run(command, confinement, _Watcher(result.timing, watch, cancel))
            text = os.pread(file.fileno(), _LARGEST_RESULT + 1, 0)
        log = result.log + SEPARATOR + process.output.bytes()
        result = replace(
            result, log=log, timing=replace(result.timing, evaluation=process.duration)
        )
        if cancel.is_set():
            return replace(result, state=TrialState.CANCELLED, detail="it was cancelled")
        if failed := _failed_evaluation(process):
            return replace(result, state=failed[0], detail=failed[1])
        return _measured(result, _read_result(text, order.lab.metric.name))
    except InvalidMetricError as error:
        return replace(result, state=TrialState.INVALID, detail=str(error))


def _failed_evaluation(process: Process) -> tuple[TrialState, str] | None:
    failed = failure(process, frozen=True)
    if failed is None or failed[0] is TrialState.INFRASTRUCTURE:
        return failed
    told = failed[1].removeprefix(f"exit status {process.status}: ")
    if process.status == NO_ANSWER_YET:
        return TrialState.INFRASTRUCTURE, f"{NOT_YET}{told}"
    if process.status == REFUSED:
        return TrialState.INVALID, told
    state = TrialState.INVALID if failed[0] is TrialState.CRASH else failed[0]
    return state, f"the evaluation failed: {failed[1]}"


def _measured(result: TrialResult, measurement: Measurement) -> TrialResult:
    """A result with its measurement. Its memory is what the machine saw, whatever was reported."""
    metrics = {**measurement.metrics, PEAK_MEMORY: result.peak_memory_mb}
    return replace(
        result, state=TrialState.MEASURED, measurement=replace(measurement, metrics=metrics)
    )


def _evaluator(order: Order) -> tuple[str, ...] | None:
    trial = order.lab.trial
    return trial.holdout if order.split == "holdout" else trial.evaluate


def _read_result(text: bytes, metric: str) -> Measurement:
    if not text:
        raise InvalidMetricError("the evaluator left no result")
    if len(text) > _LARGEST_RESULT:
        raise InvalidMetricError("the evaluator's result is larger than 8 MB")
    return parse_result(text, metric)


class _Watcher:
    """Gives signs of life while the evaluator runs, and ends it when it is cancelled."""

    def __init__(self, before: Timing, watch: Callable[[Pulse], None], cancel: Event) -> None:
        self._before = before
        self._watch = watch
        self._cancel = cancel
        self._due = 0.0

    def __call__(self, process: Process) -> bool:
        elapsed = process.elapsed
        if elapsed >= self._due:
            self._due = elapsed + _PULSE_EVERY
            total = self._before.startup + self._before.training + elapsed
            memory = process.usage.memory_mb
            self._watch(Pulse(Phase.EVALUATION, total, self._before.budget, memory))
        return not self._cancel.is_set()
