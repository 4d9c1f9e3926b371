"""Proposes changes that do nothing: blanks at the end of a file. The control of every comparison.

What this researcher gains is luck, for another run of the same code is all that it asks for. A
judge that keeps its changes for long, or confirms them, is fooled by luck.
"""

from itertools import count
from pathlib import Path
from typing import Self

from novum.briefing import Briefing
from novum.lab import Lab
from novum.patch import edits_between
from novum.records import Proposal
from novum.researchers import Desk

BLANKS = " \t"


class Null:
    """Rewrites the blanks at the end of the first editable file, another way each time.

    No line is added or removed, so that nothing has to be earned either.
    """

    name = "null"
    instant = True

    @classmethod
    def for_lab(cls, lab: Lab, directory: Path, choice: str = "") -> Self:
        """It needs nothing of the lab."""
        return cls()

    def propose(self, briefing: Briefing, desk: Desk) -> Proposal | None:
        """The next change that does nothing; there is no end of them."""
        editable = briefing.lab.files.editable
        path = next((path for path in editable if path in briefing.files), editable[0])
        number = next(n for n in count(1) if f"null-{n}" not in briefing.tried)
        before = briefing.files.get(path, "")
        after = {path: with_blanks(before, number)}
        return Proposal(
            title=f"Change nothing ({number})",
            edits=edits_between({path: before} if path in briefing.files else {}, after),
            hypothesis="Blanks at the end of a file do nothing, so any gain is luck.",
            expected=0.0,
            kind="nothing",
            key=f"null-{number}",
            researcher=self.name,
        )


def with_blanks(text: str, number: int) -> str:
    """The text with blanks at the end of its last line that stand for this number (1 or more).

    Never the text itself; its lines stay as many as they are, unless it is empty.
    """
    ending = text[len(text.rstrip("\r\n")) :]
    body = text[: len(text) - len(ending)].rstrip(BLANKS)
    blanks = "".join(BLANKS[int(bit)] for bit in f"{number:b}")
    new = body + blanks + ending
    return body + blanks + " " + ending if new == text else new
