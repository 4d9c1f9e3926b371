"""What fixtures and tests share: git as a person uses it, the bed, a tiny lab of files."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from novum.campaign import Machine, Parts
from novum.campaign.events import Event
from novum.dataset import Dataset
from novum.judge.policies import judge_named
from novum.lab import Lab, parse_lab
from novum.ledger import Campaign, Experiment, Ledger
from novum.records import Edit, Proposal
from novum.repo import Repo
from novum.search import Greedy
from novum.standing import Standing
from novum.testing import InstantRunner, ScriptedResearcher


def git(directory: Path, *arguments: str) -> str:
    """What git says; an error is a failure of the test."""
    done = subprocess.run(["git", *arguments], cwd=directory, capture_output=True, text=True)
    assert done.returncode == 0, f"git {arguments}: {done.stderr}"
    return done.stdout.strip()


def score(order) -> float:
    """The metric of the bed's lab: what `train.py` says, plus one."""
    text = (order.tree / "train.py").read_text()
    return 1.0 + float(text.split("x =")[1].split()[0])


TINY_LAB = """[lab]
name = "tiny"
[metric]
name = "score"
direction = "minimize"
[budget]
seconds = 20
grace = 2
[files]
editable = ["x.txt"]
[trial]
run = ["sh", "run.sh"]
"""


def idea(key: str, text: str) -> str:
    return (
        f'[[idea]]\nkey = "{key}"\ntitle = "Try {key}"\n'
        f'[[idea.edit]]\nfile = "x.txt"\nreplace = "{text}\\n"\n'
    )


def tiny_lab(path: Path, run: str) -> Path:
    """A committed lab whose trials are `run` with what `x.txt` holds, and three ideas for that."""
    path.mkdir()
    ideas = [idea("worse", "6.00 0"), idea("better", "4.00 0"), idea("best", "3.00 0")]
    files = {"lab.toml": TINY_LAB, "run.sh": run, "x.txt": "5.00 0\n"}
    for name, text in (files | {"ideas.toml": "\n".join(ideas)}).items():
        (path / name).write_text(text)
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "start"]):
        git(path, *words)
    return path


LAB = """\
[lab]
name = "bed"

[metric]
name = "v"
direction = "minimize"

[budget]
seconds = 3

[files]
editable = ["train.py", "model.py"]
frozen = ["evaluate.py"]

[trial]
run = ["python", "train.py"]

[judge]
policy = "greedy"
baseline_runs = 1

[confirm]
at_end = false
"""
FILES = {
    "lab.toml": LAB,
    "train.py": "x = 0\n",
    "model.py": "width = 8\ndepth = 2\n",
    "evaluate.py": "# frozen\n",
    "notes/plan.txt": "the person's plan\n",
}


@dataclass
class Bed:
    """A person's lab in a git repository, and the campaigns that tests start in it."""

    path: Path
    events: list[Event] = field(default_factory=list)
    _ledgers: list[Ledger] = field(default_factory=list)

    def git(self, *arguments: str) -> str:
        return git(self.path, *arguments)

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text)

    def commit(self, message: str = "more", **files: str) -> str:
        self.write(files)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def toml(self, text: str) -> None:
        """Replace `lab.toml`, and commit it."""
        self.write({"lab.toml": text})
        self.commit("lab.toml")

    @property
    def lab(self) -> Lab:
        return parse_lab((self.path / "lab.toml").read_text())

    @property
    def repo(self) -> Repo:
        return Repo(self.path)

    @property
    def ledger(self) -> Ledger:
        """The ledger, opened once."""
        return self._ledgers[0] if self._ledgers else self.another_ledger()

    def another_ledger(self) -> Ledger:
        """One more connection, as another process would have."""
        self._ledgers.append(Ledger(self.path))
        return self._ledgers[-1]

    def close(self) -> None:
        for ledger in self._ledgers:
            ledger.close()
        self._ledgers.clear()

    def campaign(self, tag: str = "t") -> Campaign:
        """The campaign of that tag, begun if need be."""
        found = self.ledger.campaign(tag)
        if found is not None:
            return found
        text = (self.path / "lab.toml").read_text()
        settings = {"seconds": 3, "researcher": "scripted", "target": None}
        return self.ledger.start_campaign(tag, text, settings, self.repo.head(), {})

    def machine(
        self, ideas: Iterable[Proposal] = (), measure=score, *, observers=(), **parts
    ) -> Machine:
        """A machine as a new process would put it together: from the ledger and the repository."""
        campaign = self.campaign()
        lab = parse_lab(campaign.lab)
        parts = {
            "runner": measure if hasattr(measure, "run") else InstantRunner(measure),
            "judge": judge_named(lab.policy),
            "search": Greedy(),
            "researcher": ScriptedResearcher(ideas),
        } | parts
        standing = Standing.read(self.ledger, lab, campaign)
        watchers = [self.events.append, *observers]
        return Machine(self.ledger, self.repo, standing, Parts(**parts), Dataset(), watchers)

    def run(self, ideas: Iterable[Proposal] = (), measure=score, count=None, **more) -> None:
        self.machine(ideas, measure, **more).run(count)

    def experiments(self) -> list[Experiment]:
        return self.ledger.experiments(self.campaign().id)

    def verdicts(self) -> list[str]:
        return [str(e.verdict.outcome) if e.verdict else "open" for e in self.experiments()]

    def trial_states(self) -> list[str]:
        return [str(trial.state) for trial in self.ledger.all_trials(self.campaign().id)]

    def told(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def branch(self) -> str | None:
        return self.repo.target("refs/heads/autoresearch/t")

    @staticmethod
    def idea(value: object, key: str = "", **more) -> Proposal:
        """An idea that sets the score."""
        edits = (Edit("train.py", None, f"x = {value}\n"),)
        return Proposal(f"set x to {value}", edits, key=key or f"x={value}", **more)


def make_bed(path: Path) -> Bed:
    """A lab in a new directory, committed."""
    path.mkdir()
    made = Bed(path)
    made.write(FILES)
    made.git("init", "-q", "-b", "main")
    made.commit("start")
    return made
