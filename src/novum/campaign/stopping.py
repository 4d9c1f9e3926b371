"""The person's wish to end: told by a signal here, or by `novum stop` in another process."""

import time
from dataclasses import dataclass, field
from threading import Event

from novum.ledger import Ledger

_LOOK_SECONDS = 0.5  # how often something that runs looks for a request


@dataclass
class Stop:
    """The wish: `after_trial`, or `now`."""

    after_trial: Event = field(default_factory=Event)
    now: Event = field(default_factory=Event)

    @property
    def wanted(self) -> bool:
        """Whether no further trial may start."""
        return self.after_trial.is_set() or self.now.is_set()


class StopRequests:
    """What other processes ask of whoever holds the lab's lock."""

    def __init__(self, ledger: Ledger, stop: Stop) -> None:
        self._ledger, self._stop = ledger, stop
        self._looked = 0.0

    def dismiss_old(self) -> None:
        """Answer those that were meant for another: they came before the lock was taken."""
        for request in self._ledger.requests.waiting("stop", "stop-now"):
            if request.created < self._ledger.locked:
                self._ledger.requests.answer(request.id, "came when nothing was running")

    def take(self) -> None:
        """Take up those that wait."""
        for request in self._ledger.requests.waiting("stop", "stop-now"):
            if request.kind == "stop-now":
                self._stop.now.set()
            self._stop.after_trial.set()
            self._ledger.requests.answer(request.id, "stopping")

    def glance(self) -> bool:
        """Take them up, unless that was just done; whether it was time to."""
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return False
        self._looked = now
        self.take()
        return True
