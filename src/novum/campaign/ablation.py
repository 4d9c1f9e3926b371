"""Ablation: which keeps are not worth their lines, seen from what the incumbent is without them.

By blocks first: the keeps in consecutive blocks of about the square root of their number. Then
one by one, where it may pay: the members of a block that does not pay as a whole, or cannot be
taken out as a whole, and those that the search itself doubted. A part that cannot be taken out
alone, because later changes rest on it, is left in.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from novum.campaign.confirmation import Referee
from novum.campaign.events import Notice
from novum.ledger import Arm, Confirmation, Experiment, Finding
from novum.ledger.confirmations import ABLATION
from novum.patch import diff, edits_between
from novum.records import Proposal
from novum.repo import Repo, experiments_ref
from novum.standing import Standing

DOUBT = 0.9  # a keep that was less probably better than this is looked at alone
PAIRS = 4  # of each part with the incumbent
RESEARCHER = "ablation"


@dataclass(frozen=True, slots=True)
class Part:
    """Keeps that follow one another, and what the incumbent gains by them."""

    keeps: tuple[Experiment, ...]
    lines: int  # that go if it is taken out, net
    finding: Finding

    def pays(self, line_cost: float) -> bool:
        """Whether it is worth its lines; what could not be run without it is.

        A part that removed lines is, unless it is sure to cost more than they are worth.
        """
        claim = self.finding.claim
        gain = claim.high if self.lines < 0 else claim.gain
        return claim.pairs == 0 or gain > line_cost * self.lines


@dataclass(frozen=True, slots=True)
class Ablation:
    """Measures the parts of the present incumbent."""

    repo: Repo
    standing: Standing
    referee: Referee

    def find(self, pairs: int | None) -> list[Part]:
        """All parts that were measured, blocks before single keeps."""
        keeps = tuple(self.standing.keeps[1:])
        cost = self.standing.lab.line_cost
        blocks = self._measured(_blocks(keeps), pairs)
        known = {part.keeps for part in blocks}
        good = {keep.id for part in blocks if part.pays(cost) for keep in part.keeps}
        poor = {keep.id for keep in keeps} - good
        singles = [(k,) for k in keeps if (k,) not in known and (k.id in poor or self._doubted(k))]
        return [*blocks, *self._measured(singles, pairs)]

    def proposal(self, part: Part) -> Proposal | None:
        """An experiment that takes a part out of the present incumbent.

        None if it cannot go, or if that was tried with this incumbent already.
        """
        files = self._without(part.keeps)
        numbers = ", ".join(str(keep.number) for keep in part.keeps)
        key = f"{self.standing.incumbent.number} without {numbers}"
        if not files or key in self.standing.tried:
            return None
        before = self.repo.files(self._commit, self.standing.lab.files.editable)
        titles = ", ".join(keep.proposal.title for keep in part.keeps)
        # Without the figure: it may be of the holdout, and researchers read hypotheses.
        return Proposal(
            title=f"Take out: {titles}",
            edits=edits_between(before, {**before, **files}),
            hypothesis=f"Run without it beside the incumbent, this part did not earn its "
            f"{part.lines} lines.",
            kind="simplification",
            key=key,
            researcher=RESEARCHER,
        )

    def _doubted(self, keep: Experiment) -> bool:
        """Whether the search was not sure that this helps by more than the price of its lines.

        Some policies do not look at that price, and some do not know their own noise.
        """
        assert keep.verdict is not None
        evidence, lab = keep.verdict.evidence, self.standing.lab
        blind = evidence.sd == 0 and lab.metric.noise != "none"
        poor = evidence.effect <= lab.line_cost * keep.diff.net_lines
        return blind or poor or evidence.probability < DOUBT

    @property
    def _commit(self) -> str:
        commit = self.standing.incumbent.commit
        assert commit is not None
        return commit

    def _without(self, keeps: Sequence[Experiment]) -> dict[str, str] | None:
        """The files that differ when these keeps are taken out of the incumbent."""
        assert keeps[-1].commit is not None
        return self.repo.reverted(self._commit, keeps[-1].commit, keeps[0].parent)

    def _measured(self, groups: Sequence[tuple[Experiment, ...]], pairs: int | None) -> list[Part]:
        """Run the incumbent without each of the groups; what was measured before is used."""
        arms = {arm: keeps for keeps in groups if (arm := self._arm(keeps)) is not None}
        for left in (group for group in groups if group not in arms.values()):
            numbers = ", ".join(str(keep.number) for keep in left)
            words = f"{'keep' if len(left) == 1 else 'keeps'} {numbers} cannot be taken out alone: "
            self.referee.tell(Notice(f"{words}later changes rest on what they did"))
        if not arms:
            return []
        done = self._done(set(arms), pairs or 0)
        if done is None:
            done = self.referee.open_ablation(list(arms), pairs or PAIRS)
            self.referee.work(done)
        return [
            Part(keeps, self._lines(keeps), finding)
            for finding in self.referee.ledger.confirmations.findings(done.id)
            if (keeps := arms.get(done.plan.arms[finding.arm])) is not None
        ]

    def _done(self, arms: set[Arm], pairs: int) -> Confirmation | None:
        """An earlier ablation that holds all of these arms, with so many pairs at least."""
        past = self.referee.ledger.confirmations.finished(self.standing.campaign.id)
        found = [
            one
            for one in past
            if one.reason == ABLATION and arms <= set(one.plan.arms) and one.plan.pairs >= pairs
        ]
        return found[-1] if found else None

    def _arm(self, keeps: Sequence[Experiment]) -> Arm | None:
        files = self._without(keeps)
        if not files:
            return None
        incumbent = self.standing.incumbent
        numbers = tuple(keep.number for keep in keeps)
        names = f"{numbers[0]}-{numbers[-1]}"
        message = f"Experiment {incumbent.number} without keeps {names}, for an ablation\n"
        commit = self.repo.commit(self._commit, files, message, incumbent.created)
        tag = self.standing.campaign.tag
        ref = f"{experiments_ref(tag)}/{incumbent.number:05d}-without-{names}"
        self.repo.move(ref, commit, None)
        return Arm(incumbent.id, commit, numbers)

    def _lines(self, keeps: Sequence[Experiment]) -> int:
        files = self._without(keeps) or {}
        before = self.repo.files(self._commit, self.standing.lab.files.editable)
        return -diff(before, {**before, **files}).net_lines


def _blocks(keeps: Sequence[Experiment]) -> list[tuple[Experiment, ...]]:
    size = math.isqrt(max(len(keeps) - 1, 0)) + 1
    return [tuple(keeps[start : start + size]) for start in range(0, len(keeps), size)]


def worthless(parts: Sequence[Part], line_cost: float) -> Iterator[Part]:
    """The parts that do not pay, the largest first."""
    yield from sorted(
        (part for part in parts if not part.pays(line_cost)), key=lambda part: -len(part.keeps)
    )
