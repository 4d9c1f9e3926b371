"""A campaign, from its baseline to its end: real git, a real ledger, scripted ideas and scores."""

import dataclasses
import json
import os
import shutil
import subprocess
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from novum.audit import check
from novum.campaign import Stopped
from novum.campaign.case import case_of
from novum.campaign.events import Judged, Notice, Proposed, Started, Step, TrialEnded, TrialStarted
from novum.errors import CampaignError, LedgerError, RepoError
from novum.judge import Belief, Next, Ruling
from novum.judge.policies import POLICIES, judge_named
from novum.judge.terms import broken_guard
from novum.records import (
    Edit,
    Evidence,
    Measurement,
    Outcome,
    Proposal,
    TrialResult,
    TrialState,
)
from novum.runners import Phase, Pulse
from novum.standing import Standing

SCORED = sorted(POLICIES.keys() - {"rate"})  # `rate` decides by counts: test_traffic.py
FAILURES = {
    TrialState.CRASH: "crash",
    TrialState.TIMEOUT: "crash",
    TrialState.OUT_OF_MEMORY: "crash",
    TrialState.INVALID: "invalid",
}


def scored(order) -> float:
    return 1.0 + float((order.tree / "train.py").read_text().split("=")[1])


def failing(state, when="x = 7\n", log=b""):
    """A measure by which the program `when` ends in `state`, and others are scored."""

    def measure(order):
        if (order.tree / "train.py").read_text() == when:
            return TrialResult(state, detail=f"it ended as {state}", log=log)
        return scored(order)

    return measure


def not_applying(key="lost") -> Proposal:
    return Proposal("does not apply", (Edit("train.py", "no such text", "y"),), key=key)


def person(bed) -> dict[str, object]:
    """Everything that is the person's: files, HEAD, index, configuration, refs, reflogs."""
    state: dict[str, object] = {}
    ours = (".git/objects", ".novum", ".git/refs/heads/autoresearch", ".git/refs/novum")
    logs = (".git/logs/refs/heads/autoresearch", ".git/logs/refs/novum")
    for root, _, names in os.walk(bed.path):
        for name in names:
            path = Path(root, name)
            relative = str(path.relative_to(bed.path))
            if not relative.startswith((*ours, *logs)):
                state[relative] = (path.read_bytes(), path.lstat().st_mode)
    return state


def notices(bed, about: str) -> list[str]:
    return [notice.text for notice in bed.told(Notice) if about in notice.text]


class Power(BaseException):
    """The machine dies here."""


def dying_at(name: str, count: int):
    left = [count]

    def watch(event):
        if isinstance(event, Step) and event.name == name:
            left[0] -= 1
            if left[0] == 0:
                raise Power

    return watch


# Keeps, discards, refs


def test_a_keep_advances_the_branch_and_a_discard_does_not(bed):
    seen = []
    bed.run(
        [bed.idea(-1), bed.idea(5), bed.idea(-2), bed.idea(-1.5)],
        observers=[lambda event: seen.append(bed.branch) if isinstance(event, Judged) else None],
    )
    assert bed.verdicts() == ["keep", "keep", "discard", "keep", "discard"]
    start, *rest = bed.experiments()
    assert start.commit == bed.repo.head()
    assert seen == [start.commit, rest[0].commit, rest[0].commit, rest[2].commit, rest[2].commit]
    assert bed.git("log", "--format=%s", "autoresearch/t").splitlines() == [
        "set x to -2",
        "set x to -1",
        "start",
    ]


@pytest.mark.parametrize("policy", SCORED)
def test_every_proposal_with_a_commit_stays_under_a_ref(bed, policy):
    ideas = [bed.idea(value) for value in (-1, 3, 7, -2, 8)]
    ideas.insert(2, not_applying())
    bed.run(ideas, failing(TrialState.CRASH), judge=judge_named(policy))
    listed = bed.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/novum")
    expected = [
        f"refs/novum/t/{e.number:05d} {e.commit}" for e in bed.experiments() if e.commit is not None
    ]
    assert listed.splitlines() == expected
    assert len(expected) == 6
    bed.git("gc", "-q", "--prune=now")
    bed.git("fsck", "--strict", "--no-dangling")


def test_a_commit_tells_its_idea_and_its_verdict(bed):
    bed.run([bed.idea(-1, key="the-key", hypothesis="Because it must.", researcher="someone")])
    text = bed.git("log", "-1", "--format=%B", "autoresearch/t")
    assert text.startswith("set x to -1\n\nBecause it must.\n\n")
    trailers = bed.git("log", "-1", "--format=%(trailers:only)", "autoresearch/t").splitlines()
    assert dict(line.split(": ", 1) for line in trailers) == {
        "Novum-Experiment": "t/1",
        "Novum-Researcher": "someone",
        "Novum-Idea": "the-key",
        "Novum-Verdict": "keep",
        "Novum-Evidence": "better by 1, 1 run",
        "Novum-Metric": "v 0",
    }


def test_a_keep_is_built_upon(bed):
    width = Proposal("width", (Edit("model.py", "width = 8", "width = 9"),), key="width")

    def measure(order):
        return scored(order) - (order.tree / "model.py").read_text().count("width = 9")

    bed.run([bed.idea(-1), width], measure)
    assert bed.verdicts() == ["keep"] * 3
    assert bed.git("show", "autoresearch/t:train.py") == "x = -1"
    assert bed.git("show", "autoresearch/t:model.py") == "width = 9\ndepth = 2"
    assert bed.experiments()[2].parent == bed.experiments()[1].commit


def test_a_discarded_change_is_not_in_the_next_trial(bed):
    seen = []

    def measure(order):
        seen.append((order.tree / "model.py").read_text())
        return 1.0

    worse = Proposal("worse", (Edit("model.py", "depth = 2", "depth = 3"),), key="w")
    bed.run([worse, bed.idea(1)], measure)
    assert ["depth = 3" in text for text in seen] == [False, True, False]


def test_the_trial_gets_exactly_the_files_of_the_commit_it_is_judged_by(bed):
    trees = []

    def measure(order):
        files = (path for path in order.tree.rglob("*") if path.is_file())
        trees.append({str(path.relative_to(order.tree)): path.read_text() for path in files})
        return scored(order)

    bed.run([bed.idea(-1), bed.idea(4)], measure)
    for tree, experiment in zip(trees, bed.experiments(), strict=True):
        names = bed.git("ls-tree", "-r", "--name-only", experiment.commit).splitlines()
        assert sorted(tree) == names
        for name in names:
            assert bed.git("show", f"{experiment.commit}:{name}") == tree[name].strip()


def test_the_persons_own_things_are_as_they_were_and_as_they_change_them(bed, tmp_path):
    remote = tmp_path / "remote.git"
    bed.git("clone", "-q", "--bare", str(bed.path), str(remote))
    bed.git("remote", "add", "origin", str(remote))
    bed.git("fetch", "-q")
    bed.git("branch", "other")
    bed.git("tag", "v1")
    bed.write({"model.py": "width = 99\n", "untracked.txt": "mine\n"})
    bed.git("add", "model.py")
    remote_before = bed.git("ls-remote", "origin")
    states = [person(bed)]

    def work(event):
        if isinstance(event, Judged):
            assert person(bed) == states[-1]
            number = event.experiment.number
            bed.write({"train.py": f"mine = {number}\n", f"new{number}.txt": "n\n"})
            bed.git("add", f"new{number}.txt")
            if number == 2:
                bed.git("commit", "-q", "-m", "the person goes on")
            states.append(person(bed))

    bed.run([bed.idea(-1), bed.idea(2), bed.idea(-3)], observers=[work])
    assert person(bed) == states[-1]
    assert bed.git("ls-remote", "origin") == remote_before
    assert bed.git("log", "-1", "--format=%s", "autoresearch/t") == "set x to -3"
    assert "mine" not in bed.git("show", "autoresearch/t:train.py")


def test_the_person_may_pack_the_repository_at_any_moment(bed):
    def gc(event):
        if isinstance(event, (Step, Judged)):
            bed.git("gc", "-q", *["--prune=now"] * isinstance(event, Judged))

    bed.run([bed.idea(-1), bed.idea(2), bed.idea(-3)], observers=[gc])
    assert bed.verdicts() == ["keep", "keep", "discard", "keep"]
    bed.git("fsck", "--strict", "--no-dangling")


def test_a_commit_that_was_lost_before_it_had_a_ref_is_made_again(bed):
    def lose(event):
        if isinstance(event, Step) and event.name == "judged":
            bed.git("gc", "-q", "--prune=now")
            raise Power

    bed.run([])
    with pytest.raises(Power):
        bed.run([bed.idea(-1)], observers=[lose])
    bed.run([bed.idea(-1)])
    assert bed.branch == bed.experiments()[1].commit


# Failures


@pytest.mark.parametrize(("state", "verdict"), FAILURES.items())
@pytest.mark.parametrize("policy", SCORED)
def test_a_failed_trial_becomes_its_verdict_and_never_the_incumbent(bed, state, verdict, policy):
    judge = judge_named(policy)
    bed.run([bed.idea(7), bed.idea(-1)], failing(state), judge=judge)
    assert bed.verdicts()[:2] == ["keep", verdict]
    failed = bed.experiments()[1]
    assert failed.verdict.reason.endswith(f"it ended as {state}")
    assert bed.experiments()[2].parent == bed.repo.head()
    assert not bed.git("log", "--format=%s", "autoresearch/t").count("set x to 7")
    trial = bed.ledger.trials(failed.id)[-1]
    assert (trial.state, trial.measurement) == (state, None)


def test_a_failed_trial_leaves_the_belief_as_it_was(bed):
    bed.run([bed.idea(7)], failing(TrialState.CRASH))
    first, failed = bed.experiments()
    assert failed.belief == first.belief


@pytest.mark.parametrize("state", [TrialState.INFRASTRUCTURE])
def test_what_is_not_the_ideas_fault_is_run_again_and_not_counted(bed, state):
    left = [2]

    def measure(order):
        if (order.tree / "train.py").read_text() == "x = -1\n" and left[0]:
            left[0] -= 1
            return TrialResult(state, detail="the disk blinked")
        return scored(order)

    bed.run([bed.idea(-1)], measure)
    assert bed.verdicts() == ["keep", "keep"]
    assert bed.trial_states() == ["measured", state, state, "measured"]
    assert bed.experiments()[1].verdict.evidence.runs == 1
    assert (
        notices(bed, "not the idea's fault")
        == ["not the idea's fault, running it again: the disk blinked"] * 2
    )


def test_three_mishaps_in_a_row_stop_the_campaign_and_nothing_is_lost(bed):
    broken = failing(TrialState.INFRASTRUCTURE, "x = -1\n")
    with pytest.raises(CampaignError, match=r"3 trials in a row .*it ended as.*novum resume"):
        bed.run([bed.idea(-1), bed.idea(-2)], broken)
    assert bed.verdicts() == ["keep", "open"]
    assert bed.campaign().state == "open"
    bed.run([bed.idea(-1), bed.idea(-2)])
    assert bed.verdicts() == ["keep"] * 3


def test_a_full_disk_under_a_trial_is_a_mishap_of_the_place(bed):
    def measure(order):
        if (order.tree / "train.py").read_text() == "x = -1\n":
            raise OSError(28, "No space left on device", str(order.scratch))
        return scored(order)

    with pytest.raises(CampaignError, match="No space left on device"):
        bed.run([bed.idea(-1)], measure)
    assert bed.trial_states()[1:] == ["infrastructure"] * 3


def test_a_baseline_that_crashes_shows_the_last_lines_of_its_log(bed):
    log = b"\n".join(b"line %d" % number for number in range(50)) + b"\nNameError: x\n"
    with pytest.raises(CampaignError) as caught:
        bed.run([bed.idea(-1)], failing(TrialState.CRASH, "x = 0\n", log))
    assert "the baseline fails (crash: it ended as crash)" in str(caught.value)
    assert "    line 49\n    NameError: x\n" in str(caught.value)
    assert "line 30" not in str(caught.value)
    assert bed.branch is None
    assert len(bed.experiments()) == 1


def test_after_a_baseline_that_crashed_the_campaign_is_over_and_says_so(bed):
    with pytest.raises(CampaignError):
        bed.run([bed.idea(-1)], failing(TrialState.CRASH, "x = 0\n"))
    assert bed.campaign().state == "finished"
    with pytest.raises(CampaignError, match="start a new campaign"):
        bed.run([bed.idea(-1)])
    assert (bed.verdicts(), bed.branch) == (["crash"], None)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_is_not_finite_is_invalid_whichever_runner_says_it(bed, score):
    def measure(order):
        return score if (order.tree / "train.py").read_text() == "x = 7\n" else scored(order)

    bed.run([bed.idea(7), bed.idea(-1)], measure)
    assert bed.verdicts() == ["keep", "invalid", "keep"]


def test_an_idea_that_does_not_apply_is_recorded_but_neither_counted_nor_tried(bed):
    bed.run([not_applying(), bed.idea(-1), bed.idea(-2)], count=1)
    assert bed.verdicts() == ["keep", "invalid", "keep"]
    lost = bed.experiments()[1]
    assert lost.verdict.reason.startswith("does not apply: train.py: the text to replace")
    assert (lost.commit, lost.diff.text) == (None, "")
    assert bed.ledger.trials(lost.id) == []


@pytest.mark.parametrize(
    "edits",
    [
        (Edit("evaluate.py", None, "cheat\n"),),
        (Edit("../outside", None, "x"),),
        (Edit(".git/config", None, "x"),),
        (Edit("train.py", None, "x = 0\n"),),
        (),
    ],
    ids=["frozen", "outside", "git", "nothing", "empty"],
)
def test_an_idea_that_may_not_or_does_not_change_anything_is_invalid(bed, edits):
    bed.run([Proposal("bad", edits, key="bad"), bed.idea(-1)])
    assert bed.verdicts() == ["keep", "invalid", "keep"]
    assert bed.trial_states() == ["measured", "measured"]


def test_a_trial_that_changes_a_frozen_file_is_invalid_however_good(bed):
    def measure(order):
        if (order.tree / "train.py").read_text() == "x = -9\n":
            (order.tree / "evaluate.py").write_text("print('great')\n")
            (order.tree / "notes" / "plan.txt").unlink()
        return scored(order)

    bed.run([bed.idea(-9), bed.idea(-1)], measure)
    assert bed.verdicts() == ["keep", "invalid", "keep"]
    reason = bed.experiments()[1].verdict.reason
    assert reason.endswith("changed frozen files during its run: evaluate.py, notes/plan.txt")
    assert bed.ledger.trials(bed.experiments()[1].id)[0].measurement is None


def test_what_a_trial_does_to_its_directory_is_not_seen_by_the_next(bed):
    found = []

    def measure(order):
        found.append(sorted(path.name for path in order.tree.iterdir()))
        assert (order.tree / "evaluate.py").read_text() == "# frozen\n"
        assert not any(order.scratch.iterdir())
        (order.tree / "left.bin").write_bytes(b"x")
        (order.tree / "train.py").write_text("own file, rewritten")
        (order.scratch / "artifacts").mkdir()
        return 1.0

    bed.run([bed.idea(1), bed.idea(2)], measure)
    assert found == [found[0]] * 3
    assert "left.bin" not in found[0]


def test_a_trial_that_changes_the_evaluators_files_is_invalid_and_they_come_back(bed):
    """Without a sandbox a program can reach them: `../pristine`."""
    commands = '"train.py"]\nevaluate = ["python", "evaluate.py"]\n\n[judge]'
    bed.toml((bed.path / "lab.toml").read_text().replace('"train.py"]\n\n[judge]', commands))
    seen = []

    def measure(order):
        seen.append((order.pristine / "evaluate.py").read_text())
        if (order.tree / "train.py").read_text() == "x = -9\n":
            (order.tree / ".." / "pristine" / "evaluate.py").write_text("print('great')\n")
        return scored(order)

    bed.run([bed.idea(-9), bed.idea(-1)], measure)
    assert seen == ["# frozen\n"] * 3
    assert bed.verdicts() == ["keep", "invalid", "keep"]


# Guards


def guarded(bed, guards: str) -> None:
    bed.toml((bed.path / "lab.toml").read_text() + f"\n[guards]\n{guards}\n")


def measured(metric: float, **metrics: float) -> TrialResult:
    return TrialResult(TrialState.MEASURED, Measurement(metric, metrics))


@pytest.mark.parametrize("policy", SCORED)
@pytest.mark.parametrize(
    ("memory", "verdict"), [(99.0, "keep"), (100.0, "keep"), (101.0, "discard"), (None, "discard")]
)
def test_a_keep_respects_the_guards(bed, memory, verdict, policy):
    guarded(bed, "memory = { max = 100 }")

    def measure(order):
        known = {} if memory is None else {"memory": memory}
        return measured(scored(order), **known)

    bed.run([bed.idea(-1)], measure, judge=judge_named(policy))
    assert bed.verdicts()[1] == verdict
    if verdict == "discard":
        assert "guard memory" in bed.experiments()[1].verdict.reason


def test_a_guard_on_the_lines_changed_counts_both_directions(bed):
    guarded(bed, "lines_changed = { max = 2 }")
    long = Proposal("long", (Edit("train.py", None, "x = -5\n# more\n"),), key="long")
    bed.run([long, bed.idea(-1)])
    assert bed.verdicts() == ["keep", "discard", "keep"]


def test_a_program_cannot_report_how_many_lines_it_changed(bed):
    guarded(bed, "lines_changed = { max = 2 }")
    long = Proposal("long", (Edit("train.py", None, "x = -5\n# more\n"),), key="long")
    bed.run(
        [long],
        lambda order: measured(
            -len(order.tree.joinpath("train.py").read_text()), lines_changed=0.0
        ),
    )
    assert bed.verdicts() == ["keep", "discard"]


def the_case(bed, values, guard, **metrics):
    """The case of an experiment with these runs, each with its guard metric."""
    guarded(bed, guard)
    left = iter(zip(values, metrics["memory"], strict=True))

    class Twice:
        name = "twice"
        seen = None

        def opening(self, values, arms=None):
            return Belief(values[0], 0.0)

        def refresh(self, belief, values, noise):
            return belief

        def consider(self, case):
            Twice.seen = case
            if len(case.values) < len(values):
                return Ruling(Evidence(), "again", Next.CANDIDATE)
            return Ruling(Evidence(), "done", None, Outcome.DISCARD, case.incumbent)

    def measure(order):
        if (order.tree / "train.py").read_text() == "x = 0\n":
            return measured(1.0, memory=1.0)
        value, memory = next(left)
        return measured(value, memory=memory)

    bed.run([bed.idea(-1)], measure, judge=Twice())
    return Twice.seen


@pytest.mark.parametrize(
    ("guard", "worst"), [("memory = { max = 9 }", 5.0), ("memory = { min = 1 }", 2.0)]
)
def test_a_guard_metric_is_the_worst_over_the_runs(bed, guard, worst):
    assert the_case(bed, (1.0, 1.1), guard, memory=(2.0, 5.0)).metrics["memory"] == worst


def test_a_guard_with_two_bounds_is_checked_at_both(bed):
    case = the_case(bed, (1.0, 1.1), "memory = { min = 3, max = 9 }", memory=(2.0, 5.0))
    assert broken_guard(case) is not None


# Replicates


class Scripted:
    """A judge that asks for these runs in order, and then decides."""

    name = "scripted"

    def __init__(self, *steps):
        self.steps = list(steps)
        self.cases = []

    def opening(self, values, arms=None):
        return Belief(sum(values) / len(values), 0.0)

    def refresh(self, belief, values, noise):
        return Belief(belief.mean, len(values))

    def consider(self, case):
        self.cases.append(case)
        step = self.steps.pop(0)
        if isinstance(step, Next):
            return Ruling(Evidence(), "again", step)
        return Ruling(
            Evidence(values=case.values), "decided", None, step, Belief(case.values[0], 0.0)
        )


def test_the_judge_gets_every_run_it_asks_for(bed):
    judge = Scripted(Next.CANDIDATE, Next.INCUMBENT, Next.INCUMBENT, Outcome.KEEP)
    bed.run([bed.idea(-1)], lambda order: scored(order) + order.seed / 1000, judge=judge)
    assert [len(case.values) for case in judge.cases] == [1, 2, 2, 2]
    assert [case.incumbent.sd for case in judge.cases] == [0, 0, 1, 2]
    assert judge.cases[-1].noise.degrees == 2  # of the incumbent's three runs, not of its own
    seeds = [trial.seed for trial in bed.ledger.all_trials(bed.campaign().id)]
    assert len(set(seeds)) == len(seeds) == 5


def test_a_replicate_that_crashes_decides(bed):
    def measure(order):
        bad = (order.tree / "train.py").read_text() == "x = -1\n" and order.seed > 2
        return TrialResult(TrialState.CRASH, detail="the second time") if bad else scored(order)

    bed.run([bed.idea(-1)], measure, judge=Scripted(Next.CANDIDATE))
    assert bed.verdicts() == ["keep", "crash"]


def test_an_incumbent_that_fails_three_times_stops_the_campaign(bed):
    def measure(order):
        bad = (order.tree / "train.py").read_text() == "x = 0\n" and order.seed > 1
        return TrialResult(TrialState.CRASH, detail="no GPU") if bad else scored(order)

    with pytest.raises(CampaignError, match=r"the incumbent, which ran before, now fails.*no GPU"):
        bed.run([bed.idea(-1)], measure, judge=Scripted(*[Next.INCUMBENT] * 5))
    assert bed.verdicts() == ["keep", "open"]


def leaving_artifacts(order):
    (order.scratch / "artifacts").mkdir(exist_ok=True)
    text = (order.tree / "train.py").read_text()
    (order.scratch / "artifacts" / "weights").write_text(text)
    return scored(order)


def kept_artifact(bed, number: int) -> str:
    return (bed.path / ".novum" / "t" / "artifacts" / str(number) / "weights").read_text()


def test_the_artifacts_of_a_keep_are_kept_and_those_of_a_discard_are_not(bed):
    bed.run([bed.idea(-1), bed.idea(3)], leaving_artifacts)
    assert kept_artifact(bed, 0) == "x = 0\n"
    assert kept_artifact(bed, 1) == "x = -1\n"
    assert not (bed.path / ".novum" / "t" / "artifacts" / "2").exists()


def test_the_artifacts_of_a_keep_are_its_own(bed):
    judge = Scripted(Next.INCUMBENT, Outcome.KEEP)
    bed.run([bed.idea(-1)], leaving_artifacts, judge=judge)
    assert kept_artifact(bed, 1) == "x = -1\n"


@pytest.mark.parametrize("step", ["judged", "advanced"])
def test_the_artifacts_of_a_keep_survive_an_interruption(bed, step):
    with pytest.raises(Power):
        bed.run([bed.idea(-1)], leaving_artifacts, observers=[dying_at(step, 2)])
    bed.run([bed.idea(-1), bed.idea(4)], leaving_artifacts)
    assert kept_artifact(bed, 1) == "x = -1\n"


# The target, numbers, and going on


def test_a_campaign_ends_at_its_target_or_when_ideas_run_out(bed):
    ideas = [bed.idea(value) for value in (-1, -2, -3)]
    bed.run(ideas, count=2)
    assert (len(bed.experiments()), bed.campaign().state) == (3, "finished")
    bed.run(ideas)
    assert (len(bed.experiments()), bed.campaign().state) == (4, "finished")


def test_a_target_counts_all_sessions(bed):
    ideas = [bed.idea(value) for value in range(-9, 0)]
    bed.run(ideas, count=2)
    bed.run(ideas, count=2)
    assert len(bed.experiments()) == 3
    bed.run(ideas, count=5)
    assert [experiment.number for experiment in bed.experiments()] == [0, 1, 2, 3, 4, 5]


def test_no_idea_is_tried_twice_over_sessions(bed):
    ideas = [bed.idea(-1), not_applying(), bed.idea(7), bed.idea(-2)]
    bed.run(ideas, failing(TrialState.CRASH), count=2)
    bed.run(ideas, failing(TrialState.CRASH))
    bed.run(ideas, failing(TrialState.CRASH))
    assert [e.proposal.key for e in bed.experiments()[1:]] == [idea.key for idea in ideas]


@pytest.mark.parametrize("policy", SCORED)
def test_the_standing_read_from_the_ledger_is_the_standing_in_memory(bed, policy):
    live = []
    ideas = [bed.idea(value) for value in (-1, 7, -0.9, -2, 3)] + [not_applying()]
    bed.run(
        ideas,
        failing(TrialState.CRASH),
        judge=judge_named(policy),
        observers=[
            lambda event: live.append(event.standing) if isinstance(event, Judged) else None
        ],
    )
    read = Standing.read(bed.ledger, bed.lab, bed.campaign())
    fields = {name.name for name in dataclasses.fields(Standing)} - {"campaign"}
    for name in sorted(fields):
        assert getattr(read, name) == getattr(live[-1], name), name


def test_the_belief_policy_keeps_what_is_far_better_and_drops_what_is_far_worse(bed):
    bed.run(
        [bed.idea(-1), bed.idea(1), bed.idea(-2)],
        lambda order: scored(order) + (order.seed % 7 - 3) / 1000,
        judge=judge_named("belief"),
    )
    assert bed.verdicts() == ["keep", "keep", "discard", "keep"]


def test_a_baseline_is_replicated_as_the_lab_says(bed):
    bed.toml((bed.path / "lab.toml").read_text().replace("baseline_runs = 1", "baseline_runs = 4"))
    bed.run([], lambda order: 1.0 + order.seed)
    assert bed.trial_states() == ["measured"] * 4
    assert bed.experiments()[0].belief.mean == 3.5


def without_noise(bed, judge: str = "") -> None:
    text = (bed.path / "lab.toml").read_text().split("[judge]")[0]
    bed.toml(text.replace('"minimize"', '"minimize"\nnoise = "none"') + f"[judge]\n{judge}\n")


def searched(bed) -> int:
    """How many trials the search took; confirmation has its own."""
    return sum(trial.cell is None for trial in bed.ledger.all_trials(bed.campaign().id))


@pytest.mark.parametrize("judge", ["", 'policy = "belief"'])
def test_without_noise_the_baseline_runs_twice_and_every_candidate_once(bed, judge):
    without_noise(bed, judge)
    bed.run([bed.idea(-0.001), bed.idea(-0.0009)])
    assert searched(bed) == 4
    assert bed.verdicts() == ["keep", "keep", "discard"]
    assert not notices(bed, "differ")


def test_a_claim_of_no_noise_that_is_false_is_told_once_and_stays_in_the_ledger(bed):
    without_noise(bed)
    bed.run([bed.idea(-1)], lambda order: scored(order) + order.seed / 1000)
    assert len(notices(bed, "runs of one commit differ")) == 1
    baseline = bed.experiments()[0]
    assert "1.001 to 1.002" in baseline.verdict.reason
    assert 'metric.noise = "gaussian"' in baseline.verdict.reason
    told = [finding.text for finding in check(bed.path) if finding.subject == "noise"]
    assert len(told) == 1 and "campaign t: runs of one commit differ" in told[0]


def test_one_baseline_run_is_enough_where_the_person_says_so(bed):
    without_noise(bed, "baseline_runs = 1")
    bed.run([bed.idea(-0.001)])
    assert searched(bed) == 2


def test_a_higher_score_is_better_where_the_lab_says_so(bed):
    bed.toml((bed.path / "lab.toml").read_text().replace("minimize", "maximize"))
    bed.run([bed.idea(-1), bed.idea(1)])
    assert bed.verdicts() == ["keep", "discard", "keep"]


def test_events_tell_the_story_in_order(bed):
    bed.run([bed.idea(-1)])
    story = [
        event.name if isinstance(event, Step) else type(event).__name__
        for event in bed.events
        if not isinstance(event, Notice)
    ]
    one = ["proposed", "Proposed", "running", "TrialStarted", "measured", "TrialEnded"]
    one += ["judged", "referenced", "advanced", "Judged"]
    assert story == ["Started", *one, *one]
    for kind in (Started, Proposed, TrialStarted, TrialEnded, Judged):
        assert bed.told(kind)


# Interruptions (real ones are in faults/test_kill.py)


@pytest.mark.parametrize(
    "name", ["proposed", "running", "measured", "judged", "referenced", "advanced"]
)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_interruption_at_any_step_changes_no_verdict(bed, name, count):
    ideas = [bed.idea(-1), not_applying(), bed.idea(7), bed.idea(-2)]
    measure = failing(TrialState.CRASH)
    with pytest.raises(Power):
        bed.run(ideas, measure, observers=[dying_at(name, count)])
    bed.run(ideas, measure)
    assert bed.verdicts() == ["keep", "keep", "invalid", "crash", "keep"]
    assert bed.branch == bed.experiments()[-1].commit
    assert bed.trial_states().count("measured") == 3
    assert len(bed.trial_states()) == 4 + (name == "running")


def test_a_baseline_that_was_interrupted_keeps_its_runs(bed):
    bed.toml((bed.path / "lab.toml").read_text().replace("baseline_runs = 1", "baseline_runs = 3"))
    with pytest.raises(Power):
        bed.run([], observers=[dying_at("measured", 2)])
    bed.run([])
    assert bed.trial_states() == ["measured"] * 3
    assert bed.verdicts() == ["keep"]


# The branch, and other hands on it


def test_a_branch_that_somebody_else_moved_is_not_overwritten(bed):
    def meddle(event):
        if isinstance(event, Judged) and event.experiment.number == 1:
            foreign = bed.git("commit-tree", "HEAD^{tree}", "-m", "foreign")
            bed.git("update-ref", "refs/heads/autoresearch/t", foreign)

    with pytest.raises(
        RepoError, match=r"autoresearch/t was moved by somebody else.*update-ref"
    ) as e:
        bed.run([bed.idea(-1), bed.idea(-2)], observers=[meddle])
    assert bed.git("log", "-1", "--format=%s", "autoresearch/t") == "foreign"
    assert bed.verdicts() == ["keep"] * 3
    with pytest.raises(RepoError):  # and again, until the person has mended it
        bed.run([bed.idea(-3)])
    bed.git(*str(e.value).partition("put it back with: git ")[2].split())
    bed.run([bed.idea(-3)])
    assert bed.git("log", "-1", "--format=%s", "autoresearch/t") == "set x to -3"


def test_a_branch_that_was_deleted_comes_back(bed):
    def meddle(event):
        if isinstance(event, Judged) and event.experiment.number == 1:
            bed.git("branch", "-q", "-D", "autoresearch/t")

    bed.run([bed.idea(-1), bed.idea(-2)], observers=[meddle])
    assert bed.git("log", "-1", "--format=%s", "autoresearch/t") == "set x to -2"


def test_a_branch_that_is_checked_out_stays_until_it_is_free(bed):
    def checkout(event):
        if isinstance(event, Judged) and event.experiment.number == 1:
            bed.git("checkout", "-q", "autoresearch/t")
        if isinstance(event, Judged) and event.experiment.number == 3:
            assert bed.git("log", "-1", "--format=%s") == "set x to -1"
            assert bed.git("status", "--short") == ""
            bed.git("checkout", "-q", "main")

    bed.run([bed.idea(value) for value in (-1, -2, -3, -4)], observers=[checkout])
    assert (
        notices(bed, "checked out")
        == ["refs/heads/autoresearch/t is checked out, so it stays; it follows at the next keep"]
        * 2
    )
    assert bed.branch == bed.experiments()[4].commit


def test_a_branch_that_is_checked_out_in_another_worktree_stays(bed, tmp_path):
    def checkout(event):
        if isinstance(event, Judged) and event.experiment.number == 0:
            bed.git("worktree", "add", "-q", str(tmp_path / "side"), "autoresearch/t")

    bed.run([bed.idea(-1)], observers=[checkout])
    assert bed.branch == bed.repo.head()
    assert len(notices(bed, "checked out")) == 1


def test_a_branch_that_lags_behind_catches_up_when_the_campaign_goes_on(bed):
    def checkout(event):
        if isinstance(event, Judged) and event.experiment.number == 0:
            bed.git("checkout", "-q", "autoresearch/t")

    bed.run([bed.idea(-1), bed.idea(5)], observers=[checkout])
    bed.git("checkout", "-q", "main")
    bed.run([bed.idea(6)])
    assert bed.git("log", "-1", "--format=%s", "autoresearch/t") == "set x to -1"


# What the person puts in


def request_of(idea: Proposal) -> dict[str, object]:
    edits = [asdict(edit) for edit in idea.edits]
    return {"title": idea.title, "hypothesis": "I think so", "edits": edits}


def test_the_persons_idea_comes_first_and_is_recorded_once(bed):
    def ask(event):
        if isinstance(event, Judged) and event.experiment.number == 1:
            bed.another_ledger().requests.ask("proposal", request_of(bed.idea(-5)))

    bed.run([bed.idea(-1), bed.idea(-2), bed.idea(-3)], observers=[ask])
    titles = [experiment.proposal.title for experiment in bed.experiments()]
    assert titles == ["baseline"] + [f"set x to {value}" for value in (-1, -5, -2, -3)]
    assert bed.experiments()[2].proposal.researcher == "person"
    assert bed.experiments()[2].proposal.hypothesis == "I think so"
    assert bed.ledger.requests.waiting("proposal") == []


def test_an_interruption_neither_loses_nor_repeats_the_persons_idea(bed):
    for value in (-5, -6):
        bed.ledger.requests.ask("proposal", request_of(bed.idea(value)))
    for count in (2, 1, 1):
        with pytest.raises(Power):
            bed.run([bed.idea(-1)], observers=[dying_at("proposed", count)])
    bed.run([])
    titles = [experiment.proposal.title for experiment in bed.experiments()]
    assert titles == ["baseline", "set x to -5", "set x to -6", "set x to -1"]


def test_only_the_persons_ideas_are_tried_when_that_is_asked_for(bed):
    bed.ledger.requests.ask("proposal", request_of(bed.idea(-5)))
    bed.machine([bed.idea(-1)]).run_requests()
    assert [e.proposal.title for e in bed.experiments()] == ["baseline", "set x to -5"]


def test_an_idea_of_the_persons_that_does_not_apply_is_told(bed):
    request = bed.ledger.requests.ask("proposal", request_of(not_applying()))
    bed.run([])
    assert bed.verdicts() == ["keep", "invalid"]
    assert bed.ledger.requests.get(request).answer == "experiment 1"


POISON = {
    "empty": {},
    "a list": {"title": "t", "hypothesis": "h", "edits": [1]},
    "unknown key": {"title": "t", "hypothesis": "h", "edits": [{"path": "train.py", "x": 1}]},
    "surrogate": {
        "title": "t",
        "hypothesis": "h",
        "edits": [{"path": "train.py", "search": None, "replace": "x = -1 \ud800"}],
    },
}


@pytest.mark.parametrize("body", POISON.values(), ids=POISON)
def test_a_request_that_is_not_sound_is_answered_and_does_not_stop_the_campaign(bed, body):
    request = bed.ledger.requests.ask("proposal", body)
    bed.run([bed.idea(-1)])
    assert bed.ledger.requests.get(request).answer
    assert bed.verdicts()[-1] == "keep"


@pytest.mark.parametrize(
    "title",
    [
        "two\nlines",
        "trailer\n\nNovum-Verdict: discard",
        "",
        "# a comment",
        "é\u2028\x1b[31m",
        "x" * 3000,
        "nul \0",
        "surrogate \ud800",
    ],
    ids=["lines", "trailer", "empty", "comment", "control", "long", "nul", "surrogate"],
)
def test_whatever_a_researcher_calls_its_idea_it_can_be_recorded(bed, title):
    idea = dataclasses.replace(bed.idea(-1), title=title, hypothesis=title)
    bed.run([idea])
    assert bed.verdicts() == ["keep", "keep"]
    bed.git("fsck", "--strict")


def test_a_title_cannot_forge_a_verdict(bed):
    forged = "good\n\nNovum-Verdict: keep\nNovum-Experiment: t/9"
    bed.run([dataclasses.replace(bed.idea(5), title=forged)])
    trailers = bed.git(
        "log", "-1", "--format=%(trailers:key=Novum-Verdict,valueonly)", "refs/novum/t/00001"
    )
    assert trailers.split() == ["discard"]


# Stopping


class Endless:
    """A runner whose trials last until they are cancelled; the baseline is instant."""

    name = "endless"
    places = 1

    def run(self, order, watch, cancel):
        if (order.tree / "train.py").read_text() == "x = 0\n":
            return measured(1.0)
        end = time.monotonic() + 20
        while not cancel.is_set() and time.monotonic() < end:
            watch(Pulse(Phase.TRAINING, 1.0))
            time.sleep(0.02)
        return TrialResult(TrialState.CANCELLED, detail="it was cancelled")


def test_a_stop_after_the_trial_lets_it_end_and_starts_no_other(bed):
    def ask(event):
        if isinstance(event, TrialStarted) and event.experiment.number == 1:
            bed.another_ledger().requests.ask("stop", {})

    with pytest.raises(Stopped):
        bed.run([bed.idea(-1), bed.idea(-2)], observers=[ask])
    assert bed.verdicts() == ["keep", "keep"]
    assert (bed.campaign().state, bed.ledger.requests.waiting("stop")) == ("open", [])
    bed.run([bed.idea(-1), bed.idea(-2)])
    assert bed.verdicts() == ["keep"] * 3


def test_a_stop_now_ends_the_trial_and_it_is_run_again_later(bed):
    def ask(event):
        if isinstance(event, TrialStarted) and event.experiment.number == 1:
            bed.another_ledger().requests.ask("stop-now", {})

    began = time.monotonic()
    with pytest.raises(Stopped):
        bed.run([bed.idea(-1)], Endless(), observers=[ask])
    assert time.monotonic() - began < 10
    assert (bed.verdicts(), bed.trial_states()) == (["keep", "open"], ["measured", "cancelled"])
    bed.run([bed.idea(-1)])
    assert bed.verdicts() == ["keep", "keep"]
    assert bed.trial_states() == ["measured", "cancelled", "measured"]
    assert bed.experiments()[1].verdict.evidence.runs == 1


def test_a_stop_from_within_the_process_is_heeded_between_replicates(bed):
    machines = []

    def stop(event):
        if isinstance(event, TrialEnded) and event.experiment.number == 1:
            machines[0].stop.after_trial.set()

    judge = Scripted(Next.CANDIDATE, Outcome.KEEP)
    machines.append(bed.machine([bed.idea(-1)], judge=judge, observers=[stop]))
    with pytest.raises(Stopped):
        machines[0].run(None)
    assert bed.verdicts() == ["keep", "open"]
    bed.run([bed.idea(-1)], judge=Scripted(Next.CANDIDATE, Outcome.KEEP))
    assert bed.trial_states() == ["measured"] * 3


def test_a_stop_that_came_when_nothing_was_running_stops_nothing(bed):
    request = bed.ledger.requests.ask("stop", {})
    bed.run([bed.idea(-1)])
    assert bed.verdicts() == ["keep", "keep"]
    assert bed.ledger.requests.get(request).answer == "came when nothing was running"


def test_a_stop_is_heeded_that_came_while_the_machine_started(bed):
    with bed.ledger.lock():
        request = bed.ledger.requests.ask("stop-now", {})
        with pytest.raises(Stopped):
            bed.run([bed.idea(-1)])
    assert bed.ledger.requests.get(request).answer != "came when nothing was running"


def test_a_running_trial_gives_signs_of_life(bed):
    def ask(event):
        if isinstance(event, TrialStarted) and event.experiment.number == 1:
            threading.Timer(0.3, event_set).start()

    machine = bed.machine([bed.idea(-1)], Endless(), observers=[ask])
    event_set = machine.stop.now.set
    with pytest.raises(Stopped):
        machine.run(None)
    beat = bed.ledger.heartbeat()
    assert (beat.phase, beat.trial) == ("training", 2)


# Trouble with the ledger


def test_a_ledger_that_is_full_ends_the_campaign_with_a_clear_word_and_it_goes_on_later(bed):
    bed.run([bed.idea(-1)])
    pages = bed.ledger._db.execute("PRAGMA page_count").fetchone()[0]
    bed.ledger._db.execute(f"PRAGMA max_page_count = {pages}")
    ideas = [bed.idea(value, hypothesis="h" * 3000) for value in range(-40, -1)]
    with pytest.raises(LedgerError, match=r"the disk is full.*novum resume"):
        bed.run(ideas)
    bed.ledger._db.execute("PRAGMA max_page_count = 1000000")
    bed.run(ideas, count=8)
    numbers = [experiment.number for experiment in bed.experiments()]
    assert numbers == list(range(9))
    assert "open" not in bed.verdicts()
    assert bed.branch == [e for e in bed.experiments() if e.verdict.outcome == "keep"][-1].commit


def test_a_lab_on_a_full_disk_goes_on_when_there_is_space_again(small_disk, bed):
    shutil.copytree(bed.path, small_disk / "lab")
    here = type(bed)(small_disk / "lab")
    log = os.urandom(20_000)
    ideas = [here.idea(-value) for value in range(1, 200)]

    def measure(order):
        return TrialResult(TrialState.MEASURED, Measurement(scored(order)), log=log)

    try:
        with pytest.raises((LedgerError, CampaignError, RepoError)) as caught:
            here.run(ideas, measure)
        assert "full" in str(caught.value) or "No space left" in str(caught.value)
        reached = len(here.experiments())
        assert reached > 3
        here.close()
        subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
        here.run(ideas, measure, count=reached + 3)
        assert [e.number for e in here.experiments()] == list(range(reached + 4))
        assert set(here.verdicts()) == {"keep"}
        assert here.branch == here.experiments()[-1].commit
        here.git("fsck", "--strict", "--no-dangling")
    finally:
        here.close()


def test_the_case_of_a_judge_is_made_of_the_ledger_alone(bed):
    judge = Scripted(Next.CANDIDATE, Outcome.KEEP)
    bed.run([bed.idea(-1)], judge=judge)
    bed.ledger.requests.ask("proposal", request_of(bed.idea(-3)))
    with pytest.raises(Power):
        bed.run([], judge=Scripted(), observers=[dying_at("measured", 1)])
    standing = Standing.read(bed.ledger, bed.lab, bed.campaign())
    case = case_of(bed.experiments()[2], standing, bed.ledger, judge)
    assert case.values == (-2.0,)
    assert case.incumbent_best == 0.0
    assert json.dumps(case.metrics)
