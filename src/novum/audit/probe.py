"""Is the frozen part out of reach? A program that tries is run as a trial of the lab is run."""

import hashlib
import json
import os
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from threading import Event
from typing import Any

from novum.audit.soundness import Finding, Level
from novum.campaign.slot import Slot, Task
from novum.dataset import Dataset
from novum.lab import LAB_FILE, Lab
from novum.records import TrialState
from novum.repo import Repo
from novum.runners import Order, Runner

SECONDS = 10.0
MOST = 200  # files of each kind that are tried
DESCRIPTION = 0.05  # of the held-out bytes: what may be the same, such as a file that describes
MARK = "PROBE "
_GIVEN = {
    *("PATH", "HOME", "TMPDIR", "LANG", "LC_CTYPE", "PWD", "OLDPWD", "SHLVL", "_"),
    *("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "CUDA_VISIBLE_DEVICES"),
}


def probe(
    lab: Lab, repo: Repo, commit: str, directory: Path, dataset: Dataset, slot: Slot, runner: Runner
) -> list[Finding]:
    """Run the probe in the lab's own sandbox, and say what it reached.

    Raises:
        OSError: if the disk does not take its files.
    """
    directory = directory.resolve()  # the probe is somewhere else
    order = slot.order(Task(commit, {}, 0, SECONDS))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        targets = _targets(lab, repo, commit, directory, order)
        targets["port"] = listener.getsockname()[1]
        order = replace(order, lab=_probing(lab, targets))
        result = runner.run(order, lambda pulse: None, Event())
    noticed = slot.restore()
    slot.close()
    told = [
        line.removeprefix(MARK)
        for line in result.log.decode("utf-8", "replace").splitlines()
        if line.startswith(MARK)
    ]
    if result.state is not TrialState.MEASURED or not told:
        words = f"the probe could not run ({result.state}: {result.detail}), so nothing is known"
        return [Finding(Level.CAUTION, "reach", words)]
    reached = json.loads(told[-1])
    return [
        *_frozen(reached["frozen"], noticed),
        *_files(lab, reached, dataset),
        *_copies(repo, commit, dataset),
        *_surroundings(lab, reached, str(Path.home())),
    ]


def _probing(lab: Lab, targets: Mapping[str, Any]) -> Lab:
    """The lab, with the probe in the place of the candidate's program."""
    program = (resources.files("novum.audit") / "trespass.py").read_text(encoding="utf-8")
    own = {"NOVUM_PROBE": json.dumps(targets), "NOVUM_PROBE_METRIC": lab.metric.name}
    trial = lab.trial.model_copy(
        update={
            "run": ("python", "-c", program),
            "evaluate": None,
            "holdout": None,
            "environment": lab.trial.environment | own,
        }
    )
    return lab.model_copy(update={"trial": trial})


def _targets(
    lab: Lab, repo: Repo, commit: str, directory: Path, order: Order
) -> dict[str, list[str] | str | int]:
    frozen = [path for path in sorted(repo.entries(commit)) if path not in lab.files.editable]
    heldout = _below(order.heldout) if order.heldout else []
    return {
        "frozen": frozen[:MOST],
        "pristine": [str(order.pristine / path) for path in frozen[:MOST]],
        "heldout": [*map(str, heldout[:MOST]), *_inside(heldout[:MOST], order.heldout)],
        "ledger": [str(path) for path in sorted((directory / ".novum").glob("ledger.db*"))],
        "lab": [str(directory / path) for path in (LAB_FILE, *lab.files.editable)],
        "home": str(Path.home()),
    }


def _inside(paths: Iterable[Path], heldout: Path | None) -> list[str]:
    """Where the evaluator sees the held-out files, if it is confined."""
    return [f"/novum/heldout/{path.relative_to(heldout)}" for path in paths if heldout]


def _below(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def _frozen(changed: list[str], noticed: set[str]) -> Iterator[Finding]:
    missed = sorted(set(changed) - noticed)
    if missed:
        words = f"a trial changed {_some(missed)} in its own directory, and it was not noticed"
        yield Finding(Level.PROBLEM, "frozen files", words)
    elif changed:
        files = "1 frozen file" if len(changed) == 1 else f"{len(changed)} frozen files"
        words = f"a trial that changes them is caught (tried on its own copy of {files})"
        yield Finding(Level.GOOD, "frozen files", words)
    else:
        yield Finding(Level.GOOD, "frozen files", "a trial cannot change even its own copy")


def _files(lab: Lab, reached: Mapping[str, Any], dataset: Dataset) -> Iterator[Finding]:
    remedy = "; confine trials: `novum check` without --deep says how"
    subjects = [
        ("ledger", "ledger", "a trial can write the ledger"),
        ("lab", "your lab", "a trial can write the files of your directory"),
    ]
    if not lab.self_reported:
        subjects.insert(0, ("pristine", "evaluator", "a trial can write the evaluator's own files"))
    if dataset.heldout is not None:
        subjects.insert(0, ("heldout", "held-out data", "a trial can read it"))
    elif not lab.self_reported:
        yield Finding(
            Level.CAUTION,
            "held-out data",
            "there is none, for there is no `prepare`: what the evaluator measures with is tracked "
            "by git, so a trial can read it",
        )
    for key, subject, words in subjects:
        found = reached[key]
        if found:
            yield Finding(Level.PROBLEM, subject, f"{words}: {_some(found)}{remedy}")
        else:
            yield Finding(Level.GOOD, subject, "out of a trial's reach")


def _copies(repo: Repo, commit: str, dataset: Dataset) -> Iterator[Finding]:
    """Held-out files whose content a trial is handed anyway, unless they are a small part of it."""
    if dataset.heldout is None:
        return
    tracked = {entry.blob: path for path, entry in repo.entries(commit).items()}
    given = {_digest(path): path.name for path in _below(dataset.data)} if dataset.data else {}
    files = _below(dataset.heldout)
    twins = {path: tracked.get(_blob(path)) or given.get(_digest(path)) for path in files}
    copied = [path for path in files if twins[path] is not None]
    whole = sum(path.stat().st_size for path in files)
    if sum(path.stat().st_size for path in copied) > DESCRIPTION * whole:
        largest = max(copied, key=lambda path: path.stat().st_size)
        yield Finding(
            Level.PROBLEM,
            "held-out data",
            f"{largest.name} is the same as {twins[largest]}, which every trial is given; hold "
            "other data out in `prepare`",
        )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _blob(path: Path) -> str:
    """The name that git gives to a file's content."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _surroundings(lab: Lab, reached: Mapping[str, Any], home: str) -> Iterator[Finding]:
    allowed = _leading(home, [*lab.sandbox.readable, sys.prefix, sys.base_prefix, sys.executable])
    names = [name for name in reached["home"] if name not in allowed]
    yield (
        Finding(Level.CAUTION, "home", f"a trial sees your home directory: {_some(names)}")
        if names
        else Finding(Level.GOOD, "home", "a trial sees nothing of your home directory")
    )
    ways = [
        way
        for way, key in (("programs on this machine", "port"), ("other machines", "route"))
        if reached[key]
    ]
    yield (
        Finding(Level.CAUTION, "network", f"a trial can reach {' and '.join(ways)}")
        if ways
        else Finding(Level.GOOD, "network", "a trial has none")
    )
    known = _GIVEN | lab.trial.environment.keys()
    passed = [
        name
        for name in reached["environment"]
        if name in os.environ and name not in known and not name.startswith("NOVUM_")
    ]
    if passed:
        words = f"a trial sees variables of yours: {_some(passed)}"
        yield Finding(Level.CAUTION, "environment", words)


def _leading(home: str, paths: Iterable[str]) -> set[str]:
    """The names in the home directory that lead to what a trial may read."""
    found = [Path(path).expanduser() for path in paths]
    inside = [path.relative_to(home) for path in found if path.is_relative_to(home)]
    return {path.parts[0] for path in inside if path.parts}


def _some(names: list[str]) -> str:
    more = f", and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
