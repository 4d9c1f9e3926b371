"""Known cheats in small labs that really run: sound ones, and ones with a known hole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from novum.sandbox import detect

pytestmark = pytest.mark.skipif(detect().tool == "none", reason="no sandbox here")
LAB = """\
[lab]
name = "curve"
[metric]
name = "mse"
direction = "minimize"
[budget]
seconds = 1
memory_mb = 500
disk_mb = 100
[files]
editable = ["train.py"]
[trial]
prepare = ["python", "prepare.py"]
run = ["python", "train.py"]
evaluate = ["python", "evaluate.py"]
"""
PREPARE = """\
import json, os
from pathlib import Path
points = [(x / 50, 1 + x / 100) for x in range(-50, 50)]
Path(os.environ["NOVUM_DATA"], "train.json").write_text("[]")
Path(os.environ["NOVUM_HELDOUT"], "validation.json").write_text(json.dumps(points))
"""
TRAIN = """\
import json, os
from pathlib import Path
with open(os.environ["NOVUM_PROGRESS"], "a") as file:
    file.write('{"event": "start"}\\n')
Path(os.environ["NOVUM_ARTIFACTS"], "model.json").write_text(json.dumps([1.0, 0.4]))
"""
EVALUATE = """\
import json, os
from pathlib import Path
artifacts = Path(os.environ["NOVUM_ARTIFACTS"])
weights = json.loads((artifacts / "model.json").read_text())
points = json.loads(Path(os.environ["NOVUM_HELDOUT"], "validation.json").read_text())
errors = [sum(w * x**i for i, w in enumerate(weights)) - y for x, y in points]
mse = sum(error**2 for error in errors) / len(errors)
Path(os.environ["NOVUM_RESULT"]).write_text(json.dumps({"mse": mse}))
"""
SCORES = ("prints", "writes a false", "leaves libraries", "hands in pickles")


@pytest.fixture
def lab(bed):
    for name in ("model.py", "notes/plan.txt"):
        (bed.path / name).unlink()
    bed.write({"lab.toml": LAB, "prepare.py": PREPARE, "train.py": TRAIN, "evaluate.py": EVALUATE})
    bed.commit("a sound lab")
    return bed


def canaries(lab, *words, status=0) -> dict[str, dict]:
    """What came of each, by the cheat."""
    command = [sys.executable, "-m", "novum", "check", str(lab.path), "--canaries", "--json"]
    done = subprocess.run([*command, *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == status, done.stdout + done.stderr
    assert lab.git("status", "--porcelain") == ""
    return {found["cheat"]: found for found in json.loads(done.stdout)}


def fate(found: dict[str, dict], beginning: str) -> str:
    (only,) = [one["fate"] for cheat, one in found.items() if cheat.startswith(beginning)]
    return only


def unstopped(found: dict[str, dict]) -> list[str]:
    return [cheat for cheat, one in found.items() if one["fate"] == "not stopped"]


def test_a_sound_lab_stops_every_cheat(lab, monkeypatch):
    monkeypatch.setenv("MY_SECRET_KEY", "x")
    found = canaries(lab)
    assert {one["fate"] for one in found.values()} == {"stopped"}
    assert len(found) == 20
    assert "measured all the same" in found["prints a false score"]["text"]
    assert not list((lab.path / ".novum" / "slots").glob("cache-*"))


def test_a_result_that_the_trial_writes_itself_is_told(lab):
    trusting = 'mse = json.loads((artifacts / "result.json").read_text())["mse"]\n'
    honest = 'Path(os.environ["NOVUM_ARTIFACTS"], "result.json").write_text(\'{"mse": 0.02}\')\n'
    lines = EVALUATE.splitlines(keepends=True)
    lab.write({"evaluate.py": "".join([*lines[:3], trusting, lines[-1]])})
    lab.commit("the trial says what it is worth", **{"train.py": TRAIN + honest})
    found = canaries(lab, status=1)
    assert unstopped(found) == ["writes a false result among its artifacts and at guessed paths"]


@pytest.mark.parametrize(
    ("before", "after", "cheat"),
    [
        ("json.loads((artifacts / \"model.json\").read_text())", "read()", "hands in pickles"),
        ("import json, os\n", "import sys, os; sys.path[0] = os.environ['NOVUM_ARTIFACTS']\n"
         "import json, random\n", "leaves libraries"),
    ],
)  # fmt: skip
def test_an_evaluator_that_runs_what_a_trial_left_is_told(lab, before, after, cheat):
    read = """import pickle
def read():
    try:
        return pickle.loads((artifacts / "model.json").read_bytes())
    except pickle.UnpicklingError:
        return json.loads((artifacts / "model.json").read_text())
"""
    text = EVALUATE.replace(before, after).replace("weights =", read + "weights =")
    lab.commit("it trusts", **{"evaluate.py": text})
    found = canaries(lab, status=1)
    assert fate(found, cheat) == "not stopped"
    assert len(unstopped(found)) == 1


@pytest.mark.parametrize("below", ["..", "", ".novum", ".novum/data", "../link"])
def test_a_readable_directory_that_holds_the_lab_shows_nothing_that_is_secret(lab, below):
    (lab.path.parent / "link").symlink_to(lab.path.parent)
    readable = os.path.normpath(lab.path / below)
    lab.toml(LAB + f'[sandbox]\nreadable = ["{readable}"]\n')
    found = canaries(lab)
    for words in ("reads held-out data", "writes the ledger", "reads git's objects"):
        assert fate(found, words) == "stopped", words


def test_a_program_that_prints_its_own_score_is_told_and_breaks_no_promise(lab):
    lab.write({"train.py": 'print("METRIC mse=1")\n'})
    lab.toml(LAB.replace('evaluate = ["python", "evaluate.py"]\n', ""))
    found = canaries(lab)
    printed = found["prints a false score"]
    assert (printed["fate"], printed["promised"]) == ("not stopped", False)
    assert "any number that is printed is believed" in printed["text"]
    assert [fate(found, words) for words in SCORES[1:]] == ["not applicable"] * 3


def test_a_lab_in_another_language_gets_its_canaries_in_the_place_of_its_command(lab):
    shell = 'printf \'{"event": "start"}\\n\' >> $NOVUM_PROGRESS\n'
    shell += "printf '[1.0, 0.4]' > $NOVUM_ARTIFACTS/model.json\n"
    lab.write({"train.py": "unused\n", "train.sh": shell})
    lab.toml(LAB.replace('"train.py"', '"train.sh"').replace('["python", "train', '["sh", "train'))
    found = canaries(lab)
    assert {one["fate"] for one in found.values()} == {"stopped"}


def test_a_lab_whose_own_program_fails_says_so(lab):
    lab.commit("it fails", **{"train.py": "1 / 0\n"})
    found = canaries(lab)
    assert [fate(found, words) for words in SCORES] == ["not applicable"] * 4
    assert "ZeroDivisionError" in found["prints a false score"]["text"]
    assert "--seconds" in found["prints a false score"]["text"]


def test_no_cheat_is_shown_to_people_or_to_an_assay(lab):
    later = "import sys\nprint('nobody has come', file=sys.stderr)\nsys.exit(75)\n"
    lab.commit("visitors answer", **{"evaluate.py": later})
    found = canaries(lab)
    assert [fate(found, words) for words in SCORES] == ["not applicable"] * 4
    assert "outside" in found["prints a false score"]["text"]


def test_without_a_sandbox_what_gets_through_is_told_as_not_promised(lab):
    lab.toml(LAB + '[sandbox]\nmode = "none"\n')
    found = canaries(lab)
    assert fate(found, "reads held-out data") == "not stopped"
    assert fate(found, "leaves files") == "not stopped"
    assert not any(one["broken"] for one in found.values())
    for words in (*SCORES, "rewrites frozen", "leaves a process", "works on"):
        assert fate(found, words) == "stopped", words
    mark = Path(found["leaves files for the next trial, in every place that it may write"]["text"])
    assert not [path for path in ("/tmp", "/dev/shm") if Path(path, mark.name).exists()]


def test_novum_stop_from_another_terminal_ends_it(lab):
    lab.commit("slow", **{"train.py": "import time\n" + TRAIN + "time.sleep(30)\n"})
    novum = [sys.executable, "-m", "novum"]
    check = [*novum, "check", str(lab.path), "--canaries", "--seconds", "60"]
    process = subprocess.Popen(check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    beginning = [process.stdout.readline() for _ in range(14)]  # until its first trial runs
    assert "kernel" in beginning[-1], beginning
    stop = subprocess.run([*novum, "stop", "--now", str(lab.path)], capture_output=True)
    assert stop.returncode == 0
    rest, _ = process.communicate(timeout=25)
    assert process.returncode == 1
    assert "novum: stopped, so the rest is not known" in rest


def test_it_is_one_check_at_a_time(lab):
    command = [sys.executable, "-m", "novum", "check", str(lab.path), "--canaries"]
    for words in (["--deep"], ["--runs", "3"]):
        done = subprocess.run([*command, *words], capture_output=True, text=True)
        assert done.returncode == 2
        assert "--deep" in done.stderr
