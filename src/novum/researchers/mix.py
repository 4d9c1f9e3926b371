"""Several researchers take turns, each by its share.

    [mix]
    "chat:anthropic/MODEL" = 2
    tuner = 1

The next to be asked is the one furthest behind its share of the experiments of this campaign, so
after an interruption the same one follows. One that has nothing to propose is passed over, and an
idea of the person's, in words, goes to one that reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from novum.briefing import Briefing
from novum.errors import UsageError
from novum.lab import Lab
from novum.records import Proposal
from novum.researchers import Desk, Researcher, researcher_named
from novum.standing import Tally

HOW = '[mix] in lab.toml, such as tuner = 1 and backlog = 2, or "mix:tuner=1,backlog=2"'


@dataclass(frozen=True, slots=True)
class Member:
    """A researcher as the person named it, and its share."""

    name: str
    share: float
    researcher: Researcher

    def nearness(self, label: str) -> int:
        """How closely a label of proposals names this member: 0 if it does not.

        A member may tell more than its name: `chat` proposes as `chat:anthropic/MODEL`.
        """
        names = (self.name, self.researcher.name)
        return max(len(name) if f"{label}:".startswith(f"{name}:") else 0 for name in names)


class Mix:
    """Asks its members in turn."""

    name = "mix"

    def __init__(self, members: tuple[Member, ...]) -> None:
        self._members = members
        self._spent: set[str] = set()  # those that take their time, and have nothing left
        self.instant = all(member.researcher.instant for member in members)

    @classmethod
    def for_lab(cls, lab: Lab, directory: Path, choice: str = "") -> Self:
        """The members that the choice or `[mix]` names."""
        return cls(
            tuple(
                Member(name, share, researcher_named(name, lab, directory))
                for name, share in cls.shares(lab, choice).items()
            )
        )

    @classmethod
    def shares(cls, lab: Lab, choice: str = "") -> dict[str, float]:
        """The shares by the names of the members, without those that have none.

        Raises:
            UsageError: if there are none, or one is a mix itself.
        """
        shares = shares_in(choice) if choice else dict(lab.mix)
        for name in shares:
            if name.partition(":")[0] == cls.name:
                raise UsageError("a mix cannot be a part of a mix; name its researchers")
        wanted = {name: share for name, share in shares.items() if share > 0}
        if not wanted:
            raise UsageError(f"a mix needs researchers with shares above 0: {HOW}")
        return wanted

    def propose(self, briefing: Briefing, desk: Desk) -> Proposal | None:
        """The proposal of the member that is furthest behind, of those that have one."""
        waiting = [member for member in self._members if member.name not in self._spent]
        while waiting:
            readers = [one for one in waiting if briefing.idea and not one.researcher.instant]
            member = self._furthest_behind(readers or waiting, briefing.tallies)
            proposal = member.researcher.propose(briefing, desk)
            if proposal is not None:
                return self._labelled(proposal, member)
            if desk.cancel.is_set():
                return None
            waiting.remove(member)
            if not member.researcher.instant:
                self._spent.add(member.name)
        return None

    def _furthest_behind(self, members: list[Member], tallies: Mapping[str, Tally]) -> Member:
        done = {member.name: 0 for member in members}
        for label, tally in tallies.items():
            owner = self._owner(label)
            if owner is not None and owner.name in done:
                done[owner.name] += tally.proposed
        due = (sum(done.values()) + 1) / sum(member.share for member in members)
        return max(members, key=lambda member: due * member.share - done[member.name])

    def _owner(self, label: str) -> Member | None:
        """The member whose proposals are labelled so."""
        owner = max(self._members, key=lambda member: member.nearness(label))
        return owner if owner.nearness(label) else None

    def _labelled(self, proposal: Proposal, member: Member) -> Proposal:
        """The proposal with a label by which its member is known again; its own if that does."""
        if self._owner(proposal.researcher) is member:
            return proposal
        return replace(proposal, researcher=member.name)


def shares_in(text: str) -> dict[str, float]:
    """`tuner=1,backlog=2` as shares by name.

    Raises:
        UsageError: if it is not written so.
    """
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (piece.strip() for piece in part.rpartition("="))
        try:
            share = float(number)
        except ValueError:
            share = -1.0
        if not name or not 0 <= share < float("inf") or name in shares:
            raise UsageError(f"`{part}` is not the share of a researcher: {HOW}")
        shares[name] = share
    return shares
