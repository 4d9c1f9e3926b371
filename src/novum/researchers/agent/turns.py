"""One exchange with an agent: what is sent, and how it ended."""

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from novum.records import Usage
from novum.researchers import Desk


class Ending(StrEnum):
    """How a turn ended."""

    DONE = "done"
    FAILED = "failed"  # by the agent's own word, or its exit status
    TIME = "time"
    LIMIT = "limit"  # of memory, disk or processes
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Turn:
    """What came back: last words, usage, the output for the person to read; `problem` explains."""

    ending: Ending
    words: str = ""
    usage: Usage = field(default_factory=Usage)
    output: str = ""
    problem: str = ""


@dataclass
class Session:
    """What an agent remembers of earlier turns; without an `id` there is none to go on with."""

    id: str = ""
    told: Usage = field(default_factory=Usage)  # where an agent tells the sum of all its turns
    proposals: int = 0


class Talk(Protocol):
    """A conversation with one agent, for one proposal."""

    session: Session

    def say(self, prompt: str, desk: Desk, deadline: float) -> Turn:
        """Send a prompt and wait for the end of the agent's turn, at most until `deadline`."""

    def end(self) -> None:
        """End all that the agent started."""


def seconds_until(deadline: float) -> float:
    """Wall seconds until a moment of the monotonic clock; a little more than none."""
    return max(deadline - time.monotonic(), 0.01)
