"""Novum: the experiment-running machine. Researchers propose; the machine measures and decides.

These are the public names; each is imported when it is first used, so that `import novum`, and
with it `novum --help`, costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from novum.briefing import Briefing
    from novum.campaign import Machine, Parts
    from novum.errors import NovumError
    from novum.judge import Judge
    from novum.lab import Lab, read_lab
    from novum.ledger import Ledger
    from novum.records import (
        Edit,
        Measurement,
        Outcome,
        Proposal,
        TrialResult,
        TrialState,
        Verdict,
    )
    from novum.repo import Repo
    from novum.researchers import Desk, Researcher
    from novum.runners import Runner
    from novum.search import Search

__all__ = [
    "Briefing",
    "Desk",
    "Edit",
    "Judge",
    "Lab",
    "Ledger",
    "Machine",
    "Measurement",
    "NovumError",
    "Outcome",
    "Parts",
    "Proposal",
    "Repo",
    "Researcher",
    "Runner",
    "Search",
    "TrialResult",
    "TrialState",
    "Verdict",
    "read_lab",
]

_HOMES = {
    "Briefing": "briefing",
    "Desk": "researchers",
    "Judge": "judge",
    "Lab": "lab",
    "Ledger": "ledger",
    "Machine": "campaign",
    "NovumError": "errors",
    "Parts": "campaign",
    "Repo": "repo",
    "Researcher": "researchers",
    "Runner": "runners",
    "Search": "search",
    "read_lab": "lab",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'novum' has no attribute {name!r}")
    return getattr(import_module(f"novum.{_HOMES.get(name, 'records')}"), name)
