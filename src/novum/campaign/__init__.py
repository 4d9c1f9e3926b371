"""The loop. It only sequences: search picks a parent, the researcher proposes, the runner runs,
the judge decides, the ledger and the repository remember.

The order of writes makes every instant recoverable (`docs/how-it-works.md`): the proposal is in
the ledger before anything runs, each trial's result before a verdict, the verdict before a ref
moves; refs move by compare-and-swap, and moving one again changes nothing. So an interrupted
campaign is continued by running the loop again.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from threading import RLock

from novum.campaign.ablation import Ablation, worthless
from novum.campaign.bench import Bench, Job
from novum.campaign.case import arms_over, case_of, commit_message
from novum.campaign.confirmation import ASKED, END, MILESTONE, Referee
from novum.campaign.events import Event, Judged, Notice, Observer, Started, Step
from novum.campaign.proposing import Place, Proposer, Stopped
from novum.campaign.requests import NOT_UNDERSTOOD, Asked, asked_in, is_for
from novum.campaign.stopping import Stop, StopRequests
from novum.dataset import Dataset
from novum.errors import CampaignError, PatchError
from novum.judge import Belief, Judge, Next, Ruling
from novum.judge.exact import disagreement
from novum.ledger import Confirmation, Experiment, Ledger, Trial
from novum.patch import apply_edits
from novum.records import DISTURBED, NOT_YET, Evidence, Outcome, Proposal, TrialState, Verdict
from novum.repo import Repo, branch_ref, experiment_ref, experiments_ref
from novum.researchers import Researcher
from novum.runners import Runner
from novum.search import Search
from novum.standing import Standing
from novum.terminal import storable

__all__ = ["Asked", "Machine", "Parts", "Stop", "StopRequests", "Stopped"]

MISHAPS = 3  # trials in a row that may fail for reasons of the place
TIDY_EVERY = 1000
LOST = "lost"  # below a campaign's refs: commits of experiments that its ledger lost


class LaterError(CampaignError):
    """A score comes later, from elsewhere: a laboratory, a service that is down."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The replaceable parts of a campaign."""

    runner: Runner
    judge: Judge
    search: Search
    researcher: Researcher | None  # None: only what the person puts in is worked on


class Machine:
    """One campaign, worked on by this process, which holds the lab's lock."""

    def __init__(
        self,
        ledger: Ledger,
        repo: Repo,
        standing: Standing,
        parts: Parts,
        dataset: Dataset,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._ledger, self._repo, self._standing = ledger, repo, standing
        self._parts, self._observers = parts, observers
        self._telling = RLock()  # a researcher's words come from a thread of its own
        self._lab, self._campaign = standing.lab, standing.campaign
        self._bench = Bench(
            ledger, repo, standing, parts.runner, dataset, self._tell, self._meanwhile
        )
        self._proposer = Proposer(
            ledger,
            repo,
            standing,
            parts.search,
            parts.researcher,
            self._bench,
            self._tell,
            self._confirm_requested,
        )
        self._referee = Referee(ledger, standing, self._try, self._tell)
        self.stop = self._bench.stop

    def run(self, experiments: int | None) -> None:
        """Work until so many experiments are judged in all (None: without end), or ideas run out.

        Raises:
            Stopped: if the person asked to stop.
            CampaignError: if the baseline fails, or the place does.
        """
        with closing(self._bench), closing(self._proposer):
            self._proposer.target = experiments
            self._recover()
            while experiments is None or self._standing.experiments < experiments:
                self._confirm_in_passing(experiments)
                experiment = self._proposer.next()
                if experiment is None:
                    self._tell(Notice("the researcher has nothing more to propose"))
                    break
                self._proposer.look_ahead()
                self._work_on(experiment)
            self._confirm_requested()
            if self._lab.confirm.at_end and not self._referee.settled:
                self._referee.work(self._referee.open(END, None, None))
            self._work_on_requests()  # some may have come while the end was confirmed
        self._finish()

    def run_requests(self) -> None:
        """Work only on what the person put in, until nothing of that is waiting."""
        with closing(self._bench):
            self._recover()
            self._work_on_requests()

    def confirm(self, asked: Asked) -> None:
        """Confirm the incumbent, as the person asked."""
        with closing(self._bench):
            self._confirm(asked, self._recover())
            self._confirm_requested()

    def _work_on_requests(self) -> None:
        while (experiment := self._proposer.requested()) is not None:
            self._work_on(experiment)
        self._confirm_requested()

    # Opening

    def _recover(self) -> Confirmation | None:
        """Finish the one step that an interruption left open, and see that there is a baseline.

        If that was a confirmation, it is returned.
        """
        self._bench.requests.dismiss_old()
        self._tell(Started(self._standing))
        if self._ledger.mended:
            self._tell(Notice(self._ledger.mended))
        self._repo.clear_stale_locks(self._campaign.tag)
        self._set_aside()
        self._ledger.end_lost_trials(self._campaign.id)
        self._ledger.consultations.end_lost(self._campaign.id)
        for experiment in self._ledger.experiments(self._campaign.id, last=1):
            if experiment.verdict is not None:
                self._commit(experiment, experiment.verdict)  # it may be lost while it has no ref
                self._follow(experiment)
        if self._standing.has_baseline:
            self._advance()
        else:
            self._measure_baseline()
        unfinished = self._ledger.open_experiment(self._campaign.id)
        if unfinished is not None:
            self._work_on(unfinished)
        confirmation = self._ledger.confirmations.unfinished(self._campaign.id)
        if confirmation is not None:
            self._referee.work(confirmation)
        return confirmation

    def _measure_baseline(self) -> None:
        unfinished = self._ledger.open_experiment(self._campaign.id)
        if self._standing.next_number > 0 and unfinished is None:
            raise CampaignError(
                "the baseline failed; mend the lab, commit, and start a new campaign"
            )
        baseline = unfinished or self._proposer.open(
            Proposal("baseline", (), researcher="novum"), Place(self._campaign.start_commit, {})
        )
        while len(self._standing.values(baseline.id)) < self._lab.baseline_runs:
            trial = self._try(Job(baseline, baseline))
            if trial.state is not TrialState.MEASURED:
                self._close(baseline, Verdict(Outcome.CRASH, trial.detail), None)
                self._finish()
                raise CampaignError(self._baseline_failure(trial))
        values = self._standing.values(baseline.id)
        arms = arms_over(self._lab, self._ledger.trials(baseline.id))
        belief = self._parts.judge.opening(values, arms)
        runs = "1 run" if len(values) == 1 else f"{len(values)} runs"
        words = f"baseline: {belief.mean:.6g} ± {belief.sd:.2g}, {runs}"
        warning = disagreement(values) if self._lab.metric.noise == "none" else None
        if warning is not None:
            words = f"{words}; {warning}"
            self._tell(Notice(warning))
        evidence = Evidence(runs=len(values), values=values)
        self._close(baseline, Verdict(Outcome.KEEP, words, evidence), belief)

    def _baseline_failure(self, trial: Trial) -> str:
        log = self._ledger.log(trial.id).decode("utf-8", "replace")
        lines = [f"    {line}" for line in log.rstrip().splitlines()[-8:]]
        said = ["its last lines:", *lines] if lines else ["it printed nothing"]
        return "\n".join(
            [
                f"the baseline fails ({trial.state}: {trial.detail}), so nothing can be compared "
                "with it;",
                *said,
                "mend the lab, commit, and run it again",
            ]
        )

    def _finish(self) -> None:
        self._ledger.update_campaign(self._campaign.id, state="finished")

    # Confirming

    def _confirm_in_passing(self, target: int | None) -> None:
        """Between two experiments: what the person asks for, and milestones."""
        self._confirm_requested()
        if self._referee.milestone_reached(target):
            self._referee.work(self._referee.open(MILESTONE, None, None))

    def _confirm_requested(self) -> None:
        for request in self._ledger.requests.waiting("confirm"):
            if not is_for(request, self._campaign.tag):
                continue
            try:
                asked = asked_in(request)
            except NOT_UNDERSTOOD as error:
                self._ledger.requests.answer(request.id, f"not understood: {error}")
                continue
            self._ledger.requests.answer(request.id, "confirming")
            self._confirm(asked)

    def _confirm(self, asked: Asked, resumed: Confirmation | None = None) -> None:
        """Do what the person asks, unless what was `resumed` is just that."""
        if self._standing.incumbent.number == 0:
            self._tell(Notice("nothing was kept, so there is nothing to confirm"))
            return
        if asked.ablate or asked.prune:
            self._ablate(asked)
        if resumed is None or not self._referee.answers(resumed, asked.pairs, asked.dial):
            self._referee.work(self._referee.open(ASKED, asked.pairs, asked.dial))

    def _ablate(self, asked: Asked) -> None:
        """Find the parts that do not pay; to prune, take them out as experiments like others."""
        ablation = Ablation(self._repo, self._standing, self._referee)
        parts = ablation.find(asked.pairs)
        gone: set[int] = set()
        for part in worthless(parts, self._lab.line_cost) if asked.prune else ():
            proposal = None
            if gone.isdisjoint(keep.id for keep in part.keeps):
                proposal = ablation.proposal(part)
            if proposal is None:
                continue
            before = self._standing.incumbent
            self._work_on(self._proposer.open(proposal, self._proposer.place()))
            if self._standing.incumbent is not before:
                gone.update(keep.id for keep in part.keeps)

    # Trying

    def _work_on(self, experiment: Experiment) -> None:
        """Run what the judge asks for until it decides; then remember."""
        try:
            files = self._changed_files(experiment)
        except PatchError as error:
            verdict = Verdict(Outcome.INVALID, f"does not apply: {storable(str(error))}")
            self._close(experiment, verdict, self._standing.belief)
            return
        verdict, belief = self._decide(experiment, files)
        self._close(experiment, verdict, belief)

    def _changed_files(self, experiment: Experiment) -> dict[str, str]:
        """The new texts of the files that an experiment's proposal changes.

        Raises:
            PatchError: if it does not apply to its parent.
        """
        editable = self._lab.files.editable
        before = self._repo.files(experiment.parent, editable)
        after = apply_edits(before, experiment.proposal.edits, editable)
        return {path: text for path, text in after.items() if before.get(path) != text}

    def _decide(
        self, experiment: Experiment, files: Mapping[str, str]
    ) -> tuple[Verdict, Belief | None]:
        """The verdict on an experiment, and the belief about the incumbent that stands after it."""
        trials = [trial for trial in self._ledger.trials(experiment.id) if trial.state.counts]
        if not trials:
            trials = [self._try(Job(experiment, experiment, files))]
        while trials[-1].state is TrialState.MEASURED:
            ruling = self._consider(experiment)
            try:
                if ruling.again is Next.CANDIDATE:
                    trials.append(self._try(Job(experiment, experiment, files)))
                elif ruling.again is Next.INCUMBENT:
                    self._measure_incumbent(experiment)
            except LaterError as error:
                self._tell(Notice(f"decided by the runs that there are: {error}"))
                ruling = self._consider(experiment, last=True)
                if ruling.again is not None:
                    raise
            if ruling.outcome is not None:
                return Verdict(ruling.outcome, ruling.reason, ruling.evidence), ruling.belief
        return _failure(trials[-1]), self._standing.belief

    def _consider(self, experiment: Experiment, *, last: bool = False) -> Ruling:
        """What the judge says now; the `last` time without another run of the candidate."""
        case = case_of(experiment, self._standing, self._ledger, self._parts.judge)
        if last:
            case = replace(case, rules=replace(case.rules, max_runs=len(case.values)))
        ruling = self._parts.judge.consider(case)
        if not last and len(case.values) < self._lab.judge.min_runs:
            return replace(ruling, again=Next.CANDIDATE, outcome=None)
        return ruling

    def _measure_incumbent(self, asked_by: Experiment) -> None:
        for _ in range(MISHAPS):
            trial = self._try(Job(self._standing.incumbent, asked_by))
            if trial.state is TrialState.MEASURED:
                return
        raise CampaignError(
            f"the incumbent, which ran before, now fails ({trial.state}: {trial.detail}); "
            "see what changed on this machine, then `novum resume`"
        )

    def _try(self, job: Job) -> Trial:
        """Run one trial to an end that says something about it."""
        for _ in range(MISHAPS):
            self._bench.requests.take()
            if self.stop.wanted:
                raise Stopped
            trial = self._bench.run(job)
            if trial.state is TrialState.CANCELLED:
                raise Stopped
            if trial.state.counts:
                return trial
            if trial.detail.startswith(NOT_YET):
                raise LaterError(f"{trial.detail}; when there is one: novum resume")
            self._tell(Notice(f"not the idea's fault, running it again: {trial.detail}"))
        if trial.detail.startswith(DISTURBED) and job.cell is None:
            return trial  # whatever ends it, again and again, it belongs to the idea
        raise CampaignError(
            f"{MISHAPS} trials in a row failed for reasons of this machine ({trial.detail}); "
            "mend that, then `novum resume`"
        )

    # Remembering

    def _close(
        self,
        experiment: Experiment,
        verdict: Verdict,
        belief: Belief | None,
    ) -> None:
        commit = self._commit(experiment, verdict)
        closed = self._ledger.judge(experiment, verdict, belief, commit, self._bench.session)
        self._tell(Step("judged"))
        self._follow(closed)
        self._standing.close(closed)
        if verdict.outcome is Outcome.KEEP:
            self._advance()
        self._tell(Judged(closed, self._standing))
        self._ledger.keep_copy()
        if closed.number % TIDY_EVERY == TIDY_EVERY - 1:
            self._repo.tidy()

    def _commit(self, experiment: Experiment, verdict: Verdict) -> str | None:
        """Store the experiment's commit; the same facts give the same commit, so it may be again.

        None if the change does not apply.
        """
        if experiment.number == 0:
            return experiment.parent
        try:
            files = self._changed_files(experiment)
        except PatchError:
            return None
        message = commit_message(self._campaign.tag, self._lab, experiment, verdict)
        return self._repo.commit(experiment.parent, files, message, experiment.created)

    def _follow(self, experiment: Experiment) -> None:
        """Let the experiment's ref and artifacts follow its verdict; again changes nothing."""
        if experiment.verdict is None:
            return
        if experiment.verdict.outcome is not Outcome.KEEP:
            self._bench.drop_artifacts(experiment)
        if experiment.commit is not None:
            ref = experiment_ref(self._campaign.tag, experiment.number)
            self._repo.move(ref, experiment.commit, None)
            self._tell(Step("referenced"))

    def _set_aside(self) -> None:
        """Keep the code of experiments that a damaged ledger lost; they are done again."""
        refs = experiments_ref(self._campaign.tag)
        unfinished = self._ledger.open_experiment(self._campaign.id)
        first = unfinished.number if unfinished else self._standing.next_number
        for ref, commit in self._repo.refs_below(refs).items():
            number = ref.removeprefix(f"{refs}/")
            if number.isdecimal() and int(number) >= first:
                lost = f"{refs}/{LOST}/{number}-{commit[:10]}"
                self._repo.move(lost, commit, None)
                self._repo.drop(ref)
                self._tell(Notice(f"experiment {number} is not in the ledger; its code is {lost}"))

    def _advance(self) -> None:
        """Move the branch to the incumbent; if it is there already, nothing changes."""
        branch = branch_ref(self._campaign.tag)
        commit = self._standing.incumbent.commit
        assert commit is not None
        now = self._repo.target(branch)
        if now == commit:
            return
        if branch in self._repo.checked_out_branches():
            self._tell(Notice(f"{branch} is checked out, so it stays; it follows at the next keep"))
            return
        # It may lag behind by keeps during which it was checked out, but be nowhere else.
        ours = {keep.commit for keep in self._standing.keeps}
        lost = self._repo.refs_below(f"{experiments_ref(self._campaign.tag)}/{LOST}").values()
        known = now is None or now in ours or now in lost
        expected = now if known else self._standing.incumbent.parent
        self._repo.move(branch, commit, expected)
        self._tell(Step("advanced"))

    def _meanwhile(self) -> None:
        self._proposer.look_ahead()

    def _tell(self, event: Event) -> None:
        with self._telling:
            for observer in self._observers:
                observer(event)


def _failure(trial: Trial) -> Verdict:
    """The verdict on an experiment whose trial was not measured."""
    if trial.state is TrialState.HOPELESS:
        return Verdict(Outcome.DISCARD, trial.detail)
    outcome = Outcome.INVALID if trial.state is TrialState.INVALID else Outcome.CRASH
    told = trial.state == outcome.value
    return Verdict(outcome, trial.detail if told else f"{trial.state}: {trial.detail}")
