"""An attack: what is tried, what is promised, and how the table of docs/security.md tells of it."""

import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bed_cases import Bed
from novum.records import TrialResult, TrialState

HONEST = "measured as honestly as without it"
REFUSED = "refused: no score"
ENDED = "ended by the machine: no score"
SHOWN = "bounded, measured and shown as start-up; the score is the honest one"
LEFT = "what is left behind"
UNREACHED = "nothing is reached, and the score is the honest one"


@dataclass(frozen=True)
class Attack:
    """One attack. `states` are the ends of a trial that keep the promise.

    What is tried is a program that runs in the place of a lab's editable file, or what somebody
    does to a whole campaign, which says what came of it, and fails if the promise is broken.
    """

    kind: str
    name: str
    promise: str
    tried: str | Callable[[Bed], str]
    states: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        assert isinstance(self.tried, str)
        return textwrap.dedent(self.tried)

    def on(self, bed: Bed) -> str:
        """Do it to a campaign; what came of it."""
        assert callable(self.tried)
        return self.tried(bed)


def programs(kind: str, promise: str, states: str, tried: Mapping[str, str]) -> list[Attack]:
    """Attacks of one kind with one promise, by name."""
    return [Attack(kind, name, promise, one, tuple(states.split())) for name, one in tried.items()]


def broken_promise(attack: Attack, result: TrialResult, honest: float) -> str:
    """What was promised and does not hold, or nothing."""
    if result.state not in attack.states:
        return f"it ended as {result.state}: {result.detail}"
    if result.state is TrialState.MEASURED and result.measurement.metric != honest:
        return f"its score is {result.measurement.metric}, not the honest {honest}"
    if result.state is not TrialState.MEASURED and result.measurement is not None:
        return "it has a score although it was refused"
    if attack.promise == SHOWN and result.timing.startup < 1:
        return f"a start-up of {result.timing.startup} s is on record"
    lines = result.log.decode("utf-8", "replace").splitlines()
    return next((line for line in lines if line.startswith("GOT")), "")


def outcome(attack: Attack, result: TrialResult, honest: float) -> str:
    """What came of a trial, for the table; a broken promise stands out."""
    if broken := broken_promise(attack, result, honest):
        return f"**{broken}**"
    return f"`{result.state}`, {'the honest score' if result.measurement else 'no score'}"


def table(came: Iterable[tuple[Attack, str]]) -> str:
    """Attacks with their promises, and what came of them."""
    rows = [f"| {a.kind} | {a.name} | {a.promise} | {words} |" for a, words in came]
    return "\n".join(["| of | attack | promise | outcome |", "|---|---|---|---|", *rows])
