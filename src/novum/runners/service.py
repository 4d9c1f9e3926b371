"""A program of the lab's own that answers the candidate while it runs.

It is frozen, has a sandbox of its own, and listens on a socket: that is all the candidate sees of
it. What it writes into its record is for the evaluator.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event

from novum.records import NOT_YET, TrialState
from novum.runners import Order, Phase, Pulse
from novum.runners.commands import service_command, socket_of
from novum.runners.endings import NO_ANSWER_YET, failure
from novum.sandbox import Confinement, Process

_TICK, _PULSE_EVERY = 0.02, 0.25
_LOG_LINE = b"\n----- service -----\n"


class ServiceError(Exception):
    """The service did not come up, so there is no trial; how that is to be recorded."""

    def __init__(self, state: TrialState, detail: str, log: bytes = b"") -> None:
        super().__init__(detail)
        self.state, self.log = state, log


class Service:
    """A running service, or none. To be used from the thread that started it."""

    def __init__(self, process: Process | None) -> None:
        self._process = process
        self.failure: tuple[TrialState, str] | None = None  # how it ended before it was told to

    def step(self) -> bool:
        """Look after it; False if it has ended, although it was not told to."""
        if self._process is None or not self._process.step(0):
            return True
        self.failure = _ended(self._process)
        return False


@contextmanager
def serving(
    order: Order, confinement: Confinement, watch: Callable[[Pulse], None], cancel: Event
) -> Iterator[Service]:
    """The lab's service, listening, and ended afterwards; one that does nothing if it has none.

    Raises:
        ServiceError: if it does not come up.
        SandboxError: if it cannot be started.
    """
    argv, budget = order.lab.trial.service, order.lab.budget
    if argv is None:
        yield Service(None)
        return
    seconds = budget.startup + order.lab.timeout(order.seconds) + budget.grace
    with Process(service_command(order, argv, seconds), confinement) as process:
        _await_socket(process, order, watch, cancel)
        yield Service(process)
        if process.status is None:
            process.terminate()
        end = time.monotonic() + budget.grace
        while time.monotonic() < end and not process.step(_TICK):
            pass


def _await_socket(
    process: Process, order: Order, watch: Callable[[Pulse], None], cancel: Event
) -> None:
    due = 0.0
    while not socket_of(order).is_socket():
        if process.step(_TICK):
            state, detail = _ended(process)
            raise ServiceError(state, detail, _LOG_LINE + process.output.bytes())
        if cancel.is_set():
            raise ServiceError(TrialState.CANCELLED, "it was cancelled")
        if process.elapsed > order.lab.budget.startup:
            raise ServiceError(
                TrialState.INVALID,
                f"the service did not listen within {order.lab.budget.startup:g} s",
                _LOG_LINE + process.output.bytes(),
            )
        if process.elapsed >= due:
            due = process.elapsed + _PULSE_EVERY
            watch(Pulse(Phase.STARTUP, process.elapsed))


def _ended(process: Process) -> tuple[TrialState, str]:
    found = failure(process, frozen=True)
    if found and found[0] is TrialState.INFRASTRUCTURE:
        return found
    detail = f"the service ended: {found[1] if found else 'exit status 0'}"
    if process.status == NO_ANSWER_YET:
        return TrialState.INFRASTRUCTURE, f"{NOT_YET}{detail}"
    return TrialState.INVALID, detail
