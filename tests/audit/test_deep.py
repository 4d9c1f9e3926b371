"""A deep check of small labs that really run: what it finds, and that nothing is run twice."""

import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from novum.audit.journal import FILE, Journal, Run
from novum.audit.soundness import Level
from novum.ledger import Ledger
from novum.records import TrialState
from novum.sandbox import detect

NOISE = 0.1
LAB = """\
[lab]
name = "small"

[metric]
name = "v"
direction = "minimize"
min_effect = 0.05

[budget]
seconds = 0.5

[files]
editable = ["train.py"]
frozen = ["evaluate.py", "prepare.py"]

[trial]
prepare = ["python", "prepare.py"]
run = ["python", "train.py"]
evaluate = ["python", "evaluate.py"]
"""
TRAIN = """\
import json, os, random, time
from pathlib import Path

x = 0
with open(os.environ["NOVUM_PROGRESS"], "a") as file:
    file.write(json.dumps({"event": "start"}) + "\\n")
time.sleep(PAUSE)
luck = random.Random(int(os.environ["NOVUM_SEED"])).gauss(0, 0.1)
Path(os.environ["NOVUM_ARTIFACTS"], "score").write_text(str(5 + x + luck))
"""
PREPARE = """\
import json, os
from pathlib import Path

points = [[n % 7 - 3, 1 + n % 3] for n in range(420)]  # an offset and a weight; their mean is 0
Path(os.environ["NOVUM_HELDOUT"], "points.json").write_text(json.dumps(points))
for place in ("NOVUM_DATA", "NOVUM_HELDOUT"):  # a description, which gives nothing away
    Path(os.environ[place], "meta.json").write_text(json.dumps({"points": 420}))
"""
EVALUATE = """\
import json, os
from pathlib import Path

score = float(Path(os.environ["NOVUM_ARTIFACTS"], "score").read_text())
points = json.loads(Path(os.environ["NOVUM_HELDOUT"], "points.json").read_text())
items = [[score + offset, weight] for offset, weight in points]
mean = sum(s * w for s, w in items) / sum(w for _, w in items)
Path(os.environ["NOVUM_RESULT"]).write_text(json.dumps({"v": mean, "items": items}))
"""
IDEA = """\
[[idea]]
key = "{key}"
title = "Set x to {value}"
[[idea.edit]]
file = "train.py"
search = "x = 0"
replace = "x = {value}"

"""
VALUES = ["-1", "2", "-3", "4", "1 / 0", "-5", "6"]


def backlog(values) -> str:
    misfit = IDEA.format(key="misfit", value=9).replace('"x = 0"', '"y = 0"')
    return misfit + "".join(IDEA.format(key=f"k{v}", value=v) for v in values)


def files(*, lab=LAB, pause=0, ideas=tuple(VALUES)) -> dict[str, str]:
    return {
        "lab.toml": lab,
        "train.py": TRAIN.replace("PAUSE", str(pause)),
        "prepare.py": PREPARE,
        "evaluate.py": EVALUATE,
        "ideas.toml": backlog(ideas),
    }


@pytest.fixture
def lab(bed):
    for name in ("model.py", "notes/plan.txt", "evaluate.py"):
        (bed.path / name).unlink()
    bed.write(files())
    bed.commit("a small lab")
    return bed


def novum(lab, *words) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "novum", "check", str(lab.path), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def report(lab, *words, status=0) -> dict:
    done = novum(lab, "--deep", "--json", *words)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout)


def texts(found: dict, subject: str) -> list[str]:
    return [f["text"] for f in found["findings"] if f["subject"] == subject]


def text(found: dict, subject: str) -> str:
    (only,) = texts(found, subject)
    return only


def levels(found: dict) -> dict[str, set[str]]:
    named: dict[str, set[str]] = {}
    for one in found["findings"]:
        named.setdefault(one["subject"], set()).add(one["level"])
    return named


def journal(lab) -> list[dict]:
    (path,) = lab.path.glob(f".novum/deep/*/{FILE}")
    return [json.loads(line) for line in path.read_text().splitlines()]


def keys(runs) -> list[tuple]:
    return [(run["idea"], run["seconds"], run["seed"], run["again"]) for run in runs]


def luck(seed: int) -> float:
    return random.Random(seed).gauss(0, NOISE)


def test_what_is_known_of_a_lab_is_found(lab):
    found = report(lab, "--runs", "6", "--budgets", "0.2")
    numbers = found["numbers"]
    scores = [5 + luck(seed) for seed in range(1, 7)]
    assert numbers["baseline"] == pytest.approx(scores)
    assert numbers["noise"]["sd"] == pytest.approx(statistics.stdev(scores))
    assert "a seed fixes the result exactly" in text(found, "seeds")
    offsets = [(n % 7 - 3, 1 + n % 3) for n in range(420)]
    total = sum(weight for _, weight in offsets)
    squares = sum((weight * offset) ** 2 for offset, weight in offsets)
    assert numbers["split_error"] == pytest.approx((squares * 420 / 419) ** 0.5 / total)
    assert numbers["paired_split_error"] == pytest.approx(0, abs=1e-9)
    (ranking,) = numbers["rankings"]
    assert ranking["ideas"] == 6
    assert ranking["agreement"]["value"] == 1
    failed = texts(found, "idea failed")
    assert len(failed) == 2
    assert all("1 / 0 (crash: ZeroDivisionError" in words for words in failed)
    assert "misfit" in text(found, "ideas")
    assert len(numbers["runs"]) == 6 + 3 + 3 + 7 * 2
    (pace,) = [pace for pace in numbers["paces"] if pace["seconds"] == 0.5]
    assert pace["per_hour"] == pytest.approx(3600 / pace["total"])
    assert not [level for level in levels(found).values() if Level.PROBLEM in level] or (
        detect().tool == "none"
    )


def test_ideas_of_clearly_different_worth_are_ranked_alike(lab):
    lab.write({"ideas.toml": backlog(range(1, 13))})
    lab.commit("many ideas")
    found = report(lab, "--runs", "3", "--budgets", "0.2", "--ideas", "12")
    (ranking,) = found["numbers"]["rankings"]
    assert ranking["ideas"] == ranking["agreement"]["ideas"] == 12
    assert levels(found)["ranking at 0.2 s"] == {"good"}
    assert "1.00 [0.98, 1.00], nearly the same" in text(found, "ranking at 0.2 s")


@pytest.mark.skipif(detect().tool == "none", reason="no sandbox here")
def test_a_confined_trial_reaches_nothing(lab):
    found = levels(report(lab, "--runs", "2", "--ideas", "0"))
    reached = ("held-out data", "evaluator", "ledger", "your lab", "home", "network")
    assert {name: found[name] for name in reached} == {name: {"good"} for name in reached}
    assert found["frozen files"] == {"good"}
    for name in ("environment", "processes", "kernel", "novum", "git", "interpreter"):
        assert found[name] == {"good"}
    assert lab.git("status", "--porcelain") == ""


@pytest.mark.skipif(detect().tool == "none", reason="no sandbox here")
def test_it_says_the_same_from_inside_the_lab(lab, monkeypatch):
    monkeypatch.chdir(lab.path)
    command = [sys.executable, "-m", "novum", "check", "--deep", "--json", "--ideas", "0"]
    done = subprocess.run([*command, "--runs", "2"], capture_output=True, text=True, timeout=120)
    found = levels(json.loads(done.stdout))
    assert (found["ledger"], found["your lab"]) == ({"good"}, {"good"})


def test_without_a_sandbox_what_is_in_reach_is_told_and_the_status_is_1(lab):
    lab.toml(LAB + '\n[sandbox]\nmode = "none"\n')
    found = report(lab, "--runs", "2", "--ideas", "0", status=1)
    named = levels(found)
    assert named["sandbox"] == {"caution"}
    for subject in ("held-out data", "evaluator", "ledger", "your lab"):
        assert named[subject] == {"problem"}
    assert named["network"] == {"caution"}
    assert "points.json" in text(found, "held-out data")
    assert found["advice"][0].startswith("first mend what is in a trial's reach (held-out data")
    assert named["frozen files"] == {"good"}  # it was changed, and that was noticed
    assert lab.git("status", "--porcelain") == ""


def test_held_out_data_that_a_trial_is_given_anyway_are_found(lab):
    points = json.dumps([[n % 7 - 3, 1 + n % 3] for n in range(420)])
    lab.write({"points-too.json": points})
    lab.commit("oops")
    found = report(lab, "--runs", "2", "--ideas", "0", status=1)
    assert any("points-too.json" in words for words in texts(found, "held-out data"))


def started(lab, *words) -> subprocess.Popen:
    command = [sys.executable, "-m", "novum", "check", str(lab.path), "--deep", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for_lines(lab, count: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        files_ = list(lab.path.glob(f".novum/deep/*/{FILE}"))
        if files_ and files_[0].read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.02)
    pytest.fail(f"no {count} runs came")


def test_a_killed_check_goes_on_and_makes_no_run_twice(lab):
    lab.write(files(pause=0.15))
    lab.commit("slower")
    words = ("--runs", "4", "--ideas", "3", "--budgets", "0.3")
    process = started(lab, *words)
    wait_for_lines(lab, 4)
    time.sleep(0.1)  # into the next trial
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    before = journal(lab)
    (path,) = lab.path.glob(f".novum/deep/*/{FILE}")
    with path.open("a") as file:
        file.write('{"idea": "", "seco')  # as a kill in the middle of a write leaves it
    done = novum(lab, "--deep", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"going on: {len(before)} of them were made before" in done.stdout
    after = journal(lab)
    assert after[: len(before)] == before
    assert len(set(keys(after))) == len(after) == 4 + 2 + 3 + 3 * 2
    again = novum(lab, "--deep", *words)
    assert journal(lab) == after
    assert "expected: about 0 s" in again.stdout
    assert again.stdout.split("\n\nAdvice")[1] == done.stdout.split("\n\nAdvice")[1]


def test_ctrl_c_ends_after_the_running_trial_and_says_how_to_go_on(lab):
    lab.write(files(pause=0.3))
    lab.commit("slower")
    process = started(lab, "--runs", "4", "--ideas", "0")
    wait_for_lines(lab, 1)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "stopping after the running trial" in out
    assert re.search(r"novum: stopped; .* goes on with: novum check .* --deep", out)
    assert 1 <= len(journal(lab)) < 6
    assert not (lab.path / ".novum/slots/0/scratch").exists()


def test_novum_stop_ends_it_too(lab):
    lab.write(files(pause=0.3))
    lab.commit("slower")
    process = started(lab, "--runs", "4", "--ideas", "0")
    wait_for_lines(lab, 1)
    stop = [sys.executable, "-m", "novum", "stop", str(lab.path)]
    assert subprocess.run(stop, capture_output=True).returncode == 0
    process.communicate(timeout=60)
    assert process.returncode == 1
    assert len(journal(lab)) < 6


def test_fresh_starts_over_and_another_commit_does_anyway(lab):
    words = ("--runs", "2", "--ideas", "0")
    report(lab, *words)
    first = journal(lab)
    report(lab, *words, "--fresh")
    assert keys(journal(lab)) == keys(first)
    assert journal(lab) != first  # times differ
    lab.commit("another")
    report(lab, *words)
    assert len(list(lab.path.glob(".novum/deep/*"))) == 2


def test_more_runs_use_those_that_were_made(lab):
    report(lab, "--runs", "2", "--ideas", "0")
    first = journal(lab)
    report(lab, "--runs", "4", "--ideas", "0")
    assert journal(lab)[: len(first)] == first
    assert len(journal(lab)) == 4 + 2


def test_an_idea_that_was_edited_is_another_idea(lab):
    words = ("--runs", "2", "--ideas", "1", "--budgets", "0.2")
    report(lab, *words)
    count = len(journal(lab))
    lab.write({"ideas.toml": backlog(["-1"]).replace("x = -1", "x = -1.5")})
    report(lab, *words)
    assert len(journal(lab)) == count + 2


def test_a_baseline_that_fails_is_a_problem_and_is_tried_again(lab):
    lab.write({"train.py": "print('the last words')\nraise SystemExit(3)\n"})
    lab.commit("broken")
    done = novum(lab, "--deep")
    assert done.returncode == 1
    assert "problem" in done.stdout
    assert "the last words" in done.stdout
    assert "mend the lab" in done.stdout
    assert not list(lab.path.glob(f".novum/deep/*/{FILE}"))


def test_a_budget_that_is_too_short_for_the_baseline_is_left_out(lab):
    needs = 'assert float(os.environ["NOVUM_SECONDS"]) > 0.3\nx = 0\n'
    lab.write({"train.py": files()["train.py"].replace("x = 0\n", needs)})
    lab.commit("needs time")
    done = novum(lab, "--deep", "--runs", "2", "--ideas", "4", "--budgets", "0.2,0.4")
    assert done.returncode == 0, done.stdout
    assert "at 0.2 s the baseline fails" in done.stdout
    assert {run["seconds"] for run in journal(lab)} == {0.4, 0.5}
    assert "ranking at 0.4 s" in done.stdout
    assert "ranking at 0.2 s" not in done.stdout
    assert "budget of 0.2 s: too short" in done.stdout


def test_a_lab_without_a_backlog_is_checked_without_ideas(lab):
    (lab.path / "ideas.toml").unlink()
    lab.commit("no ideas")
    done = novum(lab, "--deep", "--runs", "2")
    assert done.returncode == 0, done.stdout
    assert "left out: there is no backlog (ideas.toml)" in done.stdout
    assert "ranking" not in done.stdout


SELF_REPORTED = """\
[lab]
name = "told"
[metric]
name = "v"
direction = "maximize"
noise = "NOISE"
[budget]
seconds = 1
[files]
editable = ["train.py"]
[trial]
run = ["python", "train.py"]
"""
BY_SEED = 'import os\nx = 0\nprint("METRIC v=" + str(x + int(os.environ["NOVUM_SEED"]) % 5))\n'
EXACT = 'x = 0\nprint(f"METRIC v={x}")\n'


def told(lab, noise: str, train: str) -> None:
    for name in ("prepare.py", "evaluate.py"):
        (lab.path / name).unlink()
    text_ = SELF_REPORTED.replace("NOISE", noise)
    lab.write({"lab.toml": text_, "train.py": train, "ideas.toml": backlog(["1", "2"])})
    lab.commit("self-reported")


def test_a_self_reported_lab_has_run_noise_and_no_items(lab):
    told(lab, "gaussian", BY_SEED)
    found = report(lab, "--runs", "4", "--ideas", "0")
    assert found["numbers"]["baseline"] == [1, 2, 3, 4]
    assert found["numbers"]["noise"]["sd"] == pytest.approx(statistics.stdev([1, 2, 3, 4]))
    assert "no `items`" in text(found, "split noise")
    assert levels(found)["evaluator"] == {"caution"}


def test_a_metric_without_noise_is_run_twice_and_believed(lab):
    told(lab, "none", EXACT)
    found = report(lab, "--budgets", "0.4")
    assert "one run decides" in text(found, "noise")
    assert len(found["numbers"]["baseline"]) == 2
    assert "run noise" not in levels(found)


def test_a_metric_that_is_said_to_have_no_noise_and_has_is_warned_of(lab):
    told(lab, "none", BY_SEED)
    found = report(lab, "--ideas", "0")
    assert levels(found)["noise"] == {"caution"}
    assert "differ (1 and 2)" in text(found, "noise")


def test_a_gaussian_metric_without_noise_is_advised_to_say_so(lab):
    told(lab, "gaussian", EXACT)
    found = report(lab, "--runs", "3", "--ideas", "0")
    assert any('metric.noise = "none"' in line for line in found["advice"])


@pytest.mark.parametrize(
    "words",
    [
        ("--runs", "3"),
        ("--deep", "--budgets", "9"),
        ("--deep", "--budgets", "x"),
        ("--deep", "--runs", "1"),
        ("--deep", "--seconds", "0"),
    ],
)
def test_what_is_asked_wrongly_is_refused_before_anything_changes(lab, words):
    assert novum(lab, *words).returncode == 2
    assert not (lab.path / ".novum").exists()


def test_uncommitted_changes_are_refused(lab):
    lab.write({"evaluate.py": EVALUATE + "# more\n"})
    done = novum(lab, "--deep")
    assert done.returncode == 2
    assert "evaluate.py has changes" in done.stderr
    assert not (lab.path / ".novum").exists()


def test_it_waits_for_nobody_who_works_in_the_lab(lab):
    with lab.ledger.lock():
        done = novum(lab, "--deep")
    assert done.returncode == 2
    assert "already running" in done.stderr


def test_a_campaign_is_not_touched_by_a_deep_check(lab):
    report(lab, "--runs", "2", "--ideas", "0")
    ledger = Ledger(lab.path)
    assert ledger.campaigns() == []
    ledger.close()


def test_the_journal_reads_back_what_it_was_given_and_drops_a_torn_line(tmp_path):
    made = Journal(tmp_path)
    run = Run("", 3.0, 1, 0, TrialState.MEASURED, 1.5, ((1.0, 2.0), (2.0, 2.0)), wall=3.5)
    made.add(run)
    with made.path.open("ab") as file:
        file.write(b'{"idea"')
    again = Journal(tmp_path)
    assert again.runs == [run]
    again.add(run)
    assert Journal(tmp_path).runs == [run, run]
    assert Journal(tmp_path, fresh=True).runs == []


@pytest.mark.parametrize("line", [b"null\n", b"{}\n", b"\xff\n", b'{"idea": 1, "items": 3}\n'])
def test_a_line_of_another_version_is_run_again(tmp_path, line):
    Path(tmp_path, FILE).write_bytes(line)
    assert Journal(tmp_path).runs == []
