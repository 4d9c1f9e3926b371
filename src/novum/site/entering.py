"""Who enters a race: copies of a person's, and the next ideas of the lab's backlog that fit."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from novum.asking import Ground
from novum.errors import NovumError, UsageError
from novum.patch import Diff, apply_edits, diff, edits_between
from novum.records import Edit, Proposal
from novum.researchers.backlog import read_backlog
from novum.site.copies import COPY, copy_in, read_copy
from novum.site.page import LAYOUT, Layout
from novum.site.records import Copy
from novum.site.rules import RULES, read_rules

RESEARCHER = "outside:race"  # who proposes the winner to the campaign


@dataclass(frozen=True, slots=True)
class Entry:
    """What makes a challenger's copy of the incumbent's: the proposal, and what it changes."""

    proposal: Proposal
    change: Diff

    def text(self) -> str:
        """This as one text, which `read_entry` reads."""
        return json.dumps(asdict(self))


def read_entry(text: str) -> Entry:
    """The entry that was written so."""
    known = json.loads(text)
    proposal = known["proposal"]
    edits = tuple(Edit(**edit) for edit in proposal.pop("edits"))
    return Entry(Proposal(**proposal, edits=edits), Diff(**known["change"]))


class Gate:
    """Lets challengers in, one after another, and says who was left out and why.

    `shut` has the copies that may not come in, by their digests, with the reason.

    Raises:
        UsageError: if the lab has no copy, or its rules or layout are not sound.
    """

    def __init__(self, directory: Path, on: Ground) -> None:
        self._directory, self._on, self._files = directory, on, on.files
        if COPY not in self._files:
            raise UsageError(f"the editable files of this lab are without {COPY}")
        self._rules, self._layout = read_rules(directory / RULES), Layout(directory / LAYOUT)
        self.incumbent = copy_in(self._files[COPY])
        self.shut = {self.incumbent.digest: "it is the page as it is"}
        self.entries: dict[Copy, Entry] = {}
        self.left_out: list[str] = []

    def copies(self, paths: Sequence[Path]) -> None:
        """Let in what a person wrote, each the whole of a `copy.toml`.

        Raises:
            UsageError: if one cannot be read.
        """
        for path in paths:
            try:
                read_copy(path)
                text = path.read_text(encoding="utf-8")
            except UsageError as error:
                raise UsageError(f"{path} is no copy: {error}") from None
            edits = edits_between({COPY: self._files[COPY]}, {COPY: text})
            title = f"the copy of {path.name}"
            self._admit(Proposal(title, edits, title))

    def ideas(self, count: int, tried: Collection[str]) -> None:
        """Let in the next ideas of the backlog whose keys are not among the tried ones.

        Raises:
            UsageError: if the backlog cannot be read.
        """
        wanted = len(self.entries) + count
        for idea in read_backlog(self._directory / self._on.lab.researcher.backlog):
            if len(self.entries) < wanted and idea.key not in tried:
                self._admit(idea)

    def _admit(self, proposal: Proposal) -> None:
        try:
            after = apply_edits(self._files, proposal.edits, self._on.lab.files.editable)
            copy = copy_in(after[COPY])
            self._layout.page(copy)
            told = self._rules.refusals(copy)
        except NovumError as error:
            told = [str(error)]
        else:
            told += [self.shut[copy.digest]] if copy.digest in self.shut else []
        if told:
            self.left_out.append(f"{proposal.title}: {'; '.join(told)}")
            return
        self.shut[copy.digest] = f"it is the same as: {proposal.title}"
        proposal = replace(proposal, researcher=RESEARCHER)
        self.entries[copy] = Entry(proposal, diff(self._files, after))
