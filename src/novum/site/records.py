"""What the site remembers: frozen facts. All times are seconds of the site's clock."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

NOWHERE = 0  # the experiment of an exposure that belongs to none
BESIDE_HOLDOUT = "beside_holdout"  # a number of a claim: 1 if its control was the holdout group


@dataclass(frozen=True, slots=True)
class Copy:
    """The words of a page."""

    headline: str
    subhead: str = ""
    call_to_action: str = ""
    body: tuple[str, ...] = ()  # paragraphs

    @property
    def digest(self) -> str:
        """Its name: 32 hexadecimal digits, the same for the same words."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Variant:
    """A copy that the site knows, and when it was first handed in."""

    digest: str
    copy: Copy
    time: float


class Arm(StrEnum):
    """Why a visitor sees what he sees."""

    CANDIDATE = "candidate"
    CONTROL = "control"
    HOLDOUT = "holdout"  # of the permanent group, which sees the copy that the site began with
    OUTSIDE = "outside"  # not among the share of visitors that experiments are shown to


class State(StrEnum):
    """Where an experiment stands. Those after `PAUSED` do not go on by themselves."""

    WAITING = "waiting"  # for a person's approval
    RUNNING = "running"
    PAUSED = "paused"
    ROLLED_BACK = "rolled_back"  # by a person
    STOPPED = "stopped"  # by a guard, or because the arms' sizes cannot be chance
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Experiment:
    """One candidate, beside a control, alone (`control` is None), or beside the holdout group."""

    id: int
    candidate: str  # a digest
    control: str | None  # a digest
    claim: bool  # whether the control is the permanent holdout group
    weight: float  # the candidate's share of the visitors of both arms
    state: State
    reason: str  # why it is in this state
    opened: float
    changed: float  # when it came into this state
    race: int | None = None  # the open race that it is part of
    joins: float = 1.0  # the probability that it is what a visitor joins who takes part

    @property
    def beside(self) -> Arm:
        """The arm that the candidate is compared with."""
        return Arm.HOLDOUT if self.claim else Arm.CONTROL


@dataclass(frozen=True, slots=True)
class Race:
    """Several experiments that are shown at once; more visitors join those that seem better."""

    id: int
    budget: int | None  # so many visitors at most, of all arms together
    base: float  # what was believed of the control's rate when it was opened
    after: int  # it has the visitors whose exposures have greater numbers
    opened: float


@dataclass(frozen=True, slots=True)
class Exposure:
    """A visitor really saw an arm. The first one of a visitor and experiment counts."""

    visitor: str
    experiment: int  # NOWHERE for those outside, and for the holdout group beside no claim
    arm: Arm
    variant: str  # what was seen: a digest
    time: float


@dataclass(frozen=True, slots=True)
class Conversion:
    """A visitor did what the page is for. The first one of a visitor and experiment counts."""

    visitor: str
    experiment: int
    time: float


@dataclass(frozen=True, slots=True)
class Signal:
    """What guards are made of. The first one of a visitor, experiment and kind counts."""

    visitor: str
    experiment: int
    kind: str  # such as bounce, interaction_ms, unsubscribe, revenue
    value: float
    time: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A visit that does not count, and why: it is only added up."""

    reason: str
    time: float


Event = Exposure | Conversion | Signal | LeftOut


@dataclass(frozen=True, slots=True)
class Batch:
    """The visitors of one trial: those first exposed after the batch before, in that order."""

    name: str
    experiment: int
    wanted: int  # visitors, of both arms together
    seen: int
    after: int  # the exposures' numbers: all after this one ...
    until: int | None  # ... up to this one, once the batch is full or another one began
    last: float | None  # when the last of its visitors was first exposed

    @property
    def is_full(self) -> bool:
        """Whether all visitors that it wants are there."""
        return self.seen >= self.wanted


@dataclass(frozen=True, slots=True)
class Count:
    """What was counted in one arm."""

    visitors: int = 0
    conversions: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted in a batch; `control` is the holdout group where a claim is tested."""

    candidate: Count
    control: Count


@dataclass(frozen=True, slots=True)
class Shown:
    """Who saw one variant for one reason within a time, and converted inside the window."""

    variant: str
    arm: Arm
    visitors: int
    conversions: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """What passed through the site within a time."""

    visitors: int  # each counted once, whatever he saw
    conversions: int  # of them
    shown: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the audit log."""

    time: float
    who: str
    what: str  # such as opened, running, weight, promoted
    experiment: int | None
    variant: str | None
    detail: Mapping[str, str | float | None] = field(default_factory=dict)
