"""The facts that pass between the rooms: frozen, plain, without behaviour of their own.

Who may change which state: the campaign alone. A trial goes from `running` to exactly one of the
other states; an experiment from open to one verdict, once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

NOT_YET = "no answer yet: "  # begins the detail of a trial whose score comes later
DISTURBED = "disturbed: "  # begins the detail of a trial that somebody or something else ended
POINT = "point"  # a kind of proposal: all values of a parameter space, which its key names


LARGEST = 1e60  # of a number that is measured: greater ones could not be squared and added up


def is_number(value: float) -> bool:
    """Whether a measured value can be computed with: finite, and not larger than `LARGEST`."""
    return abs(value) <= LARGEST


def kind_in_words(kind: str) -> str:
    """A kind that somebody wrote; that of a point is a promise that words cannot give."""
    return "" if kind == POINT else kind


class TrialState(StrEnum):
    """How a trial stands, or how it ended."""

    RUNNING = "running"
    MEASURED = "measured"
    CRASH = "crash"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    INVALID = "invalid"  # the metric was missing, not finite, ambiguous or forged
    INFRASTRUCTURE = "infrastructure"  # not the idea's fault: run again, never counted against it
    CANCELLED = "cancelled"  # the person stopped it: run again
    HOPELESS = "hopeless"  # it could not catch up any more, so it was ended; it has no score

    @property
    def counts(self) -> bool:
        """Whether this says something about the idea; the rest is run again."""
        return self not in {TrialState.RUNNING, TrialState.INFRASTRUCTURE, TrialState.CANCELLED}


class Outcome(StrEnum):
    """What an experiment came to."""

    KEEP = "keep"
    DISCARD = "discard"
    CRASH = "crash"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Edit:
    """One change to one file: `search`, which must occur once, becomes `replace`.

    With `search` None, `replace` is the whole new text of the file.
    """

    path: str
    search: str | None
    replace: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A hypothesis and a change. `expected` is the change of the metric that is hoped for."""

    title: str
    edits: tuple[Edit, ...]
    hypothesis: str = ""
    expected: float | None = None
    kind: str = ""
    source: str = ""
    key: str = ""  # the researcher's own name for the idea, so that it is not proposed twice
    researcher: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What asking a researcher cost.

    `input_tokens` counts all that was sent, the `cached_tokens` among it too. `unpriced` are those
    of the requests whose price is not known; `usd` is without them.
    """

    requests: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    unpriced: int = 0

    @property
    def tokens(self) -> int:
        """All tokens, sent and received."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.requests + other.requests,
            self.input_tokens + other.input_tokens,
            self.cached_tokens + other.cached_tokens,
            self.output_tokens + other.output_tokens,
            self.usd + other.usd,
            self.unpriced + other.unpriced,
        )


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured: the metric, and every other number (guards, diagnostics) by name.

    `items` are the parts that the metric is the weighted mean of: a score and a weight for each.
    """

    metric: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    self_reported: bool = False
    items: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of wall time by phase; `budget` is on the lab's own clock (wall or processor)."""

    startup: float = 0.0  # before the trial declared its start
    training: float = 0.0  # between the declared start and the end of the process
    evaluation: float = 0.0
    budget: float = 0.0  # training time on the budget's clock, overtime included
    overtime: float = 0.0  # on the budget's clock, past the budget
    unseen: float = 0.0  # perhaps of it too: Novum was held up, and cannot know

    @property
    def total(self) -> float:
        """Wall seconds from first to last."""
        return self.startup + self.training + self.evaluation


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How a trial ended. `detail` explains any state but `measured`, in a sentence."""

    state: TrialState
    measurement: Measurement | None = None
    detail: str = ""
    log: bytes = b""
    curve: tuple[Mapping[str, float], ...] = ()
    timing: Timing = field(default_factory=Timing)
    peak_memory_mb: float = 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """The numbers behind a verdict. `effect` is positive for better, whatever the direction."""

    effect: float = 0.0
    sd: float = 0.0
    probability: float = 0.0  # that it is truly better by what it must earn
    required: float = 0.0  # what it had to earn: min_effect and the price of its lines
    runs: int = 0
    values: tuple[float, ...] = ()
    incumbent: float = 0.0  # what was believed of the incumbent's score, before
    incumbent_sd: float = 0.0
    noise_sd: float = 0.0
    split_sd: float = 0.0  # of the effect, by the luck of the evaluation's items
    policy: str = ""
    low: float | None = None  # the effect's interval, where the policy gives one
    high: float | None = None
    squares: float | None = None  # what its later runs say of the noise: `runs - 1` degrees


@dataclass(frozen=True, slots=True)
class Verdict:
    """The machine's decision, its reason in words, and the evidence."""

    outcome: Outcome
    reason: str
    evidence: Evidence = field(default_factory=Evidence)
