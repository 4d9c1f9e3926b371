"""A git repository for a benchmark's lab."""

import subprocess
from pathlib import Path


def git(directory: Path, *words: str) -> None:
    """Run git there, as nobody in particular."""
    me = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    subprocess.run(["git", *me, *words], cwd=directory, check=True, capture_output=True)


def commit_all(directory: Path) -> None:
    """Make a repository of a directory, with one commit of all that is in it."""
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "start"]):
        git(directory, *words)
