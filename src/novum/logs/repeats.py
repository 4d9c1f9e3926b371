"""Which rows ran code again that had been run before: what a log can tell of its own noise.

A description is taken at its word: "re-run", "same config", "seed 42 to 137". A commit alone is
not enough, for many loops write the incumbent's commit beside what they discard.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from novum.logs.rows import Row, Status

SEED = re.compile(
    r"\bseed\b\W*\d+\s*(to|->|=>|→|⇒)\s*\d+|^\W*(random )?seed\W*\d+\W*$|\bseed (change|swap)\b"
    r"|\b(change[ds]?|different|another|new|other|swap(ped)?)\W+(the |of |random |of the )*seed\b",
    re.IGNORECASE,
)
AGAIN = re.compile(
    r"\bre-?runs?\b|\breplicat(e|ion)\b|^\W*repeat\b|\brepeat(ed)? (of|run)\b"
    r"|\bconfirm(ation|ing)? (re-?)?run\b|\bnoise (check|floor|test)\b"
    r"|\bsame (code|commit|config|configuration|setup)\b",
    re.IGNORECASE,
)
CHANGED = re.compile(r"\b(with|but|at|plus|using|after|except|and)\b|[+&]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Repeat:
    """A row that ran the code of an earlier one, `of`, again."""

    row: Row
    of: Row
    seed: bool  # whether what changed was the seed

    @property
    def words(self) -> str:
        """What it was."""
        return "a change of the seed" if self.seed else "the same code again"


def repeats(rows: Sequence[Row]) -> list[Repeat]:
    """The repeats among the rows of one segment, oldest first."""
    found: list[Repeat] = []
    earlier: list[Row] = []
    incumbent: Row | None = None
    for row in rows:
        if row.score is None:
            continue
        seed, again = _says_seed(row.description), _says_again(row.description)
        same = [old for old in earlier if row.commit and old.commit == row.commit]
        twins = [old for old in same if row.description and old.description == row.description]
        kept = [old for old in same if old.status is Status.KEEP]
        of = twins[0] if twins else (kept[-1] if kept else incumbent) if seed or again else None
        if of is not None:
            found.append(Repeat(row, of, seed))
        elif row.status is Status.KEEP:
            incumbent = row
        earlier.append(row)
    return found


def _says_seed(text: str) -> bool:
    match = SEED.search(text)
    return match is not None and not CHANGED.search(text.replace(match[0], " "))


def _says_again(text: str) -> bool:
    match = AGAIN.search(text)
    return match is not None and not CHANGED.search(text[match.end() : match.end() + 30])
