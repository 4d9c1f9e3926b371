"""Nobody proposes: for work on what is there already, and for campaigns of a person's own edits."""

from pathlib import Path
from typing import Self

from novum.briefing import Briefing
from novum.lab import Lab
from novum.records import Proposal
from novum.researchers import Desk


class Null:
    """Has no ideas."""

    name = "null"
    instant = True

    @classmethod
    def for_lab(cls, lab: Lab, directory: Path, choice: str = "") -> Self:
        """It needs nothing of the lab."""
        return cls()

    def propose(self, briefing: Briefing, desk: Desk) -> Proposal | None:
        """Nothing."""
        return None
