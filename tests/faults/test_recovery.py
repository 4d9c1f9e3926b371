"""What the soak found, each fault alone: what is promised after it."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest

from novum import sandbox
from novum.errors import DamagedLedgerError
from novum.ledger import Ledger
from novum.ledger.copy import copy_of
from novum.records import DISTURBED, TrialResult, TrialState
from novum.runners.endings import failure
from novum.sandbox import NONE, Command, Limits, Process, group, leftovers
from novum.worktree import Worktree


def scored(order):
    return float((order.tree / "train.py").read_text().split("=")[1])


# Seeds


def test_a_trial_that_was_interrupted_is_run_again_with_its_own_seed(bed):
    seeds, disturb = [], [True]

    def measure(order):
        seeds.append(order.seed)
        if len(seeds) == 2 and disturb.pop():
            return TrialResult(TrialState.INFRASTRUCTURE, detail="the disk blinked")
        return scored(order)

    bed.run([bed.idea(-1), bed.idea(-2)], measure)
    assert seeds == [1, 2, 2, 3]


# What somebody else did to a trial


@pytest.mark.parametrize(
    ("whole", "frozen", "state"),
    [
        (True, False, TrialState.INFRASTRUCTURE),
        (False, True, TrialState.INFRASTRUCTURE),
        (False, False, TrialState.CRASH),  # it could have been the program itself
    ],
)
def test_a_kill_that_was_surely_somebody_elses_is_not_the_ideas_fault(
    tmp_path, whole, frozen, state
):
    with Process(Command(("sleep", "60"), tmp_path, Limits(60)), NONE) as process:
        process.step(0.5)
        root = process._root.pid
        for pid in [root] if whole else sandbox.process.supervisor.descendants(root):
            os.kill(pid, signal.SIGKILL)
        while not process.step(0.02):
            pass
    found, detail = failure(process, frozen=frozen)
    assert found is state
    assert detail.startswith(DISTURBED) == (state is TrialState.INFRASTRUCTURE)


def test_what_is_disturbed_three_times_does_it_itself_and_the_campaign_goes_on(bed):
    def measure(order):
        if (order.tree / "train.py").read_text() == "x = -1\n":
            return TrialResult(TrialState.INFRASTRUCTURE, detail=f"{DISTURBED}it was killed")
        return scored(order)

    bed.run([bed.idea(-1), bed.idea(-2)], measure)
    assert bed.verdicts() == ["keep", "crash", "keep"]
    assert bed.experiments()[1].verdict.reason.endswith("it was killed")


@pytest.mark.parametrize("name", ["slots", "slots/0/tree", "slots/0/pristine", "slots/0/scratch"])
def test_directories_that_are_removed_under_a_trial_cost_that_trial_alone(bed, name):
    removed = []

    def measure(order):
        if (order.tree / "train.py").read_text() == "x = -1\n" and not removed:
            removed.append(name)
            shutil.rmtree(bed.ledger.home / name)
            return 5.0
        assert (order.pristine / "evaluate.py").is_file()
        return scored(order)

    bed.run([bed.idea(-1), bed.idea(-2)], measure)
    assert bed.verdicts() == ["keep", "keep", "keep"]
    assert bed.trial_states() == ["measured", "infrastructure", "measured", "measured"]


def test_a_worktree_that_somebody_removed_is_made_again(bed, tmp_path):
    tree = Worktree(bed.repo, tmp_path / "tree")
    tree.fill(bed.repo.head())
    shutil.rmtree(tree.directory)
    assert not tree.is_there()
    tree.fill(bed.repo.head(), {"train.py": "x = 1\n"})
    assert (tree.directory / "train.py").read_text() == "x = 1\n"
    assert (tree.directory / "evaluate.py").is_file()


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_worktree_that_goes_while_it_is_verified_is_told_from_one_that_a_trial_changed(
    bed, tmp_path, monkeypatch, after
):
    repo = bed.repo
    tree = Worktree(repo, tmp_path / "tree")
    tree.fill(repo.head())
    read, calls = repo.blob, []

    def blob(name):
        calls.append(name)
        if len(calls) == after:
            tree.directory.rename(tmp_path / "away")
        return read(name)

    monkeypatch.setattr(repo, "blob", blob)
    tree.restore()
    assert len(calls) >= after
    assert tree.was_gone
    assert (tree.directory / "evaluate.py").is_file()
    assert tree.restore() == []
    assert not tree.was_gone
    (tree.directory / "evaluate.py").write_text("a trial was here")
    assert tree.restore() == ["evaluate.py"]
    assert not tree.was_gone


# What a killed machine leaves


def test_what_a_killed_machine_left_is_removed_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox.leftovers.tempfile, "tempdir", str(tmp_path))
    code = "from novum.sandbox.leftovers import own_name; print(own_name())"
    dead = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    abandoned = tmp_path / f"{dead.strip()}abc"
    mine, foreign = tmp_path / f"{leftovers.own_name()}abc", tmp_path / "novum-notes"
    for path in (abandoned, mine, foreign):
        path.mkdir()
    sandbox.sweep()
    assert not abandoned.exists()
    assert mine.exists()
    assert foreign.exists()


def test_a_process_of_a_killed_machine_is_ended_by_the_next():
    parents = group.parents()
    made = [parent / f"{leftovers.own_name()[:-1]}9-1" for parent in parents]
    try:
        for path in made:
            path.mkdir()
    except OSError:
        pytest.skip("only root can make control groups")
    if not made:
        pytest.skip("there are no control groups")
    orphan = subprocess.Popen(["sleep", "60"])
    for path in made:
        (path / "cgroup.procs").write_text(str(orphan.pid))
    sandbox.sweep()
    assert orphan.wait(10) == -signal.SIGKILL
    assert not any(path.exists() for path in made)


@pytest.mark.parametrize(
    "before", [leftovers.marked("bwrap")[1:-1], []], ids=["sandbox", "launcher"]
)
def test_a_command_whose_machine_was_killed_too_early_is_ended_by_the_next(before):
    dead = f"{leftovers.own_name()[:-1]}9-"
    alive = subprocess.Popen(["sh", "-c", "sleep 60", *before, leftovers.own_name()])
    orphan = subprocess.Popen(["sh", "-c", "sleep 60; true", *before, dead])
    try:
        sandbox.sweep()
        assert orphan.wait(10) == -signal.SIGKILL
        assert alive.poll() is None
    finally:
        alive.kill()
        alive.wait()


def test_an_ignore_file_that_a_kill_left_empty_is_written_again(bed):
    bed.run([])
    bed.close()
    (bed.path / ".novum/.gitignore").write_text("")
    assert bed.git("status", "--short") == "?? .novum/"
    assert bed.ledger.campaigns()
    assert bed.git("status", "--short") == ""


def test_locks_that_a_killed_machine_left_are_gone_after_the_next_start(bed):
    bed.run([bed.idea(-1)])
    ours = ["refs/heads/autoresearch/t.lock", "refs/novum/t/00007.lock"]
    theirs = ["index.lock", "HEAD.lock", "packed-refs.lock", "refs/heads/main.lock"]
    for name in ours + theirs:
        (bed.path / ".git" / name).touch()
    bed.run([bed.idea(-1), bed.idea(-2)])
    assert bed.verdicts() == ["keep"] * 3
    assert not any((bed.path / ".git" / name).exists() for name in ours)
    assert all((bed.path / ".git" / name).exists() for name in theirs)  # the person's


# A damaged ledger


def damaged(bed):
    """Fill the last page of the ledger with zeros; the size before that."""
    bed.close()
    with contextlib.closing(sqlite3.connect(bed.path / ".novum/ledger.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (bed.path / ".novum/ledger.db").open("r+b") as file:
        file.seek(-4096, os.SEEK_END)
        file.write(bytes(4096))


def test_a_damaged_ledger_is_kept_and_its_copy_goes_on(bed):
    ideas = [bed.idea(-n) for n in range(1, 30)]
    bed.run(ideas[:20])
    bed.ledger.keep_copy(0.0)
    bed.run(ideas[:25], count=25)
    before = bed.experiments()
    damaged(bed)
    with bed.ledger.lock():
        assert "ledger.damaged-1.db" in bed.ledger.mended
        assert bed.experiments() == before[:21]
        bed.run(ideas)
    assert bed.verdicts() == ["keep"] * 30
    assert bed.branch == bed.experiments()[-1].commit
    refs = bed.repo.refs_below("refs/novum/t")
    lost = {commit for name, commit in refs.items() if "/lost/" in name}
    assert lost == {experiment.commit for experiment in before[21:]}
    assert (bed.path / ".novum/ledger.damaged-1.db").exists()


def test_a_ledger_whose_first_page_is_damaged_is_mended_when_it_is_opened(bed):
    bed.run([bed.idea(-1)])
    bed.ledger.keep_copy(0.0)
    before = bed.experiments()
    bed.close()
    with (bed.path / ".novum/ledger.db").open("r+b") as file:
        file.write(bytes(4096))
    for end in ("-wal", "-shm"):
        (bed.path / f".novum/ledger.db{end}").unlink(missing_ok=True)
    assert bed.experiments() == before


def test_without_a_sound_copy_a_damaged_ledger_is_left_alone(bed):
    bed.run([bed.idea(-n) for n in range(1, 30)])
    copy_of(bed.ledger.path).unlink()
    damaged(bed)
    content = (bed.path / ".novum/ledger.db").read_bytes()
    problem = pytest.raises(DamagedLedgerError, match="no sound copy")
    with contextlib.closing(Ledger(bed.path)) as again, problem, again.lock():
        pass
    assert (bed.path / ".novum/ledger.db").read_bytes() == content
