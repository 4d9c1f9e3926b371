"""Others propose: agents over MCP, people by `novum try`. The campaign waits for what they ask."""

from pathlib import Path
from typing import Self

from novum.briefing import Briefing
from novum.lab import Lab
from novum.records import Proposal
from novum.researchers import Desk


class Outside:
    """Has no ideas of its own, and the patience to wait for those of others."""

    name = "outside"
    instant = True

    def __init__(self, patience: float) -> None:
        self.patience = patience

    @classmethod
    def for_lab(cls, lab: Lab, directory: Path, choice: str = "") -> Self:
        """It waits as long as the lab says."""
        return cls(lab.researcher.idle)

    def propose(self, briefing: Briefing, desk: Desk) -> Proposal | None:
        """Nothing."""
        return None
