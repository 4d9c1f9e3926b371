"""What an oracle answers: for each molecule a value, or else a status with a reason.

A failure is never a value: not a zero, not a bad score that happens to be a good one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

Setting = str | int | float | bool
DOCKING_SECONDS = "docking_seconds"  # among the numbers of a docking: wall time inside Vina


class Status(StrEnum):
    """How the scoring of a molecule ended."""

    OK = "ok"
    UNREADABLE = "unreadable"  # no molecule: a SMILES that cannot be parsed, an impossible valence
    UNSUITABLE = "unsuitable"  # none that can be a drug candidate: a mixture, a metal, a giant
    REFUSED = "refused"  # a filter of the lab's says no
    UNPREPARED = "unprepared"  # no 3D structure could be made, or none that the oracle takes
    FAILED = "failed"  # the oracle tried, and gave no value
    TIMEOUT = "timeout"  # the oracle took longer than it may
    PENDING = "pending"  # the answer comes later, from a laboratory
    UNAVAILABLE = "unavailable"  # the oracle's fault, not the molecule's: ask again

    @property
    def lasting(self) -> bool:
        """Whether asking again would give the same answer, so that it may be remembered."""
        return self not in {Status.TIMEOUT, Status.PENDING, Status.UNAVAILABLE}


@dataclass(frozen=True, slots=True)
class Score:
    """One answer. `value` is a finite number if, and only if, the status is `ok`."""

    smiles: str  # canonical; as it was given where it cannot be read
    value: float | None
    status: Status = Status.OK
    reason: str = ""  # one line for the person, for any status but `ok`
    numbers: Mapping[str, float] = field(default_factory=dict)  # what else was found, by name
    pose: str = ""  # an SDF block, of an oracle that places the molecule somewhere
    seconds: float = 0.0  # of wall time that the oracle took

    def __post_init__(self) -> None:
        has_value = self.value is not None and math.isfinite(self.value)
        if has_value != (self.status is Status.OK) or (self.value is not None and not has_value):
            raise ValueError(f"a score of {self.value} cannot have the status {self.status}")

    @classmethod
    def without(cls, smiles: str, status: Status, reason: str, seconds: float = 0.0) -> "Score":
        """An answer that has no value."""
        return cls(smiles, None, status, reason, seconds=seconds)


class Oracle(Protocol):
    """Scores molecules.

    `settings` holds all that changes a value (a target's digest, a seed, an exhaustiveness), and
    `version` changes whenever the same settings would give other values: answers are remembered
    by both, and by the canonical molecule.
    """

    name: str
    version: str
    settings: Mapping[str, Setting]
    better: Literal["low", "high"]

    def score(self, molecules: Sequence[str]) -> list[Score]:
        """One answer for each SMILES, in their order; never raises for a molecule's fault."""
