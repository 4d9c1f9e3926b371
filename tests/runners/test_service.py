"""A program of the lab's own beside the trial: real sockets, real processes, confined and not."""

import json
import textwrap
import threading
from pathlib import Path

import pytest

from novum.lab import parse_lab
from novum.records import TrialState
from novum.runners import Order
from novum.runners.local import LocalRunner
from novum.sandbox import NONE, detect

confined_only = pytest.mark.skipif(
    detect().tool == "none", reason=f"no sandbox here: {detect().detail}"
)
PLACES = [pytest.param(detect(), marks=confined_only, id="confined"), pytest.param(NONE, id="bare")]

LAB = """
[lab]
name = "asking"
[metric]
name = "asked"
direction = "maximize"
[budget]
seconds = 2
startup = 5
grace = 1
evaluation = 10
memory_mb = 500
disk_mb = 50
[files]
editable = ["train.py"]
[trial]
run = ["python", "train.py"]
service = ["python", "oracle.py"]
evaluate = ["python", "evaluate.py"]
cache = true
"""
ORACLE = """
import os, socket
from pathlib import Path
listener = socket.socket(socket.AF_UNIX)
listener.bind(os.environ["NOVUM_SERVICE"])
listener.listen()
record = Path(os.environ["NOVUM_RECORD"], "record")
remembered = Path(os.environ["NOVUM_CACHE"], "count")
client, _ = listener.accept()
for line in client.makefile():
    with record.open("a") as file:
        file.write(line)
    before = int(remembered.read_text()) if remembered.exists() else 0
    remembered.write_text(str(before + 1))
    client.sendall(b"heard\\n")
    if line == "die\\n":
        raise SystemExit(3)
import time
time.sleep(60)
"""
EVALUATE = """
import json, os
from pathlib import Path
import novum
asked = Path(os.environ["NOVUM_RECORD"], "record").read_text().splitlines()
told = {"asked": len(asked), "ever": int(Path(os.environ["NOVUM_CACHE"], "count").read_text())}
told["holdout"] = int(os.environ["NOVUM_SPLIT"] == "holdout")
Path(os.environ["NOVUM_RESULT"]).write_text(json.dumps(told))
"""
TRAIN = """
import os, socket, sys
with open(os.environ["NOVUM_PROGRESS"], "a") as file: file.write('{"event": "start"}\\n')
oracle = socket.socket(socket.AF_UNIX)
oracle.connect(os.environ["NOVUM_SERVICE"])
def ask(text):
    oracle.sendall(text.encode() + b"\\n")
    return oracle.recv(100).decode().strip()
"""


class Asking:
    """The lab in a directory, run by a runner."""

    def __init__(self, root: Path, confinement) -> None:
        self.root, self.runner, self.count = root, LocalRunner(confinement), 0
        self.lab = parse_lab(LAB)
        self.oracle, self.evaluate = ORACLE, EVALUATE

    def run(self, program: str, **more):
        self.count += 1
        base = self.root / str(self.count)
        paths = {name: base / name for name in ("tree", "pristine", "scratch")}
        for path in (*paths.values(), self.root / "cache"):
            path.mkdir(parents=True, exist_ok=True)
        (paths["tree"] / "train.py").write_text(TRAIN + textwrap.dedent(program))
        (paths["pristine"] / "oracle.py").write_text(self.oracle)
        (paths["pristine"] / "evaluate.py").write_text(self.evaluate)
        order = Order(self.lab, **paths, seed=1, seconds=2.0, cache=self.root / "cache", **more)
        return self.runner.run(order, lambda pulse: None, threading.Event())


@pytest.fixture(params=PLACES)
def asking(request, tmp_path) -> Asking:
    return Asking(tmp_path, request.param)


@pytest.fixture
def confined(tmp_path) -> Asking:
    return Asking(tmp_path, detect())


def test_the_evaluator_reads_what_the_service_recorded(asking):
    result = asking.run('assert ask("one") == ask("two") == "heard"')
    assert (result.state, result.detail) == (TrialState.MEASURED, "")
    assert result.measurement.metric == 2
    assert asking.run('ask("three")', split="holdout").state is TrialState.INVALID  # no holdout


def test_frozen_programs_remember_from_trial_to_trial(asking):
    asking.run('ask("one")')
    result = asking.run('ask("two")')
    assert result.measurement.metrics["ever"] == 2


def test_a_service_that_fails_makes_the_trial_invalid_and_says_so(asking):
    result = asking.run('ask("die"); import time; time.sleep(30)')
    assert result.state is TrialState.INVALID
    assert "the service ended: exit status 3" in result.detail
    asking.oracle = "raise RuntimeError('no target')"
    result = asking.run("")
    assert result.state is TrialState.INVALID
    assert "the service ended: RuntimeError: no target" in result.detail
    assert b"no target" in result.log


def test_a_service_that_never_listens_does_not_hold_the_machine(asking):
    budget = asking.lab.budget.model_copy(update={"startup": 0.5})
    asking.lab = asking.lab.model_copy(update={"budget": budget})
    asking.oracle = "import time; time.sleep(60)"
    result = asking.run("")
    assert result.state is TrialState.INVALID
    assert result.detail == "the service did not listen within 0.5 s"


def test_what_must_be_asked_later_is_not_the_ideas_fault(asking):
    asking.evaluate = "import sys; print('no value yet'); sys.exit(75)"
    result = asking.run('ask("one")')
    assert result.state is TrialState.INFRASTRUCTURE
    assert "no value yet" in result.detail
    asking.oracle = "import sys; print('the plate is not read'); sys.exit(75)"
    assert asking.run("").state is TrialState.INFRASTRUCTURE


def test_a_service_ends_with_its_trial(asking, tmp_path):
    beating = tmp_path / "cache" / "beating"
    asking.oracle = ORACLE.replace(
        "import time\ntime.sleep(60)",
        "import time\nfor _ in range(600):\n    time.sleep(0.05)\n"
        "    Path(os.environ['NOVUM_CACHE'], 'beating').write_text(str(time.time()))",
    )
    assert asking.run('ask("one")').state is TrialState.MEASURED
    last = beating.read_text() if beating.exists() else ""
    threading.Event().wait(0.3)
    assert (beating.read_text() if beating.exists() else "") == last


@confined_only
def test_the_candidate_sees_no_record_no_cache_and_nothing_of_novum(confined):
    result = confined.run(
        """
        import json
        from pathlib import Path
        seen = {}
        for name in ("NOVUM_RECORD", "NOVUM_CACHE", "NOVUM_SPLIT", "PYTHONPATH"):
            seen[name] = os.environ.get(name)
        for path in ("/novum/record", "/novum/cache", "/novum/python"):
            seen[path] = Path(path).exists()
        try:
            import novum.molecule.scores
            seen["novum"] = True
        except ImportError:
            seen["novum"] = False
        try:
            Path(os.environ["NOVUM_SERVICE"]).with_name("other").write_text("x")
            seen["writes"] = True
        except OSError:
            seen["writes"] = False
        print("SEEN", json.dumps(seen), flush=True)
        ask("one")
        """
    )
    assert result.state is TrialState.MEASURED, result.detail
    line = next(line for line in result.log.decode().splitlines() if line.startswith("SEEN"))
    assert not any(json.loads(line.removeprefix("SEEN")).values()), line


@confined_only
@pytest.mark.parametrize("allowed", [False, True])
def test_frozen_programs_have_a_network_and_secrets_only_when_the_lab_says_so(
    confined, allowed, monkeypatch
):
    monkeypatch.setenv("ASSAY_KEY", "secret")
    sandbox = confined.lab.sandbox.model_copy(
        update={"evaluator_network": allowed, "evaluator_variables": ("ASSAY_KEY",) * allowed}
    )
    confined.lab = confined.lab.model_copy(update={"sandbox": sandbox})
    confined.evaluate = """
import json, os
from pathlib import Path
routes = len(Path("/proc/self/net/route").read_text().splitlines())
told = {"asked": 1, "key": len(os.environ.get("ASSAY_KEY", "")), "routes": routes}
Path(os.environ["NOVUM_RESULT"]).write_text(json.dumps(told))
"""
    result = confined.run(
        "print('KEY', os.environ.get('ASSAY_KEY'), flush=True)\n"
        "print('ROUTES', len(open('/proc/self/net/route').readlines()), flush=True)\nask('one')"
    )
    assert result.state is TrialState.MEASURED, result.detail
    assert result.measurement.metrics["key"] == (6 if allowed else 0)
    here = len(Path("/proc/self/net/route").read_text().splitlines())
    assert result.measurement.metrics["routes"] == (here if allowed else 1)
    assert b"KEY None" in result.log and b"ROUTES 1\n" in result.log


def test_a_service_is_of_use_to_an_evaluator_only():
    without = LAB.replace('evaluate = ["python", "evaluate.py"]\n', "").replace(
        "cache = true\n", ""
    )
    with pytest.raises(Exception, match="a service is of use to an evaluator only"):
        parse_lab(without)
