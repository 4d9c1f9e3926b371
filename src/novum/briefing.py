"""What a researcher is shown. Never a holdout score."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from novum.lab import Lab
from novum.ledger import Experiment


@dataclass(frozen=True, slots=True)
class Briefing:
    """The question, the present best code, and what was tried."""

    lab: Lab
    parent: str  # the commit to build on
    files: Mapping[str, str]  # the editable files there
    tried: Set[str]  # keys of the ideas that were proposed before in this campaign
    recent: tuple[Experiment, ...]  # the newest experiments, oldest first
