"""A place to attack: a real lab with secrets around it, where one trial after another is run."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from attack import LEFT, Attack

from novum.campaign.slot import Slot, Task
from novum.dataset import Dataset
from novum.lab import Lab, parse_lab
from novum.ledger.home import make_home
from novum.records import TrialResult, TrialState
from novum.repo import Repo
from novum.runners.local import LocalRunner
from novum.sandbox import detect

FIRST = "# first"  # a program that begins so stands before all else
SECRET = "NOVUM-SECRET"


@dataclass(frozen=True)
class Place:
    """A lab in which attacks are tried, in the same slot; `before` and `after` frame a program."""

    path: Path
    slot: Slot
    runner: LocalRunner
    start: str
    seconds: float
    before: str = ""
    after: str = ""

    def run(self, program: str) -> TrialResult:
        """Run a program in the place of the editable file, as a trial."""
        parts = (self.before, program) if not program.startswith(FIRST) else (program, self.before)
        text = "\n".join([*parts, self.after])
        task = Task(self.start, {"train.py": text}, 1, self.seconds, overtime=0.0)
        return self.slot.run(task, lambda pulse: None, threading.Event())

    def tried(self, attack: Attack) -> TrialResult:
        """What came of an attack; one that leaves things is itself the next that looks for them."""
        first = self.run(attack.program)
        return self.run(attack.program) if attack.kind.startswith(LEFT) else first

    def honest_score(self) -> float:
        """What the program is worth to which an attack does nothing."""
        result = self.run("")
        assert result.state is TrialState.MEASURED, (result.detail, result.log[-2000:])
        assert result.measurement.metric > 0.001  # better ones can be claimed
        return result.measurement.metric

    def other(self, lab: str, directory: Path, dataset: Dataset | None = None) -> "Place":
        """Another lab on the same files; the program alone is its editable file."""
        slot = Slot(Repo(self.path), directory, parse_lab(lab), self.start, dataset or Dataset(),
                    self.runner, directory)  # fmt: skip
        return Place(self.path, slot, self.runner, self.start, self.seconds)


def furnish(path: Path, lab: Lab, dataset: Dataset, seconds: float, port: int,
            frame: tuple[str, str]) -> Place:  # fmt: skip
    """A place in a committed lab, with secrets of the person's, and what other trials left."""
    home = path.parent / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_rsa").write_text(SECRET)
    state = make_home(path)
    for name in ("cache", "slots/1/scratch/artifacts", "t/artifacts/3"):
        (state / name).mkdir(parents=True)
    left = ("slots/1/scratch/artifacts/model.json", "t/artifacts/3/model.json")
    for name in ("ledger.db", "cache/oracles.db", *left):
        (state / name).write_text(SECRET)
    repo, runner = Repo(path), LocalRunner(detect())
    slot = Slot(repo, state / "slots/0", lab, repo.head(), dataset, runner, state / "cache")
    heldout = [str(p) for p in dataset.heldout.iterdir()]
    inside = [f"/novum/heldout/{Path(name).name}" for name in heldout]
    refs = ["HEAD", "index", "config", "refs/heads/main", "refs/novum/t/00001", "hooks/post-commit"]
    names = {
        "HELDOUT": heldout + inside,
        "SECRETS": [str(home / ".ssh/id_rsa"), "/etc/shadow", str(path / "train.py")],
        "LEDGER": [str(state / "ledger.db"), str(state / "cache/oracles.db"), "/novum/cache"],
        "OBJECTS": [str(path / ".git" / name) for name in refs],
        "OTHERS": [*(str(state / name) for name in left),
                   str(state / "slots/0/pristine/evaluate.py")],
        "PORT": port,
    }  # fmt: skip
    targets = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    before, after = frame
    return Place(path, slot, runner, repo.head(), seconds, before + targets, after)


@contextmanager
def machine() -> Iterator[int]:
    """A machine with a secret in its environment, and servers that listen: their number."""
    with pytest.MonkeyPatch.context() as patch, socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        with socket.socket(socket.AF_UNIX) as abstract:
            abstract.bind(f"\0novum-attack-{port}")
            abstract.listen()
            yield port


READABLE = """\
import json, os, pathlib, sys, time
artifacts, got = pathlib.Path(os.environ["NOVUM_ARTIFACTS"]), []
def tell(line):
    with open(os.environ["NOVUM_PROGRESS"], "a") as file:
        file.write(json.dumps(line) + "\\n")
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
def writable(paths):
    found = []
    for path in paths:
        try:
            with open(path, "ab"):
                found.append(path)
        except OSError:
            pass
    return found
"""
END = """
if got:
    print("GOT", got)
"""
