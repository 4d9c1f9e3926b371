"""For tests, ours and other people's: scripted parts, and what every part of a role must pass.

`ScriptedResearcher`, `DeliberateResearcher` and `InstantRunner` need no processes and no waiting;
`check_researcher` and `check_runner` are the conformance suites (`novum.testing.conformance`).
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event
from typing import Self

from novum.briefing import Briefing
from novum.lab import Lab
from novum.records import Measurement, Proposal, TrialResult, TrialState
from novum.researchers import Desk
from novum.runners import Order, Pulse
from novum.testing.conformance import check_researcher, check_runner

__all__ = [
    "DeliberateResearcher",
    "InstantRunner",
    "ScriptedResearcher",
    "check_researcher",
    "check_runner",
]


class ScriptedResearcher:
    """Proposes what it was given, in order."""

    name = "scripted"
    instant = True

    def __init__(self, proposals: Iterable[Proposal] = ()) -> None:
        self._proposals = list(proposals)

    @classmethod
    def for_lab(cls, lab: Lab, directory: Path, choice: str = "") -> Self:
        """A researcher with nothing to propose."""
        return cls()

    def propose(self, briefing: Briefing, desk: Desk) -> Proposal | None:
        """The next proposal whose key was not tried."""
        while self._proposals:
            idea = self._proposals.pop(0)
            if not idea.key or idea.key not in briefing.tried:
                return idea
        return None


class DeliberateResearcher(ScriptedResearcher):
    """Proposes what it was given, in order, and takes its time: `think` is called before each.

    What `think` raises it raises, too.
    """

    name = "deliberate"
    instant = False

    def __init__(
        self,
        proposals: Iterable[Proposal] = (),
        think: Callable[[Briefing, Desk], object] = lambda briefing, desk: None,
    ) -> None:
        super().__init__(proposals)
        self._think = think

    def propose(self, briefing: Briefing, desk: Desk) -> Proposal | None:
        """The next proposal whose key was not tried, after some thought."""
        self._think(briefing, desk)
        return None if desk.cancel.is_set() else super().propose(briefing, desk)


class InstantRunner:
    """Answers at once with what `measure` makes of an order: a score, or a whole result."""

    name = "instant"
    places = 1

    def __init__(self, measure: Callable[[Order], float | TrialResult]) -> None:
        self._measure = measure

    def run(self, order: Order, watch: Callable[[Pulse], None], cancel: Event) -> TrialResult:
        """The scripted result."""
        answer = self._measure(order)
        if isinstance(answer, TrialResult):
            return answer
        return TrialResult(TrialState.MEASURED, Measurement(answer))
