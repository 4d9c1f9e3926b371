"""Who proposes: a researcher sees a briefing, and answers with a proposal, never with a number.

A researcher class is made by `Class.for_lab(lab, directory, choice)`: the lab, the person's
directory of it, where texts of the person (a backlog, `program.md`) may be read while a campaign
runs, and what the person wrote behind a colon (`chat:anthropic/MODEL`; empty if nothing).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from threading import Event
from typing import Protocol, Self

from novum import plugins
from novum.briefing import Briefing
from novum.errors import ResearcherError
from novum.lab import Lab
from novum.records import Proposal, Usage

MOST_EMPTY = 5  # proposals in a row without any edit


def _ignore(*_: object) -> None:
    """Nobody wants to know."""


@dataclass
class Desk:
    """What a researcher has while it thinks: a bell, a purse, and a notebook.

    It ends soon, within two seconds, when `cancel` is set. What a request costs is noted by
    `spend` when it is known, and before each request `require_means` says whether another may be
    made. `keep` stores what was sent and answered, under a name, for the person to read later.
    """

    cancel: Event = field(default_factory=Event)
    usd_left: float = inf
    tokens_left: float = inf
    notice: Callable[[str], None] = _ignore  # a word for the person: a wait, a refusal
    keep: Callable[[str, str], None] = _ignore
    on_spend: Callable[[Usage], None] = _ignore

    def spend(self, usage: Usage) -> None:
        """Note what a request cost; where its price is not known, its tokens count."""
        self.usd_left -= usage.usd
        self.tokens_left -= usage.tokens
        self.on_spend(usage)

    def require_means(self) -> None:
        """See that the bounds leave something to spend.

        Raises:
            ResearcherError: if they do not; the campaign pauses.
        """
        for left, bound, option in (
            (self.usd_left, "max_cost_usd", "--max-cost-usd"),
            (self.tokens_left, "max_tokens", "--max-tokens"),
        ):
            if left <= 0:
                raise ResearcherError(
                    f"the bound on what researchers may spend is reached ({bound}); to go on, "
                    f"raise it: novum resume {option} MORE"
                )


@dataclass
class Streak:
    """Counts the proposals in a row that had no edit; too many, and the campaign pauses."""

    count: int = 0

    def require_edits(self, proposal: Proposal, told: str) -> None:
        """Count a proposal.

        Raises:
            ResearcherError: with what is `told`, if it is one too many.
        """
        self.count = 0 if proposal.edits else self.count + 1
        if self.count >= MOST_EMPTY:
            self.count = 0
            raise ResearcherError(told)


class Researcher(Protocol):
    """Proposes one change at a time.

    `instant`: it answers in no time, so it is asked when its answer is needed, with all results
    known, and gets no text to read. Any other is asked ahead, in a thread of its own, while trials
    run. Optional: `frame(lab) -> str`, the instructions that lead the text of such a class, and
    `patience`, how many seconds the proposals of others are awaited when it has none itself.
    """

    name: str
    instant: bool

    @classmethod
    def for_lab(cls, lab: Lab, directory: Path, choice: str = "") -> Self:
        """A researcher for this lab; this does not think, spend or start anything.

        Raises:
            UsageError: if it lacks something, with what to do.
        """

    def propose(self, briefing: Briefing, desk: Desk) -> Proposal | None:
        """The next proposal, or None if there is nothing left to propose, or it was cancelled.

        An answer that is no change that applies is still a proposal, with what it has of edits: it
        is recorded as such, and never run. What says nothing about an idea (a rate limit, a
        time-out, a server's error) is waited out in here.

        Raises:
            ResearcherError: if it cannot go on; the campaign pauses.
        """


def researcher_named(name: str, lab: Lab, directory: Path) -> Researcher:
    """The researcher that a name stands for: registered, `registered:choice` or a dotted path.

    Raises:
        UsageError: if there is none, or it lacks something.
    """
    kind, choice = plugins.load_with_choice("novum.researchers", name)
    made: Researcher = kind.for_lab(lab, directory, choice)
    return made
