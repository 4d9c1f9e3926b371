"""A scripted model behind a real socket, a small lab, and what is asked and noted there."""

from dataclasses import dataclass, field

from novum.briefing import Briefing
from novum.lab import parse_lab
from novum.records import Proposal, Usage
from novum.researchers import Desk
from novum.researchers.chat import Chat
from novum.testing.models import ModelServer

KEY = "sk-planted-0123456789abcdef"
TRAIN = """\
import math

LR = 0.1
BATCH = 16


def schedule(step):
    warm = min(1.0, step / 10)
    return LR * warm


def train():
    for step in range(100):
        rate = schedule(step)
        if step % 10 == 0:
            print("step", step)
    return rate
"""
FILES = {"train.py": TRAIN, "model.py": "WIDTH = 8\nDEPTH = 2\n"}
LAB = """\
[lab]
name = "small"
[metric]
name = "v"
direction = "minimize"
[budget]
seconds = 3
[files]
editable = ["train.py", "model.py"]
[trial]
run = ["python", "train.py"]
[researcher]
use = "chat"
"""
PRICES = """
[chat.prices."anthropic/m"]
input = 5.0
output = 25.0
cached = 0.5
[chat.prices."openai/m"]
input = 5.0
output = 25.0
cached = 0.5
[chat.prices."gemini/m"]
input = 5.0
output = 25.0
cached = 0.5
"""
ADDRESSES = {  # the variable that holds a provider's address, and what follows the server's
    "anthropic": ("ANTHROPIC_BASE_URL", ""),
    "openai": ("OPENAI_BASE_URL", "/v1"),
    "gemini": ("GOOGLE_GEMINI_BASE_URL", ""),
}
PROVIDERS = sorted(ADDRESSES)


def block(search: str, replace: str, path: str = "train.py") -> str:
    return f"FILE: {path}\n<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"


def answer(*blocks: str, title="Halve the batch", expected="-0.01", kind="optimiser") -> str:
    head = f"TITLE: {title}\nHYPOTHESIS: More steps.\nEXPECTED: {expected}\nKIND: {kind}\n\n"
    return head + "\n".join(blocks or [block("BATCH = 16", "BATCH = 8")])


GOOD = answer()


def briefing(number: int = 1, *, text: str = "The question, and the files.", **more) -> Briefing:
    lab = more.pop("lab", None) or parse_lab(LAB + PRICES)
    files = more.pop("files", FILES)
    known = {"tried": frozenset(), "recent": ()} | more
    return Briefing(lab, "0" * 40, files, number=number, text=text, **known)


@dataclass
class Bench:
    """A chat with a scripted model, its desk, and what was noted there."""

    server: ModelServer
    chat: Chat
    desk: Desk
    spent: list[Usage] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)

    def propose(self, **more) -> Proposal | None:
        return self.chat.propose(briefing(**more), self.desk)

    @property
    def total(self) -> Usage:
        return sum(self.spent, Usage())

    def said(self, name: str) -> list[str]:
        return [text for what, text in self.kept if what == name]
