"""What a comparison runs: a campaign for each researcher and repeat, with tags to find it by."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from novum.errors import UsageError
from novum.ledger import Campaign, Ledger
from novum.opening import TAG

SEEDS = 1_000_000  # between two repeats: their trials share no seed
LONGEST = 28  # of a researcher's part of a tag


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person asked for; None means: as the lab says, or as the comparison was begun."""

    researchers: tuple[str, ...]
    experiments: int
    repeats: int = 3
    seconds: float | None = None
    name: str | None = None
    max_cost_usd: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One campaign: a researcher in one of the repeats, which count from 1."""

    researcher: str
    repeat: int
    tag: str

    @property
    def seed(self) -> int:
        """After which its trials' seeds begin: the same for all researchers of a repeat."""
        return SEEDS * (self.repeat - 1)


def entries(name: str, wish: Wish) -> list[Entry]:
    """The campaigns in their order: repeat by repeat, each begun by another researcher.

    So a machine that drifts favours nobody.
    """
    slugs = _slugs(wish.researchers)
    found = []
    for repeat in range(1, wish.repeats + 1):
        turn = (repeat - 1) % len(wish.researchers)
        for one in (*wish.researchers[turn:], *wish.researchers[:turn]):
            found.append(Entry(one, repeat, f"{name}-{slugs[one]}-{repeat}"))
    return found


def _slugs(researchers: Sequence[str]) -> dict[str, str]:
    """A part of a tag for each; short, and each another."""
    slugs: dict[str, str] = {}
    for one in researchers:
        short = re.sub(r"[^A-Za-z0-9]+", "-", one).strip("-")[-LONGEST:].strip("-") or "x"
        taken = set(slugs.values())
        free = (f"{short}-{n}" for n in range(2, len(researchers) + 2))
        slugs[one] = next(free) if short in taken else short
    return slugs


def mark(name: str, entry: Entry, wish: Wish) -> dict[str, Any]:
    """What a campaign's settings say of its comparison."""
    return {
        "name": name,
        "researchers": list(wish.researchers),
        "repeats": wish.repeats,
        "repeat": entry.repeat,
    }


def name_of(ledger: Ledger, wish: Wish) -> str:
    """The name of the comparison: as asked for, or the newest one if it is the same, or today's.

    Raises:
        UsageError: if the name cannot be a part of tags.
    """
    if wish.name is not None:
        if not TAG.fullmatch(wish.name) or len(wish.name) > 24:
            raise UsageError(
                f"`{wish.name}` cannot be a name; use at most 24 letters, digits, - and _"
            )
        return wish.name
    known = list(_comparisons(ledger))
    if known:
        newest = known[-1]
        told = newest.settings["comparison"]
        same = (told["researchers"], told["repeats"], newest.settings["target"]) == (
            list(wish.researchers),
            wish.repeats,
            wish.experiments,
        )
        if same and wish.seconds in {None, newest.settings["seconds"]}:
            return str(told["name"])
    today = f"compare-{time.strftime('%b%d').lower()}"
    taken = {str(one.settings["comparison"]["name"]) for one in known}
    free = (today if n == 1 else f"{today}-{n}" for n in range(1, len(taken) + 2))
    return next(name for name in free if name not in taken)


def _comparisons(ledger: Ledger) -> Iterator[Campaign]:
    """All campaigns that are a part of a comparison, oldest first."""
    return (one for one in ledger.campaigns() if one.settings.get("comparison"))


def require_same(
    campaign: Campaign, entry: Entry, wish: Wish, name: str, lab: str, start: str
) -> None:
    """See that a campaign that exists is what the comparison would run.

    Raises:
        UsageError: if it is not, with what differs.
    """
    settings = campaign.settings
    told = settings.get("comparison") or {}
    differs = None
    if told.get("name") != name or settings["researcher"] != entry.researcher:
        differs = "is not a part of this comparison"
    elif settings["target"] != wish.experiments:
        differs = f"was begun for {settings['target']} experiments, not {wish.experiments}"
    elif wish.seconds not in {None, settings["seconds"]}:
        differs = f"runs trials of {settings['seconds']:g} s, not {wish.seconds:g}"
    elif campaign.lab != lab:
        differs = "was begun with another lab.toml"
    elif campaign.start_commit != start:
        differs = "was begun from another commit than the one that is checked out"
    if differs:
        raise UsageError(
            f"campaign {campaign.tag} {differs}, so the others could not be compared with it; "
            "ask for the same as before, or begin another comparison with --name"
        )


def researchers_in(texts: Sequence[str]) -> tuple[str, ...]:
    """Names from texts with commas between them; the commas of a `mix:` are its own.

    Raises:
        UsageError: if there is none, or one is there twice.
    """
    found: list[str] = []
    for text in texts:
        before = len(found)
        for part in (piece.strip() for piece in text.split(",")):
            if len(found) > before and found[-1].startswith("mix:") and "=" in part:
                found[-1] += f",{part}"
            elif part:
                found.append(part)
    twice = sorted({name for name in found if found.count(name) > 1})
    if not found or twice:
        problem = f"{twice[0]} is there twice" if twice else "nobody is named"
        raise UsageError(f"--researchers {','.join(texts)}: {problem}; such as backlog,tuner,null")
    return tuple(found)
