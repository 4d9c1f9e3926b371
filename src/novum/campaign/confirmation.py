"""Confirming: the incumbent is run again beside what it is compared with, and claims are made.

A confirmation is a design of blocks and arms. In a block each arm is run once, all with one seed
that no earlier trial had; the order turns from block to block, so that a machine that drifts
favours nobody. What is still to run follows from the ledger alone, so an interruption costs the
running trial.

Where the score is a rate, both arms are shown side by side in one run already: a block is one batch
of visitors, to the incumbent and to what it is compared with.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from novum.campaign.bench import Job
from novum.campaign.events import Confirmed, Confirming, Observer, Step
from novum.campaign.traffic import arms_of
from novum.judge import average
from novum.judge.claims import level
from novum.judge.confirm import Claim, affordable, claim, concurrent, decided, due, exact
from novum.judge.split import Items, mean_split_error
from novum.ledger import Arm, Cell, Confirmation, Experiment, Finding, Ledger, Plan, Trial
from novum.ledger.confirmations import ABLATION
from novum.records import TrialState
from novum.standing import Standing

VOID = 3  # pairs of an arm that may fail before it is given up
MILESTONE, END, ASKED = "milestone", "end", "asked"


@dataclass(frozen=True, slots=True)
class Referee:
    """Plans confirmations of one campaign, has their trials run, and records the claims."""

    ledger: Ledger
    standing: Standing
    attempt: Callable[[Job], Trial]
    tell: Observer
    _read: dict[int, Items] = field(default_factory=dict)

    # What to compare

    @property
    def settled(self) -> bool:
        """Whether there is nothing new to claim: the incumbent is the start, or was confirmed."""
        incumbent = self.standing.incumbent
        known = any(one.experiment == incumbent.id for one in self._past())
        return incumbent.number == 0 or known

    def milestone_reached(self, target: int | None) -> bool:
        """Whether it is time to confirm by itself; not shortly before the end."""
        first, done = self.standing.lab.confirm.first_milestone, self.standing.experiments
        if first == 0 or done < first or self.settled:
            return False
        near = target is not None and self.standing.lab.confirm.at_end and 2 * target < 3 * done
        return not near and due(done, max((one.after for one in self._past()), default=0), first)

    def open(self, reason: str, pairs: int | None, dial: dict[str, float] | None) -> Confirmation:
        """Plan the comparison with the start and the milestones: all if asked, else the last."""
        milestones = self._milestones()
        chosen = milestones if reason == ASKED else milestones[-1:]
        arms = [self.standing.incumbent, self.standing.keeps[0], *chosen]
        most = pairs or self.standing.lab.confirm.pairs
        if reason != ASKED:
            most = affordable(self.standing.trials, len(arms), most)
        return self._record(reason, [_arm(one) for one in arms], most, dial)

    def answers(
        self, confirmation: Confirmation, pairs: int | None, dial: dict[str, float] | None
    ) -> bool:
        """Whether this confirmation, which a person asked for, is what would be opened now."""
        plan = confirmation.plan
        return (
            (confirmation.reason, plan.dial) == (ASKED, dial)
            and confirmation.experiment == self.standing.incumbent.id
            and plan.pairs >= (pairs or self.standing.lab.confirm.pairs)
        )

    def open_ablation(self, variants: Sequence[Arm], pairs: int) -> Confirmation:
        """Plan the comparison with the incumbent's variants, each without some keeps."""
        arms = [_arm(self.standing.incumbent), *variants]
        return self._record(ABLATION, arms, pairs, None)

    def _record(
        self, reason: str, arms: list[Arm], pairs: int, dial: dict[str, float] | None
    ) -> Confirmation:
        lab = self.standing.lab
        plan = Plan(tuple(arms), pairs, "holdout" if lab.trial.holdout else "validation", dial)
        opened = self.ledger.confirmations.open(
            self.standing.campaign.id,
            self.standing.incumbent.id,
            reason,
            self.standing.experiments,
            plan,
        )
        self.tell(Step("confirming"))
        return opened

    def _past(self) -> list[Confirmation]:
        """Those that count as milestones: of the lab as it is, and not of its parts."""
        past = self.ledger.confirmations.finished(self.standing.campaign.id)
        return [one for one in past if one.plan.dial is None and one.reason != ABLATION]

    def _milestones(self) -> list[Experiment]:
        confirmed = {one.experiment for one in self._past()}
        return [keep for keep in self.standing.keeps[1:-1] if keep.id in confirmed]

    # Running

    def work(self, confirmation: Confirmation) -> list[Finding]:
        """Run what the plan still needs, and record what came of it."""
        self.tell(Confirming(confirmation, self.standing))
        keeps = {keep.id: keep for keep in self.standing.keeps}
        incumbent = keeps[confirmation.experiment]
        while (cell := self._next(confirmation)) is not None:
            arm = confirmation.plan.arms[cell.arm]
            shown = confirmation.plan.arms[0] if self._is_concurrent else arm
            self.attempt(
                Job(
                    target=keeps[shown.experiment],
                    asked_by=incumbent,
                    cell=cell,
                    commit=shown.commit,
                    seed=self._seed(cell),
                    split=confirmation.plan.split,
                    dial=confirmation.plan.dial,
                    control=arm.commit if self._is_concurrent else None,
                )
            )
        findings = self._findings(confirmation, self._trials(confirmation))
        self.ledger.confirmations.close(confirmation.id, findings)
        self.tell(Step("confirmed"))
        self.tell(Confirmed(confirmation, tuple(findings), self.standing))
        return findings

    @property
    def _is_concurrent(self) -> bool:
        """Whether one run shows both arms, to visitors who are split between them."""
        return self.standing.lab.metric.noise == "rate"

    def _trials(self, confirmation: Confirmation) -> list[Trial]:
        trials = self.ledger.confirmations.trials(confirmation.id)
        return [trial for trial in trials if trial.state.counts]

    def _seed(self, cell: Cell) -> int:
        """The block's seed: as it is, or else one that no trial had."""
        for trial in self.ledger.confirmations.trials(cell.confirmation):
            if trial.cell is not None and trial.cell.block == cell.block:
                return trial.seed
        return self.standing.next_seed

    def _next(self, confirmation: Confirmation) -> Cell | None:
        trials = self._trials(confirmation)
        done = {(t.cell.block, t.cell.arm) for t in trials if t.cell is not None}
        block = 0
        while True:
            before = [t for t in trials if t.cell is not None and t.cell.block < block]
            wanted = self._wanted(confirmation, before)
            if not wanted:
                return None
            order = [0, *wanted] if block % 2 == 0 else [*reversed(wanted), 0]
            if self._is_concurrent:
                order = wanted
            for arm in order:
                if (block, arm) not in done:
                    return Cell(confirmation.id, block, arm)
            block += 1

    def _wanted(self, confirmation: Confirmation, trials: Sequence[Trial]) -> list[int]:
        """The arms that need another pair, after these trials of whole blocks."""
        plan, exactly = confirmation.plan, self.standing.lab.metric.noise == "none"
        wanted = []
        for found in self._findings(confirmation, trials):
            void = len(_void(trials, found.arm))
            enough = found.claim.pairs >= (1 if exactly else plan.pairs)
            if self._is_concurrent:
                enough = enough or found.claim.confirmed
            elif confirmation.reason != ABLATION and not exactly:
                enough = decided(found.claim, plan.pairs, precise=found.arm == 1)
            if not enough and void < VOID:
                wanted.append(found.arm)
        return wanted

    # Claiming

    def _findings(self, confirmation: Confirmation, trials: Sequence[Trial]) -> list[Finding]:
        outcomes = self.ledger.confirmations.outcomes(self.standing.campaign.id)
        findings = []
        for number, arm in enumerate(confirmation.plan.arms[1:], 1):
            wanted = 0.0
            if confirmation.reason != ABLATION:
                wanted = level(self.standing.lab.judge.error_rate, outcomes)
            found = self._claim(trials, number, wanted)
            outcomes.append(found.confirmed)
            void = _void(trials, number)
            detail = list(void.values())[-1] if void else ""
            findings.append(Finding(number, found, self._believed(confirmation, arm), detail))
        return findings

    def _claim(self, trials: Sequence[Trial], arm: int, wanted: float) -> Claim:
        """The incumbent minus the arm, block by block; better is positive."""
        standing = self.standing
        if self._is_concurrent:
            return self._rates(trials, arm, wanted)
        differences = [
            standing.oriented(_score(first) - _score(other)) for first, other in _pairs(trials, arm)
        ]
        items = [(self._items(a), self._items(b)) for a, b in _pairs(trials, arm)]
        split = mean_split_error(items)
        if standing.lab.metric.noise == "none" and differences:
            return exact(average(tuple(differences)), wanted, split)
        return claim(differences, wanted, split)

    def _rates(self, trials: Sequence[Trial], arm: int, wanted: float) -> Claim:
        """The incumbent beside the arm, over all batches of visitors."""
        belief, minimize = self.standing.belief, self.standing.lab.minimize
        counted = [
            arms_of(trial.measurement)
            for trial in trials
            if trial.cell is not None and trial.cell.arm == arm and trial.measurement is not None
        ]
        return concurrent(counted, wanted, minimize=minimize, base=belief.mean if belief else 0.5)

    def _items(self, trial: Trial) -> Items:
        if trial.id not in self._read:
            self._read[trial.id] = self.ledger.items(trial.id)
        return self._read[trial.id]

    def _believed(self, confirmation: Confirmation, arm: Arm) -> float | None:
        """What the search believed of this difference, when the incumbent was kept."""
        standing = self.standing
        keeps = {keep.id: keep for keep in standing.keeps}
        incumbent, other = keeps[confirmation.experiment], keeps[arm.experiment]
        if arm.without or incumbent.belief is None or other.belief is None:
            return None
        if incumbent is standing.incumbent and other is standing.keeps[0]:
            return standing.gain
        return standing.oriented(incumbent.belief.mean - other.belief.mean)


def _arm(experiment: Experiment) -> Arm:
    assert experiment.commit is not None
    return Arm(experiment.id, experiment.commit)


def _pairs(trials: Sequence[Trial], arm: int) -> list[tuple[Trial, Trial]]:
    """The incumbent's and the arm's run of each block in which both were measured, in order."""
    cells = {
        (trial.cell.block, trial.cell.arm): trial
        for trial in trials
        if trial.cell is not None and trial.measurement is not None
    }
    blocks = sorted(block for block, of in cells if of == arm and (block, 0) in cells)
    return [(cells[block, 0], cells[block, arm]) for block in blocks]


def _score(trial: Trial) -> float:
    assert trial.measurement is not None
    return trial.measurement.metric


def _void(trials: Sequence[Trial], arm: int) -> dict[int, str]:
    """Why pairs of an arm failed, by block: what ended without a score, of it or the incumbent."""
    who = {0: "the incumbent", arm: "what it is compared with"}
    return {
        trial.cell.block: f"{who[trial.cell.arm]} failed with seed {trial.seed}: "
        f"{trial.detail or trial.state}"
        for trial in trials
        if trial.cell is not None
        and trial.cell.arm in who
        and trial.state is not TrialState.MEASURED
    }
