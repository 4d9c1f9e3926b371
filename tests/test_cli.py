"""The real commands, as a person types them, in processes of their own."""

import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from bed_cases import TINY_LAB, idea, tiny_lab
from novum.ledger import Ledger

NOVUM = [sys.executable, "-m", "novum"]
# x.txt: the score, and how long the trial takes; the seed adds a little noise.
RUN = """read score pause < x.txt
sleep "$pause"
echo "training with $score"
echo "METRIC score=$score$NOVUM_SEED"
"""


@pytest.fixture
def lab(tmp_path):
    return tiny_lab(tmp_path / "lab", RUN)


def git(path: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=path, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def novum(*arguments: object, status: int = 0) -> str:
    """Run a command; what it printed, on both streams."""
    done = subprocess.run(
        [*NOVUM, *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    said = done.stdout + done.stderr
    assert done.returncode == status, said
    assert "Traceback" not in said
    return said


def facts(*arguments: object) -> object:
    return json.loads(novum(*arguments, "--json"))


def until(condition, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_a_campaign_from_start_to_report(lab):
    said = novum("run", lab, "--experiments", 3, "--tag", "t")
    assert "lab's own default" not in said
    assert "finished" in said
    status = facts("status", lab)
    assert (status["state"], status["experiments"], status["target"]) == ("finished", 3, 3)
    assert status["outcomes"] == {"keep": 2, "discard": 1, "crash": 0, "invalid": 0}
    assert status["incumbent"]["title"] == "Try best"
    assert status["self_reported"] is True
    rows = facts("log", lab)
    assert [row["verdict"] for row in rows] == ["keep", "discard", "keep", "keep"]
    shown = facts("show", lab, 2)
    assert "+4.00 0" in shown["diff"]
    assert shown["evidence"]["runs"] == len(shown["trials"])
    assert "training with" in novum("show", lab, 2, "--log", 5)
    assert (lab / "report" / "t" / "report.md").is_file()
    assert git(lab, "show", "autoresearch/t:x.txt") == "3.00 0"
    assert git(lab, "status", "--porcelain") == ""
    assert git(lab, "branch", "--show-current") == "main"


def test_the_readable_commands_print_for_people_too(lab):
    novum("run", lab, "-n", 1)
    assert "Try worse" in novum("log", lab)
    assert "incumbent" in novum("status", lab)
    assert "self-reported" in novum("status", lab)
    assert "worse by" in novum("show", lab, 1)


def test_another_budget_than_the_labs_is_said(lab):
    assert "the lab's own default is 20 s" in novum("run", lab, "-n", 1, "--seconds", 3)


def test_the_persons_edits_become_an_experiment_and_stay_where_they_are(lab):
    (lab / "x.txt").write_text("2.00 0\n")
    said = novum("try", lab, "-m", "Two is less\nThe reason is arithmetic.")
    assert "experiment 1" in said
    shown = facts("show", lab, 1)
    assert (shown["title"], shown["researcher"]) == ("Two is less", "person")
    assert shown["hypothesis"] == "The reason is arithmetic."
    assert shown["verdict"] == "keep"
    assert git(lab, "status", "--porcelain") == "M x.txt"
    assert "does not exist" not in novum("run", lab, "-n", 2)  # and the campaign goes on


def test_try_that_does_not_fit_the_campaign_is_refused_before_anything_runs(lab):
    novum("run", lab, "-n", 3, "--tag", "t")
    (lab / "x.txt").write_text("1.00 0\n")
    assert "merge autoresearch/t" in novum("try", lab, "-m", "One", status=2)
    assert len(facts("log", lab)) == 4


def test_new_makes_a_sound_lab_in_a_repository_of_its_own(tmp_path):
    said = novum("new", "gpt", tmp_path / "my lab", "--dial", "depth=4")
    assert "novum run" in said
    assert git(tmp_path / "my lab", "status", "--porcelain") == ""
    assert "depth = 4" in (tmp_path / "my lab" / "lab.toml").read_text()
    findings = facts("check", tmp_path / "my lab")
    assert not [found for found in findings if found["level"] == "problem"]


# Stopping


def running(lab: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*NOVUM, "run", str(lab), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def slow(lab: Path) -> None:
    """Make the second idea take for ever."""
    (lab / "ideas.toml").write_text(idea("quick", "6.00 0") + idea("slow", "1.00 60"))
    git(lab, "commit", "-qam", "slow")


def trying_the_slow_one(lab: Path) -> bool:
    done = subprocess.run([*NOVUM, "status", str(lab), "--json"], capture_output=True, text=True)
    if "no campaign has run" in done.stderr:
        return False
    assert done.returncode == 0, done.stderr
    trial = json.loads(done.stdout)["trial"]
    return bool(trial) and trial["title"] == "Try slow"


def test_stop_now_from_another_terminal_and_resume(lab):
    slow(lab)
    machine = running(lab, "--experiments", "2")
    until(lambda: trying_the_slow_one(lab))
    assert "already running" in novum("run", lab, status=2)
    novum("stop", lab, "--now")
    said, _ = machine.communicate(timeout=30)
    assert machine.returncode == 0, said
    assert "go on with: novum resume" in said
    assert facts("status", lab)["state"] == "stopped"
    (lab / "run.sh").write_text(RUN.replace('sleep "$pause"', ""))  # not seen: not committed
    rows = facts("log", lab)
    assert [row["verdict"] for row in rows] == ["keep", "discard", None]
    assert "no campaign is running" in novum("stop", lab, status=2)


def test_ctrl_c_twice_stops_at_once_and_says_how_to_go_on(lab):
    slow(lab)
    machine = running(lab)
    until(lambda: trying_the_slow_one(lab))
    machine.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert machine.poll() is None
    machine.send_signal(signal.SIGINT)
    said, _ = machine.communicate(timeout=30)
    assert machine.returncode == 0, said
    assert "Ctrl-C again stops now" in said
    assert "novum resume" in said


def test_ctrl_c_once_lets_the_running_trial_end(lab):
    (lab / "ideas.toml").write_text(idea("slow", "6.00 2") + idea("next", "6.50 0"))
    git(lab, "commit", "-qam", "slow")
    machine = running(lab)
    until(lambda: trying_the_slow_one(lab))
    machine.send_signal(signal.SIGINT)
    said, _ = machine.communicate(timeout=30)
    assert machine.returncode == 0, said
    assert [row["verdict"] for row in facts("log", lab)] == ["keep", "discard"]


def test_a_killed_campaign_goes_on_where_it_was(lab):
    slow(lab)
    machine = running(lab, "--experiments", "2")
    until(lambda: trying_the_slow_one(lab))
    machine.kill()
    machine.communicate()
    assert facts("status", lab)["state"] == "stopped"
    machine = running(lab)
    until(lambda: trying_the_slow_one(lab))
    novum("stop", lab, "--now")
    machine.communicate(timeout=30)
    rows = facts("log", lab)
    assert [row["title"] for row in rows] == ["baseline", "Try quick", "Try slow"]
    assert [trial["state"] for trial in facts("show", lab, 2)["trials"]] == [
        "infrastructure",
        "cancelled",
    ]


def test_a_terminal_gets_a_live_panel(lab):
    (lab / "x.txt").write_text("5.00 1\n")
    git(lab, "commit", "-qam", "slower")
    master, terminal = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    machine = subprocess.Popen(
        [*NOVUM, "run", str(lab), "-n", "1"], stdout=terminal, stderr=terminal, env=environment
    )
    os.close(terminal)
    said = b""
    while True:
        try:
            said += os.read(master, 65536)
        except OSError:
            break
    assert machine.wait() == 0
    assert b"measuring the baseline" in said
    assert "finished" in said.decode()


# Mistakes: one clear message, status 2, and nothing is changed


def changed(lab: Path) -> bool:
    return (lab / ".novum").exists() or "autoresearch" in git(lab, "branch", "-a")


def rewrite(lab: Path, old: str, new: str) -> None:
    text = (lab / "lab.toml").read_text()
    assert old in text
    (lab / "lab.toml").write_text(text.replace(old, new))
    git(lab, "commit", "-qam", "mistake")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seconds = 20", "secnds = 20", "lab.toml:7: unknown key `budget.secnds`"),
        ("seconds = 20", "seconds = -1", "lab.toml:7: `budget.seconds` = -1"),
        ('"sh", "run.sh"', '"no-such-shell"', "the command `no-such-shell`"),
        ('editable = ["x.txt"]', 'editable = ["y.txt"]', "y.txt in lab.toml is no file of the lab"),
        ("[lab]", "[lab", "lab.toml:1 cannot be read: "),
        ("[lab]", '[judge]\npolicy = "oracle"\n[lab]', "oracle"),
        ("[lab]", '[researcher]\nuse = "nobody"\n[lab]', "nobody"),
        ("[lab]", '[researcher]\nbacklog = "none.toml"\n[lab]', "none.toml"),
    ],
)
def test_a_mistake_in_the_lab_is_said_once_and_changes_nothing(lab, old, new, message):
    rewrite(lab, old, new)
    assert message in novum("run", lab, status=2)
    assert not changed(lab)


def test_no_repository(tmp_path, lab):
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "lab.toml").write_text(TINY_LAB)
    assert "git init" in novum("run", bare, status=2)
    assert sorted(path.name for path in bare.iterdir()) == ["lab.toml"]


def test_no_lab(tmp_path):
    assert "this is not a lab" in novum("status", tmp_path, status=2)


def test_uncommitted_edits_are_not_silently_left_out(lab):
    (lab / "x.txt").write_text("1.00 0\n")
    assert "novum try" in novum("run", lab, status=2)
    assert not changed(lab)


def test_a_tag_in_use(lab):
    git(lab, "branch", "autoresearch/taken")
    assert "in use" in novum("run", lab, "--tag", "taken", status=2)
    novum("run", lab, "-n", 1, "--tag", "mine")
    assert "has its 1 experiments" in novum("resume", lab, "--tag", "mine", status=2)
    assert "in use by a finished campaign" in novum("run", lab, "--tag", "mine", status=2)
    novum("resume", lab, "--tag", "mine", "-n", 2)
    assert len(facts("log", lab)) == 3


def test_a_baseline_that_crashes_shows_its_last_lines(lab):
    (lab / "run.sh").write_text("echo one\necho two >&2\nexit 3\n")
    git(lab, "commit", "-qam", "broken")
    said = novum("run", lab, status=1)
    assert "the baseline fails (crash: " in said
    assert "    one\n    two\n" in said
    assert "failed" in novum("resume", lab, status=2)


def test_a_metric_that_never_appears(lab):
    (lab / "run.sh").write_text("echo nothing to say\n")
    git(lab, "commit", "-qam", "silent")
    said = novum("run", lab, status=1)
    assert "invalid" in said
    assert "score" in said
    assert "nothing to say" in said


def test_an_experiment_that_does_not_exist(lab):
    novum("run", lab, "-n", 1)
    assert "it has 0 to 1" in novum("show", lab, 7, status=2)
    assert "by its number" in novum("show", lab, "x", status=2)


def test_try_without_an_edit_or_a_message(lab):
    assert "nothing to try" in novum("try", lab, "-m", "x", status=2)
    assert "say what you expect" in novum("try", lab, "-m", " ", status=2)
    assert not changed(lab)


def test_new_never_writes_into_a_directory_that_is_in_use(lab):
    before = sorted(lab.iterdir())
    assert "not empty" in novum("new", "gpt", lab, status=2)
    assert sorted(lab.iterdir()) == before


def test_new_refuses_what_it_does_not_know(tmp_path):
    assert "there are: assay, copy, gpt, molecule, screen" in novum(
        "new", "chess", tmp_path / "x", status=2
    )
    for dial, said in [("seconds=3", "lab is: depth"), ("depth=x", "NAME=NUMBER, such as depth=4")]:
        assert said in novum("new", "gpt", tmp_path / "x", "--dial", dial, status=2)
    assert "no such directory" in novum(
        "new", "gpt", tmp_path / "x", "--corpus", "./nowhere", status=2
    )
    assert not (tmp_path / "x").exists()


def test_a_ledger_from_a_newer_version(lab):
    novum("run", lab, "-n", 1)
    with closing(sqlite3.connect(lab / ".novum" / "ledger.db")) as db:
        db.execute("PRAGMA user_version = 99")
    assert "newer Novum" in novum("status", lab, status=1)


def test_a_ledger_without_a_campaign_such_as_a_deep_check_leaves(lab):
    Ledger(lab).close()
    assert "no campaign has run here yet; start one" in novum("status", lab, status=2)
    assert "no campaign u here; campaigns: none yet" in novum("log", lab, "--tag", "u", status=2)


def test_completion_scripts(tmp_path):
    for shell in ("bash", "zsh", "fish"):
        assert "_NOVUM_COMPLETE" in novum("completion", shell)


# Confirming


def test_confirm_runs_the_best_beside_the_start_and_says_what_holds(lab):
    said = novum("run", lab, "--tag", "t")
    assert "end: experiment 3 beside the start" in said
    assert "confirmed, +2" in said
    facts = json.loads(novum("status", lab, "--json"))
    assert facts["confirmed"]["confirmed"] is True
    assert facts["confirmed"]["low"] <= 2 <= facts["confirmed"]["high"]
    again = subprocess.run(
        [*NOVUM, "confirm", str(lab), "--pairs", "4", "--json"], capture_output=True, text=True
    )
    claims = json.loads(again.stdout)["claims"]
    assert [claim["reason"] for claim in claims] == ["end", "asked"]
    assert "beside the start" in again.stderr


def test_what_proposes_nothing_needs_no_ideas(lab):
    novum("run", lab, "--tag", "t")
    (lab / "ideas.toml").unlink()
    git(lab, "commit", "-q", "-a", "-m", "the ideas are used up")
    assert "confirmed, +2" in novum("confirm", lab)
    git(lab, "merge", "-q", "autoresearch/t")
    (lab / "x.txt").write_text("2.00 0\n")
    assert "experiment 4" in novum("try", lab, "-m", "lower still")


def test_confirm_refuses_what_makes_no_sense_before_anything_runs(lab):
    assert "no campaign has run" in novum("confirm", lab, status=2)
    novum("run", lab, "--tag", "t", "-n", "1")
    before = json.loads(novum("status", lab, "--json"))["trials"]
    assert "the dial of this lab is: none" in novum("confirm", lab, "--dial", "depth=4", status=2)
    assert "NAME=NUMBER" in novum("confirm", lab, "--dial", "depth", status=2)
    assert "NAME=NUMBER" in novum("confirm", lab, "--dial", "depth=nan", status=2)
    assert "4<=x<=200" in novum("confirm", lab, "--pairs", "1", status=2)
    assert "no campaign u, so" in novum("confirm", lab, "--tag", "u", status=2)
    assert json.loads(novum("status", lab, "--json"))["trials"] == before


@pytest.mark.parametrize("number", ["nan", "inf", "1e300"])
def test_what_is_no_number_is_refused_before_anything_is_written(lab, number):
    refused = "is not a number below 1e100"
    assert refused in novum("run", lab, "--seconds", number, status=2)
    assert refused in novum("check", lab, "--deep", "--seconds", number, status=2)
    assert refused in novum("audit", lab, "--noise", number, status=2)
    assert not (lab / ".novum").exists()


def test_pruning_writes_its_experiments_into_the_table_of_results(lab):
    price = '[judge]\npolicy = "greedy"\n[guards]\nlines_changed = { weight = 1 }\n'
    (lab / "lab.toml").write_text(f"{TINY_LAB}{price}[confirm]\nat_end = false\n")
    (lab / "ideas.toml").write_text(idea("long", "3.90 0\\n\\n\\n"))
    git(lab, "commit", "-qam", "a price on lines")
    novum("run", lab, "--tag", "t")
    said = novum("confirm", lab, "--prune", "--pairs", "4")
    assert "Take out: Try long" in said
    table = (lab / ".novum" / "t" / "results.tsv").read_text().splitlines()
    assert len(table) == 1 + len(facts("log", lab)) == 4


def test_the_json_of_confirm_is_of_the_campaign_that_was_confirmed(lab):
    novum("run", lab, "--tag", "t", "-n", "3")
    log = lab / "results.tsv"
    log.write_text("commit\tscore\tstatus\tdescription\n" + "a\t1.0\tkeep\tx\n" * 3)
    novum("import", log, lab)
    done = subprocess.run([*NOVUM, "confirm", str(lab), "--json"], capture_output=True, text=True)
    assert [claim["against"] for claim in json.loads(done.stdout)["claims"]][-1] == 0


def test_a_wish_to_confirm_is_for_the_campaign_that_runs_or_refused(lab):
    novum("run", lab, "--tag", "old", "-n", "3")
    slow(lab)
    machine = running(lab, "--tag", "new")
    until(lambda: trying_the_slow_one(lab))
    said = novum("confirm", lab, "--tag", "old", status=2)
    assert "something else than campaign old is running" in said
    assert facts("status", lab, "--tag", "old")["state"] == "finished"
    assert facts("status", lab)["state"] == "running"
    assert "handed to the running campaign" in novum("confirm", lab)
    novum("stop", lab, "--now")
    machine.communicate(timeout=30)
