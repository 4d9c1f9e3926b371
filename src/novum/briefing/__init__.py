"""What a researcher is shown. Never a holdout score.

It is composed by `novum.briefing.composing.compose`, for whoever asks.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from novum.lab import Lab
from novum.ledger import Experiment
from novum.records import Proposal
from novum.standing import Tally


@dataclass(frozen=True, slots=True)
class Briefing:
    """The question, the present best code, and what was tried.

    With a text, nothing in it changes any more. Without one, `tried`, `results` and `tallies` are
    the campaign's own, which copies nothing for an answer that comes at once: read them, only then.
    """

    lab: Lab
    parent: str  # the commit to build on
    files: Mapping[str, str]  # the editable files there
    tried: Set[str]  # keys of the ideas that were proposed before in this campaign
    recent: tuple[Experiment, ...]  # the newest experiments, oldest first
    number: int = 1  # of the experiment that is asked for
    results: Mapping[str, float | None] = field(default_factory=dict)  # key to mean score, if any
    tallies: Mapping[str, Tally] = field(default_factory=dict)  # how each researcher has fared
    pending: tuple[Proposal, ...] = ()  # without a verdict yet: running, or waiting to run
    notes: tuple[str, ...] = ()  # answers to this researcher's last proposals that became no trial
    idea: str = ""  # the person's, in plain words: to be worked out now
    start: Mapping[str, str] = field(default_factory=dict)  # the editable files it began with
    baseline: float | None = None  # their mean score
    seed: int = 0  # of this campaign: what is drawn at random differs between campaigns by it
    text: str = ""  # what a model, an agent or a person reads; empty for an instant researcher
    steady: int = 0  # so many characters of the text, from its start, stay until the next keep
