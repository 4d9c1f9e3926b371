"""What the fixtures and some tests share: git as a person uses it, and the score of the bed."""

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
