"""What fixtures and tests share: git as a person uses it, the bed's score, a tiny lab of files."""

import subprocess
from pathlib import Path


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
