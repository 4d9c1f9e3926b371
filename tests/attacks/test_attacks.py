"""Cheats, as real patches to real labs, run as trials are run; each with the promised outcome.

`python tests/attacks/test_attacks.py --write` runs all of them and renews the table in
`docs/security.md`.
"""

import json
import socket
import sys
import tempfile
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1]))  # when it is run by itself

from attack_cases import PRINTED, REFUSED, SHARED, Attack

from bed_cases import git
from novum.campaign.slot import Slot, Task
from novum.dataset import Dataset
from novum.lab import parse_lab
from novum.ledger.home import make_home
from novum.records import TrialResult, TrialState
from novum.repo import Repo
from novum.runners.local import LocalRunner
from novum.sandbox import detect

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
pytestmark = pytest.mark.skipif(detect().tool == "none", reason="these promises need the sandbox")

LAB = """\
[lab]
name = "attacked"
[metric]
name = "mse"
direction = "minimize"
[budget]
seconds = 0.5
startup = 10
grace = 0.6
timeout = 6
evaluation = 2
memory_mb = 200
disk_mb = 20
log_mb = 1
processes = 30
[files]
editable = ["train.py"]
[trial]
run = ["python", "train.py"]
evaluate = ["python", "evaluate.py"]
"""
EVALUATE = """\
import json, math, os, stat
from pathlib import Path
path = Path(os.environ["NOVUM_ARTIFACTS"], "model.json")
descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
if not stat.S_ISREG(os.fstat(descriptor).st_mode):
    raise SystemExit("the model is no file")
with os.fdopen(descriptor, "rb") as file:
    weights = [float(x) for x in json.loads(file.read(1 << 16))]
points = json.loads(Path(os.environ["NOVUM_HELDOUT"], "validation.json").read_text())
guess = lambda x: sum(w * x**n for n, w in enumerate(weights))
mse = sum((guess(x) - y) ** 2 for x, y in points) / len(points)
Path(os.environ["NOVUM_RESULT"]).write_text(json.dumps({"mse": mse}))
"""
START = """\
import json, os, pathlib, sys, time
artifacts, got = pathlib.Path(os.environ["NOVUM_ARTIFACTS"]), []
with open(os.environ["NOVUM_PROGRESS"], "a") as file:
    file.write('{"event": "start"}\\n')
def save(weights):
    (artifacts / "model.json").write_text(json.dumps(weights))
def readable(paths, content=False):
    found = []
    for path in paths:
        try:
            with open(path, "rb") as file:
                text = file.read(65536).decode("latin-1")
            found.append(text if content else path)
        except OSError:
            if os.path.isdir(path):
                found.append(path)
    return found
save([1.0, 0.4])
"""
END = """
if got:
    print("GOT", got)
"""


@dataclass
class Attacked:
    """The small lab, in which one attack after another is tried, in the same slot."""

    path: Path
    slot: Slot
    runner: LocalRunner
    start: str
    targets: str
    outcomes: dict[str, str] = field(default_factory=dict)

    def run(self, program: str) -> TrialResult:
        text = f"{START}{self.targets}{program}\n{END}"
        task = Task(self.start, {"train.py": text}, 1, 0.5, overtime=0.0)
        return self.slot.run(task, lambda pulse: None, threading.Event())


def build(path: Path, port: int) -> Attacked:
    """The lab, its held-out data, secrets of the person's, and what other trials left."""
    home = path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_rsa").write_text("NOVUM-SECRET")
    lab = path / "lab"
    lab.mkdir()
    files = {"lab.toml": LAB, "evaluate.py": EVALUATE, "train.py": START, "notes.txt": "frozen\n"}
    for name, text in files.items():
        (lab / name).write_text(text)
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "start"]):
        git(lab, *words)
    state = make_home(lab)
    for name in ("data/train", "data/heldout", "cache", "slots/1/scratch/artifacts"):
        (state / name).mkdir(parents=True)
    for name in ("ledger.db", "cache/oracles.db", "slots/1/scratch/artifacts/model.json"):
        (state / name).write_text("NOVUM-SECRET")
    points = [(x / 50, 1 + x / 100) for x in range(-50, 50)]
    (state / "data/heldout/validation.json").write_text(json.dumps(points))
    repo, runner = Repo(lab), LocalRunner(detect())
    dataset = Dataset(state / "data/train", state / "data/heldout", "digest")
    start = repo.head()
    slot = Slot(repo, state / "slots/0", parse_lab(LAB), start, dataset, runner, state / "cache")
    heldout = [str(state / "data/heldout/validation.json"), "/novum/heldout/validation.json"]
    names = {
        "HELDOUT": heldout,
        "SECRETS": [str(home / ".ssh/id_rsa"), "/etc/shadow", str(lab / "train.py")],
        "LEDGER": [str(state / "ledger.db"), str(state / "cache/oracles.db"), "/novum/cache"],
        "OBJECTS": [str(lab / ".git/HEAD"), str(lab / ".git/index")],
        "OTHERS": [
            str(state / "slots/1/scratch/artifacts/model.json"),
            str(state / "slots/0/pristine/evaluate.py"),
        ],
        "PORT": port,
    }
    targets = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    return Attacked(lab, slot, runner, start, targets)


@contextmanager
def surroundings(path: Path) -> Iterator[Attacked]:
    """The lab, on a machine with a secret in its environment and servers that listen."""
    with pytest.MonkeyPatch.context() as patch, socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        patch.setenv("AWS_SECRET_ACCESS_KEY", "NOVUM-SECRET")
        with socket.socket(socket.AF_UNIX) as abstract:
            abstract.bind(f"\0novum-attack-{port}")
            abstract.listen()
            yield build(path, port)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory) -> Iterator[Attacked]:
    with surroundings(tmp_path_factory.mktemp("attacked")) as there:
        yield there


@pytest.fixture(scope="module")
def honest(attacked) -> float:
    return honest_score(attacked)


def honest_score(attacked: Attacked) -> float:
    result = attacked.run("")
    assert result.state is TrialState.MEASURED, result.detail
    assert result.measurement.metric > 0.001  # better ones can be claimed
    return result.measurement.metric


def broken_promise(attack: Attack, result: TrialResult, honest: float) -> str:
    """What was promised and does not hold, or nothing."""
    if result.state not in attack.states:
        return f"it ended as {result.state}: {result.detail}"
    if result.state is TrialState.MEASURED and result.measurement.metric != honest:
        return f"its score is {result.measurement.metric}, not the honest {honest}"
    if result.state is not TrialState.MEASURED and result.measurement is not None:
        return "it has a score although it was refused"
    lines = result.log.decode("utf-8", "replace").splitlines()
    return next((line for line in lines if line.startswith("GOT")), "")


@pytest.mark.parametrize("attack", SHARED, ids=lambda attack: attack.name.replace(" ", "-"))
def test_a_cheat_gains_nothing(attack, attacked, honest):
    result = attacked.run(attack.text)
    assert broken_promise(attack, result, honest) == "", result.log[-2000:]
    after = attacked.run("")  # and the next trial finds nothing of it
    assert (after.state, after.detail) == (TrialState.MEASURED, "")
    assert after.measurement.metric == honest
    assert git(attacked.path, "status", "--short") == ""
    assert git(attacked.path, "rev-parse", "HEAD") == attacked.start


PRINTING_LAB = LAB.replace('name = "mse"', 'name = "score"').replace(
    'evaluate = ["python", "evaluate.py"]\n', ""
)


@pytest.mark.parametrize("name", PRINTED, ids=lambda name: name.replace(" ", "-"))
def test_a_program_that_prints_its_score_can_print_only_a_number(name, attacked, tmp_path):
    result = printed(name, attacked, tmp_path)
    assert (result.state, result.measurement) == (TrialState.INVALID, None), result.log[:200]


def printed(name: str, attacked: Attacked, path: Path) -> TrialResult:
    lab, repo = parse_lab(PRINTING_LAB), Repo(attacked.path)
    slot = Slot(repo, path / "slot", lab, attacked.start, Dataset(), attacked.runner, path)
    task = Task(attacked.start, {"train.py": textwrap.dedent(PRINTED[name])}, 1, 0.5)
    return slot.run(task, lambda pulse: None, threading.Event())


def test_the_table_in_the_docs_has_every_attack():
    rows = [line.split(" | ")[1] for line in PAGE.read_text().splitlines() if " | " in line]
    names = [attack.name for attack in SHARED] + list(PRINTED)
    assert [row for row in rows if row in names] == names


def table(path: Path) -> str:
    """Every attack with its promise, and what came of it just now."""
    lines = ["| of | attack | promise | outcome |", "|---|---|---|---|"]
    with surroundings(path) as attacked:
        honest = honest_score(attacked)
        for attack in SHARED:
            result = attacked.run(attack.text)
            broken = broken_promise(attack, result, honest)
            score = "the honest score" if result.measurement else "no score"
            came = f"**{broken}**" if broken else f"`{result.state}`, {score}"
            lines.append(f"| {attack.kind} | {attack.name} | {attack.promise} | {came} |")
        for name in PRINTED:
            result = printed(name, attacked, path / name.replace(" ", "-"))
            lines.append(f"| a printed number | {name} | {REFUSED} | `{result.state}` |")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as directory:
        made = table(Path(directory))
    before, _, rest = PAGE.read_text().partition("<!-- attacks -->\n")
    after = rest.partition("<!-- /attacks -->")[2]
    PAGE.write_text(f"{before}<!-- attacks -->\n{made}\n<!-- /attacks -->{after}")
