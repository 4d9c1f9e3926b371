"""What a lab's `prepare` command leaves: made once, kept under a key, known by a digest.

`prepare` is the person's own program, so it runs as the person, with the network. It fills two
directories: `NOVUM_DATA`, which trials may read, and `NOVUM_HELDOUT`, which is mounted for the
evaluator alone.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from novum import place
from novum.errors import CampaignError
from novum.lab import LAB_FILE, PROGRAM_FILE, Lab
from novum.repo import Repo


@dataclass(frozen=True, slots=True)
class Dataset:
    """The two directories, and the digest of all that is in them; None and "" without `prepare`."""

    data: Path | None = None
    heldout: Path | None = None
    digest: str = ""


def prepared(
    lab: Lab, repo: Repo, commit: str, tree: Path, home: Path, say: Callable[[str], None]
) -> Dataset:
    """The lab's dataset, made now if it is not there yet. `tree` holds the files of `commit`.

    Raises:
        CampaignError: if `prepare` fails, with the last lines of what it said.
    """
    if lab.trial.prepare is None:
        return Dataset()
    final = home / "data" / _key(lab, repo, commit)
    mark = final / "digest"
    if not mark.is_file():
        say(f"preparing data: {' '.join(lab.trial.prepare)}")
        partial = final.with_suffix(".partial")
        try:
            shutil.rmtree(partial, ignore_errors=True)
            _run(lab.trial.prepare, tree, partial, say)
            (partial / "digest").write_text(_digest(partial), encoding="utf-8")
            shutil.rmtree(final, ignore_errors=True)
            partial.rename(final)
        except OSError as error:
            raise CampaignError(f"the data cannot be prepared: {error}") from None
    return Dataset(final / "train", final / "heldout", mark.read_text(encoding="utf-8"))


def _key(lab: Lab, repo: Repo, commit: str) -> str:
    """Of what the data depends on: the command, the frozen programs, the interpreter."""
    other = {*lab.files.editable, LAB_FILE, PROGRAM_FILE, lab.researcher.backlog}
    frozen = {path: entry.blob for path, entry in repo.entries(commit).items() if path not in other}
    text = json.dumps([lab.trial.prepare, frozen, sys.version], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _run(command: tuple[str, ...], tree: Path, partial: Path, say: Callable[[str], None]) -> None:
    train, heldout = partial / "train", partial / "heldout"
    train.mkdir(parents=True)
    heldout.mkdir()
    environment = os.environ | {
        "PATH": place.PATH,
        "NOVUM_DATA": str(train),
        "NOVUM_HELDOUT": str(heldout),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    executable = shutil.which(command[0], path=place.PATH)
    if executable is None:
        raise CampaignError(f"the prepare command `{command[0]}` was not found")
    lines: list[str] = []
    with subprocess.Popen(
        [executable, *command[1:]],
        cwd=tree,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            lines = [*lines[-19:], line.rstrip()]
            say(f"  {line.rstrip()}")
    if process.returncode != 0:
        tail = "\n".join(lines[-5:])
        raise CampaignError(f"the prepare command failed ({' '.join(command)}):\n{tail}")


def _digest(directory: Path) -> str:
    """SHA-256 over the names and contents of all files below, in the order of their names."""
    total = hashlib.sha256()
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{path.relative_to(directory).as_posix()} {content}\n".encode())
    return total.hexdigest()
