"""What a field adds to the report: pictures and tables of its own, by name from `lab.toml`.

An exhibit is a class of the entry point group `novum.exhibits`, made without arguments. It is given
plain facts and a directory, and answers with Markdown and the files that it wrote there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from novum.confirmed import Claimed
from novum.errors import NovumError
from novum.export import by_experiment
from novum.ledger import Campaign, Experiment, Ledger, Trial
from novum.plugins import load
from novum.records import Proposal
from novum.repo import Repo
from novum.report.facts import Facts, Result
from novum.report.words import quoted

GROUP = "novum.exhibits"


@dataclass(frozen=True, slots=True)
class Tried:
    """One judged experiment: what was said, what was changed, what came of it.

    `files` are the texts of the editable files at its commit, `before` those at the commit that it
    was built on. Both are the same for the baseline; `files` is empty if the change did not apply.
    """

    result: Result
    proposal: Proposal
    files: Mapping[str, str]
    before: Mapping[str, str]
    trials: tuple[Trial, ...]  # of the search, that ran its commit


@dataclass(frozen=True, slots=True)
class Material:
    """What an exhibit is made from. `trials` are all of the campaign, those that confirm too."""

    facts: Facts
    tried: tuple[Tried, ...]
    trials: tuple[Trial, ...]
    lab: Path  # the lab's directory

    def beside_start(self, claim: Claimed) -> tuple[Trial, ...]:
        """The trials of the start that a claim against it rests on; of a rate, each shows both."""
        start = (claim.confirmation, 1)  # the incumbent is 0
        return tuple(
            trial
            for trial in self.trials
            if trial.cell is not None and (trial.cell.confirmation, trial.cell.arm) == start
        )


@dataclass(frozen=True, slots=True)
class Exhibit:
    """Markdown for the report, links relative to it; and the files and folders written for it."""

    text: str = ""  # behind the headline and the picture
    appendix: str = ""  # at the end
    files: tuple[Path, ...] = ()


class Exhibitor(Protocol):
    """Shows a campaign as its field looks at it; made without arguments."""

    def show(self, material: Material, directory: Path) -> Exhibit:
        """The exhibit, its files written into the report's directory.

        What goes wrong may be raised: the report then says so in its place.
        """


def exhibits(
    facts: Facts, ledger: Ledger, campaign: Campaign, directory: Path
) -> Sequence[Exhibit]:
    """All exhibits that the lab asks for; in the place of one that fails, a line that says why."""
    names = facts.lab.report.exhibits
    if not names:
        return ()
    try:
        material = read_material(facts, ledger, campaign)
    except NovumError as error:
        return [_failed(name, error) for name in names]
    return [_exhibit(name, material, directory) for name in names]


def read_material(facts: Facts, ledger: Ledger, campaign: Campaign) -> Material:
    """What exhibits are made from, from the ledger and the lab's git.

    Raises:
        NovumError: if the lab's repository cannot be opened, or lacks a commit.
    """
    lab = ledger.home.parent
    repo, editable = Repo(lab), facts.lab.files.editable
    experiments = {one.number: one for one in ledger.experiments(campaign.id)}
    trials = ledger.all_trials(campaign.id)
    searched = by_experiment(trials)

    def tried(result: Result, experiment: Experiment) -> Tried:
        own = (trial for trial in searched.get(experiment.id, ()) if trial.searched)
        return Tried(
            result,
            experiment.proposal,
            repo.files(result.commit, editable) if result.commit else {},
            repo.files(experiment.parent, editable),
            tuple(own),
        )

    shown = tuple(tried(result, experiments[result.number]) for result in facts.results)
    return Material(facts, shown, tuple(trials), lab)


def _exhibit(name: str, material: Material, directory: Path) -> Exhibit:
    try:
        exhibitor: Exhibitor = load(GROUP, name)()
        return exhibitor.show(material, directory)
    except Exception as error:  # somebody else's code, and the report is worth more
        return _failed(name, error)


def _failed(name: str, error: Exception) -> Exhibit:
    why = str(error) if isinstance(error, NovumError) else f"{type(error).__name__}: {error}"
    return Exhibit(f"*Not shown:* {quoted(name)}. {quoted(why, 400)}")
