"""A list of ideas in a TOML file, proposed in its order; the file may grow while a campaign runs.

    [[idea]]
    key = "halve-batch"
    title = "Halve the batch"
    hypothesis = "In a short run steps, not gradient noise, are the bottleneck."
    kind = "optimiser"
    expected = -0.01
    source = "karpathy/autoresearch bea057b"

    [[idea.edit]]
    file = "train.py"
    search = "BATCH = 16"
    replace = "BATCH = 8"

An edit applies where `search` occurs exactly once; without `search`, `replace` is the whole file.
"""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from novum.briefing import Briefing
from novum.errors import UsageError
from novum.lab import Lab
from novum.records import Edit, Proposal
from novum.researchers import Desk
from novum.tables import parsed, read_text

Text = Annotated[str, Field(min_length=1)]


class _EditEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    file: Text
    search: Text | None = None
    replace: str


class _Idea(BaseModel):
    model_config = ConfigDict(extra="forbid")
    key: Text
    title: Text
    hypothesis: str = ""
    kind: str = ""
    expected: float | None = None
    source: str = ""
    edit: Annotated[list[_EditEntry], Field(min_length=1)]

    def proposal(self, researcher: str) -> Proposal:
        return Proposal(
            title=self.title,
            edits=tuple(Edit(edit.file, edit.search, edit.replace) for edit in self.edit),
            hypothesis=" ".join(self.hypothesis.split()),
            expected=self.expected,
            kind=self.kind,
            source=self.source,
            key=self.key,
            researcher=researcher,
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    idea: list[_Idea] = []


def read_backlog(path: Path) -> list[Proposal]:
    """The ideas of a backlog file, in its order.

    Raises:
        UsageError: if it is missing or not sound, naming the idea.
    """
    if not path.exists():
        raise UsageError(
            f"no backlog at {path}: write one (docs/gpt-lab.md#ideas), or choose who proposes "
            "otherwise with --researcher"
        )
    ideas = parsed(_File, read_text(path), str(path)).idea
    keys = [idea.key for idea in ideas]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise UsageError(f"{path}: more than one idea has the key {twice[0]!r}")
    return [idea.proposal("backlog") for idea in ideas]


class Backlog:
    """Proposes the first idea of the file that this campaign has not tried."""

    name = "backlog"
    instant = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ideas = read_backlog(path)

    @classmethod
    def for_lab(cls, lab: Lab, directory: Path, choice: str = "") -> Self:
        """The lab's backlog file, or the chosen one, in the person's directory."""
        return cls(directory / (choice or lab.researcher.backlog))

    def propose(self, briefing: Briefing, desk: Desk) -> Proposal | None:
        """The next idea that was not tried, or None when all were.

        Raises:
            UsageError: if the file is not sound now, and of the last sound one nothing is left.
        """
        unsound: UsageError | None = None
        try:
            self._ideas = read_backlog(self._path)
        except UsageError as error:  # the person may be just saving it: the last sound one serves
            unsound = error
        idea = next((idea for idea in self._ideas if idea.key not in briefing.tried), None)
        if idea is None and unsound is not None:
            raise unsound
        return idea
