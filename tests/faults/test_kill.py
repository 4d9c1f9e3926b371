"""Real SIGKILL, at every step and at random instants; then the campaign simply goes on."""

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from novum.repo import Repo

DRIVER = Path(__file__).parent / "driver.py"
STEPS = ["proposed", "running", "measured", "judged", "referenced", "advanced"]
IDEAS = 12
EXPECTED = ["keep", "keep", "discard", "keep", "crash", "keep", "invalid"]
EXPECTED += ["discard", "keep", "discard", "keep", "crash", "keep"]


def start(bed, *arguments: object) -> subprocess.Popen:
    command = [sys.executable, str(DRIVER), str(bed.path), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> None:
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said


def killed(process: subprocess.Popen) -> None:
    _, said = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, said


def trials_of(bed) -> int:
    return len(bed.trial_states())


def check(bed, ideas: int) -> None:
    """All that must hold after a campaign, however often it was killed."""
    experiments = bed.experiments()
    assert [experiment.number for experiment in experiments] == list(range(ideas + 1))
    keys = [experiment.proposal.key for experiment in experiments[1:]]
    assert keys == [f"k{number}" for number in range(ideas)]  # none lost, none twice, in order
    assert all(experiment.verdict for experiment in experiments)
    assert "running" not in bed.trial_states()
    for experiment in experiments:
        ref = bed.repo.target(f"refs/novum/t/{experiment.number:05d}")
        assert ref == experiment.commit, experiment.number
    keeps = [e for e in experiments if e.verdict.outcome == "keep"]
    assert bed.branch == keeps[-1].commit
    history = bed.git("rev-list", f"{keeps[0].commit}..autoresearch/t").split()
    assert history == [keep.commit for keep in reversed(keeps[1:])]
    for experiment in experiments:
        measured = [t for t in bed.ledger.trials(experiment.id) if t.state == "measured"]
        runs = [t.measurement.metric for t in measured][: len(experiment.verdict.evidence.values)]
        assert list(experiment.verdict.evidence.values) == runs
    said = bed.git("fsck", "--strict", "--no-dangling")
    assert "error" not in said
    assert "missing" not in said
    with sqlite3.connect(bed.ledger.path) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    assert bed.git("status", "--short") == ""
    assert bed.git("rev-parse", "--abbrev-ref", "HEAD") == "main"


@pytest.fixture
def belief(bed):
    """A lab that is judged by belief, with a replicated baseline."""
    text = (bed.path / "lab.toml").read_text().replace('policy = "greedy"', 'policy = "belief"')
    bed.toml(text.replace("baseline_runs = 1", "baseline_runs = 2"))
    return bed


@pytest.fixture(scope="session")
def trials_without_interruption() -> list[int]:
    """Filled by the first test that needs it; the count is the same in every lab."""
    return []


def baseline_count(bed, known: list[int], tmp_path) -> int:
    if not known:
        other = type(bed)(tmp_path / "undisturbed")
        shutil.copytree(bed.path, other.path)
        finish(start(other, "idea", IDEAS))
        assert other.verdicts() == EXPECTED
        check(other, IDEAS)
        known.append(trials_of(other))
        other.close()
    return known[0]


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_loses_no_proposal_that_was_made_ahead(belief, step):
    killed(start(belief, "slow", IDEAS, step, 5))
    before = belief.ledger.consultations.waiting(belief.campaign().id)
    finish(start(belief, "slow", IDEAS))
    check(belief, IDEAS)
    assert belief.verdicts() == EXPECTED
    made = belief.ledger.consultations.all(belief.campaign().id)
    assert {"thinking", "waiting"}.isdisjoint(one.state for one in made)
    assert sum(one.state == "taken" for one in made) == IDEAS
    taken = {one.id for one in made if one.state == "taken"}
    assert {one.id for one in before} <= taken


@pytest.mark.parametrize("at", [1, 5])
@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_loses_nothing_and_repeats_nothing(
    belief, step, at, trials_without_interruption, tmp_path
):
    usual = baseline_count(belief, trials_without_interruption, tmp_path)
    killed(start(belief, "idea", IDEAS, step, at))
    assert not belief.ledger.is_running()
    finish(start(belief, "idea", IDEAS))
    check(belief, IDEAS)
    assert belief.verdicts() == EXPECTED
    assert trials_of(belief) <= usual + 1


def test_kills_at_every_step_of_one_campaign_change_no_verdict(
    belief, trials_without_interruption, tmp_path
):
    usual = baseline_count(belief, trials_without_interruption, tmp_path)
    for step in STEPS:
        killed(start(belief, "idea", IDEAS, step, 2))
    finish(start(belief, "idea", IDEAS))
    check(belief, IDEAS)
    assert belief.verdicts() == EXPECTED
    assert trials_of(belief) <= usual + len(STEPS)


@pytest.mark.parametrize(("scores", "seed"), [("idea", 1), ("seed", 2), ("slow", 3)])
def test_kills_at_random_instants_lose_nothing_and_repeat_nothing(belief, scores, seed):
    rng, kills, count = random.Random(seed), 0, 3 * IDEAS
    for _ in range(10):
        process = start(belief, scores, count)
        assert process.stdout.readline() == "ready\n", process.communicate()
        time.sleep(rng.uniform(0, 0.25))
        if process.poll() is None:
            process.kill()
            kills += 1
        _, said = process.communicate(timeout=60)
        assert process.returncode in (0, -signal.SIGKILL), said
    finish(start(belief, scores, count))
    check(belief, count)
    assert kills >= 3
    mishaps = belief.trial_states().count("infrastructure")
    assert mishaps <= kills
    if scores != "seed":
        assert belief.verdicts() == EXPECTED[:1] + EXPECTED[1:] * 3


def test_a_lock_that_a_killed_machine_left_on_our_own_ref_does_not_end_the_campaign(belief):
    """libgit2 holds REF.lock for some microseconds; a kill within them leaves it."""
    killed(start(belief, "idea", IDEAS, "advanced", 2))
    lock = Repo(belief.path).git_dir / "refs/heads/autoresearch/t.lock"
    lock.touch()
    finish(start(belief, "idea", IDEAS))
    check(belief, IDEAS)


@pytest.mark.parametrize(("step", "at"), [("confirming", 1), ("confirmed", 1), ("running", 18)])
def test_a_kill_during_a_confirmation_costs_at_most_the_running_trial(belief, step, at):
    text = (belief.path / "lab.toml").read_text()
    belief.toml(text.replace("at_end = false", "at_end = true"))
    killed(start(belief, "idea", IDEAS, step, at))
    confirmations = belief.ledger.confirmations
    assert (confirmations.unfinished(belief.campaign().id) is None) == (step == "confirmed")
    finish(start(belief, "idea", IDEAS))
    check(belief, IDEAS)
    (done,) = confirmations.finished(belief.campaign().id)
    trials = confirmations.trials(done.id)
    cells = [t.cell for t in trials if str(t.state) == "measured"]
    assert len(cells) == len(set(cells)) >= 8
    assert len(trials) - len(cells) <= 1
    assert [found.claim.confirmed for found in confirmations.findings(done.id)] == [True]
