"""Where stand-ins for coding agents play: a lab, a person's home, programs on the PATH."""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from novum.briefing import Briefing
from novum.lab import parse_lab
from novum.records import Proposal, Usage
from novum.researchers import Desk
from novum.researchers.agent import Agent

SCRIPTS = Path(__file__).parent
TEXT = "What was tried: nothing yet.\n"
LOWER = 'write("train.py", "x = -1\\n"); note(); say("I lowered x.")'


@dataclass
class Stage:
    """One person's machine, with stand-ins installed."""

    bed: object
    place: Path
    home: Path
    kept: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    spent: list[Usage] = field(default_factory=list)

    def install(self, name: str, script: str = "stand_in.py") -> Path:
        """Put a stand-in on the PATH under a name."""
        target = self.place / "bin" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"#!{sys.executable}\n" + (SCRIPTS / script).read_text())
        target.chmod(0o755)
        return target

    def plan(self, *turns: str) -> None:
        """What the stand-in does, turn by turn; the last one again and again."""
        (self.place / "plan.json").write_text(json.dumps(turns))

    def agent(self, choice: str = "claude", more: str = "", protocol: str = "command") -> Agent:
        text = (self.bed.path / "lab.toml").read_text()
        table = f'\n[agent]\nprotocol = "{protocol}"\ntimeout = 30.0\n'
        lab = parse_lab(text + table + more)
        agent = Agent.for_lab(lab, self.bed.path, choice)
        agent._pauses = (0.0, 0.0)
        return agent

    def desk(self, **more) -> Desk:
        return Desk(
            keep=self.kept.__setitem__,
            notice=self.notices.append,
            on_spend=self.spent.append,
            **more,
        )

    def briefing(self, number: int = 1, parent: str = "") -> Briefing:
        lab = self.bed.lab
        parent = parent or self.bed.repo.head()
        files = self.bed.repo.files(parent, lab.files.editable)
        return Briefing(lab, parent, files, frozenset(), (), number=number, text=TEXT)

    def ask(self, agent: Agent, number: int = 1, **more) -> Proposal | None:
        return agent.propose(self.briefing(number), self.desk(**more))

    @property
    def output(self) -> str:
        """All that the agents printed."""
        return "\n".join(v for k, v in self.kept.items() if not k.startswith(("prompt", "hosts")))


def alive(pid: int) -> bool:
    """Whether a process still runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def processes_with(word: str) -> list[int]:
    """The processes whose command line holds a word."""
    found = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit() and int(directory.name) != os.getpid():
            try:
                line = (directory / "cmdline").read_bytes()
            except OSError:
                continue
            found += [int(directory.name)] if word.encode() in line else []
    return [pid for pid in found if alive(pid)]
