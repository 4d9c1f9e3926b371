"""The ledger: nothing is lost, nothing is told twice, and trouble is explained."""

import contextlib
import fcntl
import json
import os
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from novum.errors import LedgerError, UsageError
from novum.judge import Belief
from novum.ledger import Heartbeat, Ledger
from novum.ledger.copy import copy_of
from novum.ledger.lock import hold, is_held
from novum.patch import Diff
from novum.records import (
    Edit,
    Evidence,
    Measurement,
    Outcome,
    Proposal,
    Timing,
    TrialResult,
    TrialState,
    Verdict,
)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PROPOSALS = st.builds(
    Proposal,
    title=WORDS,
    edits=st.lists(st.builds(Edit, WORDS, st.none() | WORDS, WORDS), max_size=3).map(tuple),
    hypothesis=WORDS,
    expected=st.none() | NUMBERS,
    kind=WORDS,
    source=WORDS,
    key=WORDS,
    researcher=WORDS,
)
ITEMS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=3).map(tuple)
EVIDENCE = st.builds(
    Evidence,
    *[NUMBERS] * 4,
    st.integers(0, 30),
    st.lists(NUMBERS, max_size=4).map(tuple),
    *[NUMBERS] * 3,
    WORDS,
)
RESULTS = st.builds(
    TrialResult,
    st.sampled_from([TrialState.MEASURED, TrialState.INVALID]),
    st.builds(
        Measurement, NUMBERS, st.dictionaries(WORDS, NUMBERS, max_size=3), st.booleans(), ITEMS
    ),
    WORDS,
    st.binary(max_size=50),
    st.lists(st.dictionaries(WORDS, NUMBERS, max_size=2), max_size=3).map(tuple),
    st.builds(Timing, *[NUMBERS] * 5),
    NUMBERS,
)


@pytest.fixture
def ledger(tmp_path):
    with contextlib.closing(Ledger(tmp_path)) as opened:
        yield opened


@pytest.fixture
def campaign(ledger):
    return ledger.start_campaign("t", "text", {"seconds": 3}, "c" * 40, {"host": "h"}).id


PLAIN = Proposal("title", ())


def add(ledger, campaign, number=0, **more):
    return ledger.add_experiment(campaign, number, PLAIN, "p" * 40, Diff("", 0, 0), **more)


def test_what_a_campaign_was_started_with_is_what_is_read(ledger):
    made = ledger.start_campaign(
        "t", "[lab]\n", {"seconds": 1.5, "target": None}, "c" * 40, {"a": 1}
    )
    assert ledger.campaign("t") == ledger.campaign() == made
    assert (made.state, made.lab, made.settings["target"]) == ("open", "[lab]\n", None)


def test_a_tag_is_used_once(ledger, campaign):
    with pytest.raises(UsageError, match="the tag t is in use"):
        ledger.start_campaign("t", "", {}, "", {})
    assert len(ledger.campaigns()) == 1


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(proposal=PROPOSALS, evidence=EVIDENCE, result=RESULTS, words=WORDS)
def test_whatever_is_recorded_is_read_back_as_it_was(
    ledger, campaign, proposal, evidence, result, words
):
    session = ledger.open_session(campaign)
    number = len(ledger.experiments(campaign))
    change = Diff(words, 3, 4)
    opened = ledger.add_experiment(campaign, number, proposal, "p" * 40, change)
    assert (opened.proposal, opened.diff, opened.verdict) == (proposal, change, None)
    trial = ledger.start_trial(opened.id, opened.id, 7, 3.5, "validation")
    ended = ledger.end_trial(trial, result, session)
    assert (ended.state, ended.measurement, ended.detail) == (
        result.state,
        replace(result.measurement, items=()),
        result.detail,
    )
    assert (ended.timing, ended.peak_memory_mb) == (result.timing, result.peak_memory_mb)
    assert ledger.log(trial) == result.log
    assert ledger.curve(trial) == list(result.curve)
    assert ledger.items(trial) == result.measurement.items
    verdict = Verdict(Outcome.KEEP, words, evidence)
    judged = ledger.judge(opened, verdict, Belief(1.0, 0.5), "c" * 40, session)
    assert (judged.verdict, judged.belief, judged.commit) == (verdict, Belief(1.0, 0.5), "c" * 40)
    assert ledger.experiment(campaign, number) == judged


def test_a_trial_ends_once(ledger, campaign):
    session = ledger.open_session(campaign)
    trial = ledger.start_trial(add(ledger, campaign).id, 1, 1, 3, "validation")
    ledger.end_trial(trial, TrialResult(TrialState.CRASH, detail="first"), session)
    again = ledger.end_trial(trial, TrialResult(TrialState.MEASURED, Measurement(1.0)), session)
    assert (again.state, again.detail, again.measurement) == (TrialState.CRASH, "first", None)


def test_a_verdict_is_given_once(ledger, campaign):
    session, opened = ledger.open_session(campaign), add(ledger, campaign)
    ledger.judge(opened, Verdict(Outcome.DISCARD, "first"), None, None, session)
    again = ledger.judge(opened, Verdict(Outcome.KEEP, "second"), None, "c" * 40, session)
    assert (again.verdict.outcome, again.verdict.reason, again.commit) == ("discard", "first", None)


def test_a_crash_has_no_score(ledger, campaign):
    trial = ledger.start_trial(add(ledger, campaign).id, 1, 1, 3, "validation")
    ledger.end_trial(
        trial, TrialResult(TrialState.CRASH, detail="x"), ledger.open_session(campaign)
    )
    assert sqlite3.connect(ledger.path).execute("SELECT metric FROM trial").fetchall() == [(None,)]


def test_a_number_is_used_once(ledger, campaign):
    add(ledger, campaign, 3)
    with pytest.raises(sqlite3.IntegrityError):
        add(ledger, campaign, 3)
    assert [experiment.number for experiment in ledger.experiments(campaign)] == [3]


def test_taking_a_request_and_opening_its_experiment_is_one_step(ledger, campaign):
    add(ledger, campaign, 0)
    request = ledger.requests.ask("proposal", {"title": "x"})
    with pytest.raises(sqlite3.IntegrityError):
        add(ledger, campaign, 0, request=request)
    assert [waiting.id for waiting in ledger.requests.waiting("proposal")] == [request]
    add(ledger, campaign, 1, request=request)
    assert ledger.requests.waiting("proposal") == []
    assert ledger.requests.get(request).answer == "experiment 1"


def test_requests_wait_in_the_order_in_which_they_came(ledger):
    asked = [ledger.requests.ask(kind, {"n": kind}) for kind in ("proposal", "stop", "proposal")]
    assert [request.id for request in ledger.requests.waiting("proposal")] == [asked[0], asked[2]]
    assert [request.id for request in ledger.requests.waiting("proposal", "stop")] == asked
    ledger.requests.answer(asked[0], "done")
    assert [request.id for request in ledger.requests.waiting("proposal")] == [asked[2]]


def test_the_last_experiments_are_the_newest_oldest_first(ledger, campaign):
    for number in range(5):
        add(ledger, campaign, number)
    assert [e.number for e in ledger.experiments(campaign, last=2)] == [3, 4]
    assert ledger.experiments(campaign, last=0) == []


def test_campaigns_do_not_see_each_others_experiments(ledger, campaign):
    other = ledger.start_campaign("other", "", {}, "", {}).id
    trial = ledger.start_trial(add(ledger, campaign, 0).id, 1, 1, 3, "validation")
    assert ledger.experiments(other) == ledger.all_trials(other) == []
    assert ledger.open_experiment(other) is None
    assert ledger.end_lost_trials(other) == 0
    assert ledger.end_lost_trials(campaign) == 1
    assert [(t.id, t.state) for t in ledger.all_trials(campaign)] == [
        (trial, TrialState.INFRASTRUCTURE)
    ]


def test_an_experiment_of_no_campaign_is_refused(ledger):
    with pytest.raises(sqlite3.IntegrityError):
        add(ledger, 99)


def test_there_is_one_sign_of_life(ledger):
    for elapsed in (1.0, 2.0):
        ledger.beat(Heartbeat(1, 5.0, "training", elapsed, 0.5, 9.0, {"loss": 2.0}))
    assert ledger.heartbeat() == Heartbeat(1, 5.0, "training", 2.0, 0.5, 9.0, {"loss": 2.0})


def test_looking_for_a_ledger_makes_none(tmp_path):
    assert not Ledger.exists(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_persons_git_does_not_see_the_ledger(bed):
    assert bed.ledger.path.exists()
    assert bed.git("status", "--short", "--ignored=no") == ""


def test_opening_again_changes_nothing(ledger, campaign, tmp_path):
    add(ledger, campaign)
    with contextlib.closing(Ledger(tmp_path)) as again:
        assert again.campaigns() == ledger.campaigns()
        assert again.experiments(campaign) == ledger.experiments(campaign)


def test_one_connection_reads_at_once_what_another_wrote(ledger, campaign, tmp_path):
    with contextlib.closing(Ledger(tmp_path)) as other:
        for number in range(3):
            add(ledger, campaign, number)
            assert len(other.experiments(campaign)) == number + 1


ASKER = """
import sys
from pathlib import Path
from novum.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
for number in range(25):
    ledger.requests.ask("proposal", {"n": number})
"""


def test_processes_that_ask_at_the_same_time_lose_nothing(tmp_path, ledger):
    askers = [subprocess.Popen([sys.executable, "-c", ASKER, str(tmp_path)]) for _ in range(3)]
    assert [asker.wait(60) for asker in askers] == [0, 0, 0]
    assert len(ledger.requests.waiting("proposal")) == 75


def test_two_processes_may_open_a_new_ledger_at_the_same_time(tmp_path):
    with contextlib.closing(Ledger(tmp_path)) as made:
        script = "".join(f"{line};" for line in made._db.iterdump() if "CREATE" in line)
        version = made._db.execute("PRAGMA user_version").fetchone()[0]
        script += f"PRAGMA user_version = {version};"
    made.path.unlink()
    first = sqlite3.connect(made.path, isolation_level=None, check_same_thread=False)
    first.execute("PRAGMA journal_mode = WAL")
    first.executescript(f"BEGIN IMMEDIATE;{script}")
    finish = threading.Timer(0.3, lambda: first.execute("COMMIT"))
    finish.start()  # while the second has seen an empty ledger, and waits
    try:
        with contextlib.closing(Ledger(tmp_path)) as second:
            assert second.campaigns() == []
    finally:
        finish.join()
        first.close()


def test_a_ledger_from_a_newer_version_is_refused_and_left_alone(tmp_path, ledger):
    with contextlib.closing(sqlite3.connect(ledger.path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match=r"newer Novum \(its version is 99.*upgrade"):
        Ledger(tmp_path)
    with contextlib.closing(sqlite3.connect(ledger.path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (99,)


def test_a_file_that_is_no_ledger_is_called_damaged(tmp_path):
    (tmp_path / ".novum").mkdir()
    (tmp_path / ".novum" / "ledger.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(LedgerError, match="damaged"):
        Ledger(tmp_path)


def test_a_page_that_was_overwritten_is_called_damaged(tmp_path, ledger, campaign):
    for number in range(60):
        ledger.add_experiment(
            campaign, number, Proposal("t" * 500, ()), "p" * 40, Diff("d" * 500, 0, 0)
        )
    ledger.close()
    copy_of(ledger.path).unlink()
    size = ledger.path.stat().st_size
    with ledger.path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    with pytest.raises(LedgerError, match="damaged"), contextlib.closing(Ledger(tmp_path)) as again:
        again.experiments(campaign)


def test_a_truncated_ledger_is_called_damaged(tmp_path, ledger, campaign):
    for number in range(60):
        add(ledger, campaign, number)
    ledger.close()
    copy_of(ledger.path).unlink()
    os.truncate(ledger.path, 6000)
    with pytest.raises(LedgerError), contextlib.closing(Ledger(tmp_path)) as again:
        again.experiments(campaign)


def test_a_full_disk_is_called_full_and_what_was_recorded_stays(small_disk):
    with contextlib.closing(Ledger(small_disk)) as ledger:
        campaign = ledger.start_campaign("t", "", {}, "", {}).id
        count = 0
        with pytest.raises(LedgerError, match=r"the disk is full.*novum resume"):
            for count in range(1000):
                long = Proposal("t" * 10_000, ())
                ledger.add_experiment(campaign, count, long, "p" * 40, Diff("", 0, 0))
        assert len(ledger.experiments(campaign)) == count > 0
    with contextlib.closing(sqlite3.connect(small_disk / ".novum" / "ledger.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_disk_that_is_full_when_the_ledger_is_opened_is_called_full(small_disk):
    Ledger(small_disk).close()
    with contextlib.suppress(OSError), (small_disk / "stuffing").open("wb") as file:
        file.write(b"\0" * 2_000_000)
    before = (small_disk / ".novum" / ".gitignore").read_text()
    with pytest.raises(LedgerError, match="full"), contextlib.closing(Ledger(small_disk)) as ledger:
        ledger.start_campaign("t", "x" * 50_000, {}, "", {})
    assert (small_disk / ".novum" / ".gitignore").read_text() == before


def test_a_ledger_that_may_not_grow_further_is_called_full(ledger, campaign):
    ledger._db.execute("PRAGMA max_page_count = 20")
    with pytest.raises(LedgerError, match="the disk is full"):
        for number in range(1000):
            add(ledger, campaign, number)
    assert ledger.experiments(campaign)


def test_a_ledger_on_a_disk_that_cannot_be_written_is_explained(small_disk):
    Ledger(small_disk).close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(LedgerError):
        Ledger(small_disk)


def test_a_file_where_the_ledgers_home_should_be_is_explained(tmp_path):
    (tmp_path / ".novum").write_text("")
    with pytest.raises(LedgerError):
        Ledger(tmp_path)


def test_a_write_that_fails_leaves_nothing_behind(ledger, campaign):
    add(ledger, campaign, 0)
    for _ in range(2):
        with pytest.raises(sqlite3.IntegrityError):
            add(ledger, campaign, 0)
    add(ledger, campaign, 1)
    assert len(ledger.experiments(campaign)) == 2


# The lock


def test_the_second_holder_of_the_lock_is_told_who_has_it(ledger, tmp_path):
    with contextlib.closing(Ledger(tmp_path)) as other, ledger.lock():
        assert other.is_running()
        with pytest.raises(UsageError, match=rf"already running .*process {os.getpid()}\)"):
            other.lock().__enter__()
    assert not ledger.is_running()
    with ledger.lock():
        pass


HOLDER = """
import sys, time
from pathlib import Path
from novum.ledger import Ledger
with Ledger(Path(sys.argv[1])).lock():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_holder_that_is_killed_holds_nothing(ledger, tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match=rf"process {holder.pid}\)"):
            ledger.lock().__enter__()
        holder.kill()
    assert not ledger.is_running()
    with ledger.lock():
        pass


HEIR = """
import os, signal, sys
from pathlib import Path
from novum.ledger import Ledger
with Ledger(Path(sys.argv[1])).lock():
    heir = os.fork()  # as for a program, before it becomes one
    if not heir:
        os.close(1)
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(0)
    os.waitpid(heir, os.WUNTRACED)
    print(heir, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_holder_had_forked_and_was_stopped_does_not_hold_the_lock(ledger, tmp_path):
    command = [sys.executable, "-c", HEIR, str(tmp_path)]
    heir = int(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout)
    assert psutil.Process(heir).status() == psutil.STATUS_STOPPED
    assert ledger.is_running()
    with ledger.lock():
        pass
    assert not psutil.pid_exists(heir) or psutil.Process(heir).status() == psutil.STATUS_ZOMBIE


def test_without_a_lock_file_nothing_is_running(tmp_path):
    assert not is_held(tmp_path / "lock")


def test_somebody_who_only_looks_does_not_keep_a_campaign_from_starting(tmp_path):
    """A dashboard asks `is_running` every second."""
    path = tmp_path / "lock"
    path.touch()
    with path.open("r") as looker:
        fcntl.flock(looker, fcntl.LOCK_SH | fcntl.LOCK_NB)  # as is_held does, for a moment
        done = threading.Timer(0.05, lambda: fcntl.flock(looker, fcntl.LOCK_UN))
        done.start()
        try:
            with hold(path):
                pass
        finally:
            done.join()


def test_the_schema_stores_json_where_it_says_so(ledger, campaign):
    rows = sqlite3.connect(ledger.path).execute("SELECT settings, place FROM campaign").fetchall()
    assert [json.loads(cell) for cell in rows[0]] == [{"seconds": 3}, {"host": "h"}]
