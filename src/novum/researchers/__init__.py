"""Who proposes: a researcher sees a briefing, and answers with a proposal, never with a number.

A researcher class is made by `Class.for_lab(lab, directory)`: the lab, and the person's directory
of it, where texts of the person (a backlog, `program.md`) may be read while a campaign runs.
"""

from pathlib import Path
from typing import Protocol, Self

from novum.briefing import Briefing
from novum.lab import Lab
from novum.records import Proposal


class Researcher(Protocol):
    """Proposes one change at a time."""

    name: str

    @classmethod
    def for_lab(cls, lab: Lab, directory: Path) -> Self:
        """A researcher for this lab.

        Raises:
            UsageError: if it lacks something, with what to do.
        """

    def propose(self, briefing: Briefing) -> Proposal | None:
        """The next proposal, or None if there is nothing left to propose."""
