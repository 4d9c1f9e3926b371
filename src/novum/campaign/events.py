"""What happens in a campaign, as told to whoever watches: a screen, a table, an exporter.

An observer is any callable that takes an event. It may show or export; it changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

from novum.ledger import Confirmation, Experiment, Finding
from novum.records import TrialResult
from novum.runners import Pulse
from novum.standing import Standing


@dataclass(frozen=True, slots=True)
class Started:
    """The campaign begins, or goes on."""

    standing: Standing


@dataclass(frozen=True, slots=True)
class Proposed:
    """An experiment was opened."""

    experiment: Experiment


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """A trial begins; `experiment` is the one whose files it runs."""

    experiment: Experiment
    trial: int
    seed: int


@dataclass(frozen=True, slots=True)
class Beat:
    """The running trial lives."""

    pulse: Pulse


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A trial is over, and in the ledger."""

    experiment: Experiment
    result: TrialResult


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict is in the ledger, and the refs have followed."""

    experiment: Experiment
    standing: Standing


@dataclass(frozen=True, slots=True)
class Confirming:
    """A confirmation begins, or goes on."""

    confirmation: Confirmation
    standing: Standing


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A confirmation is over, and its findings are in the ledger."""

    confirmation: Confirmation
    findings: tuple[Finding, ...]
    standing: Standing


@dataclass(frozen=True, slots=True)
class Awaiting:
    """Nothing runs: the machine waits for this researcher's proposal."""

    researcher: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the person should know."""

    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """A durable step: proposed, running, measured, judged, referenced, advanced, confirming or
    confirmed.
    """

    name: str


Event = (
    Started
    | Proposed
    | TrialStarted
    | Beat
    | TrialEnded
    | Judged
    | Confirming
    | Confirmed
    | Awaiting
    | Notice
    | Step
)
Observer = Callable[[Event], None]
