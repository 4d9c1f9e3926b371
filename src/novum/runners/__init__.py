"""Where a trial runs. A runner takes an `Order` and answers with a `TrialResult`, always.

What goes wrong with the candidate is a state of the result; what goes wrong with the place is
the state `infrastructure`, and is run again. Only a programming error may be raised.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Event
from typing import Literal, Protocol

from novum.lab import Lab
from novum.records import TrialResult


class Phase(StrEnum):
    """What a trial is doing."""

    STARTUP = "startup"
    TRAINING = "training"
    EVALUATION = "evaluation"


@dataclass(frozen=True, slots=True)
class Pulse:
    """A sign of life of a running trial. `clock` is seconds on the budget's clock in `TRAINING`."""

    phase: Phase
    elapsed: float  # wall seconds since the trial began
    clock: float = 0.0
    memory_mb: float = 0.0
    point: Mapping[str, float] | None = None  # the newest point of its curve


@dataclass(frozen=True, slots=True)
class Order:
    """One trial to run. All paths are absolute, exist, and belong to this trial alone."""

    lab: Lab
    tree: Path  # the candidate's files; it may write here
    pristine: Path  # the lab's own files, for the evaluator; nobody writes here
    scratch: Path  # empty: for artifacts, progress and result
    seed: int
    seconds: float  # the budget, on the lab's clock
    data: Path | None = None  # what `prepare` left for trials to read
    heldout: Path | None = None  # what `prepare` left for the evaluator alone
    control: Path | None = None  # the incumbent's files, for the evaluator to show beside
    hidden: tuple[Path, ...] = ()  # what trials never see, whatever the lab lets them read
    cache: Path | None = None  # what evaluators and services remember from trial to trial
    split: Literal["validation", "holdout"] = "validation"
    run: int = 0  # how many runs of this commit were measured before, in this campaign


class Runner(Protocol):
    """A place for trials. `places` is how many may run at once."""

    name: str
    places: int

    def run(self, order: Order, watch: Callable[[Pulse], None], cancel: Event) -> TrialResult:
        """Run one trial to its end; `cancel` ends it at once, as `cancelled`."""
