"""A log of experiments that somebody else's loop wrote, as plain records."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Status(StrEnum):
    """What a log says of a run, whatever its word for it."""

    KEEP = "keep"
    DISCARD = "discard"
    CRASH = "crash"
    PENDING = "pending"


KEEPS = ("keep", "kept", "baseline", "improvement", "improved", "accept", "accepted")
DISCARDS = ("discard", "discarded", "reject", "rejected", "no-improvement", "revert", "reverted")
CRASHES = (
    *("crash", "crashed", "dnf", "fail", "failed", "error", "timeout", "oom"),
    *("checks-failed", "invalid"),
)
PENDINGS = ("pending", "running", "queued", "todo")
WORDS = (
    dict.fromkeys(KEEPS, Status.KEEP)
    | dict.fromkeys(DISCARDS, Status.DISCARD)
    | dict.fromkeys(CRASHES, Status.CRASH)
    | dict.fromkeys(PENDINGS, Status.PENDING)
)


def status_of(word: str) -> Status | None:
    """The status that a log's word means; None if it means none of them."""
    return WORDS.get(word.strip().strip("*`").lower().replace("_", "-").replace(" ", "-"))


@dataclass(frozen=True, slots=True)
class Row:
    """One run as the log has it. `line` is where it begins in the file, from 1.

    `score` is None for a crash, and where the log has no usable number.
    """

    line: int
    commit: str
    score: float | None
    status: Status
    word: str
    description: str
    memory_gb: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    when: float | None = None  # seconds since 1970


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the file that was not used, or not as it stands."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Segment:
    """Runs that can be compared with each other, oldest first: one baseline, one metric."""

    name: str
    metric: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Log:
    """A log that was read. `told` says where the direction is from."""

    path: Path
    kind: str  # tsv or pi
    metric: str
    minimize: bool
    told: str
    segments: tuple[Segment, ...]
    problems: tuple[Problem, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows, oldest first."""
        return tuple(row for segment in self.segments for row in segment.rows)

    def oriented(self, difference: float) -> float:
        """A score or a difference, turned so that higher is better."""
        return -difference if self.minimize else difference
