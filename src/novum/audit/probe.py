"""Is the frozen part out of reach? A program that tries is run as a trial of the lab is run."""

import hashlib
import json
import os
import platform
import socket
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
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
from novum.sandbox.seccomp import MACHINES

SECONDS = 10.0
MOST = 200  # files of each kind that are tried
DESCRIPTION = 0.05  # of the held-out bytes: what may be the same, such as a file that describes
MARK = "PROBE "
REMEDY = "; confine trials: `novum check` without --deep says how"
_PACKAGE = Path(__file__).resolve().parents[1]
_GIVEN = {
    *("PATH", "HOME", "TMPDIR", "LANG", "LC_CTYPE", "PWD", "OLDPWD", "SHLVL", "_"),
    *("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "CUDA_VISIBLE_DEVICES"),
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """Something out of bounds that was tried, and what came of it.

    `reached` says what was reached, in words; `untried` why it could not be tried. Both are empty
    where it was tried in vain, and `held` says so.
    """

    subject: str
    cheat: str
    held: str
    reached: str = ""
    untried: str = ""
    level: Level = Level.PROBLEM  # how grave it is if it was reached

    def finding(self) -> Finding:
        """What a check says of it."""
        if self.untried:
            return Finding(Level.CAUTION, self.subject, self.untried)
        if self.reached:
            return Finding(self.level, self.subject, self.reached)
        return Finding(Level.GOOD, self.subject, self.held)


def attempts(
    lab: Lab, repo: Repo, commit: str, directory: Path, dataset: Dataset, slot: Slot, runner: Runner
) -> list[Attempt]:
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
        return [Attempt("reach", "reaches out of its directory", "", untried=words)]
    reached = json.loads(told[-1])
    return [
        _frozen(reached["frozen"], noticed),
        *_files(lab, reached, dataset),
        *_copies(repo, commit, dataset),
        *_surroundings(lab, reached, str(Path.home())),
        _kernel(reached["kernel"], targets["calls"]),
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


def _targets(lab: Lab, repo: Repo, commit: str, directory: Path, order: Order) -> dict[str, Any]:
    frozen = [path for path in sorted(repo.entries(commit)) if path not in lab.files.editable]
    heldout = _below(order.heldout) if order.heldout else []
    machine = MACHINES.get(platform.machine()) if sys.platform == "linux" else None
    return {
        "frozen": frozen[:MOST],
        "pristine": [str(order.pristine / path) for path in frozen[:MOST]],
        "heldout": [*map(str, heldout[:MOST]), *_inside(heldout[:MOST], order.heldout)],
        "ledger": [str(path) for path in sorted((directory / ".novum").glob("ledger.db*"))],
        "lab": [str(directory / path) for path in (LAB_FILE, *lab.files.editable)],
        "home": str(Path.home()),
        "novum": [str(_PACKAGE / "__init__.py"), str(Path(__file__).resolve())],
        "git": [str(repo.git_dir / "HEAD"), str(directory / ".git")],
        "interpreter": [sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")],
        "process": [os.getpid(), _started()],
        "calls": dict(machine.forbidden) if machine else {},
    }


def _started() -> str:
    """When this process was started, as the kernel counts; with its number no other has it."""
    try:
        return Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _inside(paths: Iterable[Path], heldout: Path | None) -> list[str]:
    """Where the evaluator sees the held-out files, if it is confined."""
    return [f"/novum/heldout/{path.relative_to(heldout)}" for path in paths if heldout]


def _below(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def _frozen(changed: list[str], noticed: set[str]) -> Attempt:
    missed = sorted(set(changed) - noticed)
    files = "1 frozen file" if len(changed) == 1 else f"{len(changed)} frozen files"
    held = f"a trial that changes them is caught (tried on its own copy of {files})"
    return Attempt(
        "frozen files",
        "rewrites frozen files, the evaluator among them",
        held if changed else "a trial cannot change even its own copy",
        f"a trial changed {_some(missed)} in its own directory, and it was not noticed"
        if missed
        else "",
    )


def _files(lab: Lab, reached: Mapping[str, Any], dataset: Dataset) -> Iterator[Attempt]:
    if dataset.heldout is not None:
        yield _file(reached, "heldout", "held-out data", "reads held-out data", "read it")
    elif not lab.self_reported:
        yield Attempt(
            "held-out data",
            "reads held-out data",
            "",
            untried="there is none, for there is no `prepare`: what the evaluator measures with is "
            "tracked by git, so a trial can read it",
        )
    if not lab.self_reported:
        words = "write the evaluator's own files"
        yield _file(reached, "pristine", "evaluator", "writes the files of the evaluator", words)
    yield _file(reached, "ledger", "ledger", "writes the ledger", "write the ledger")
    words = "write the files of your directory"
    yield _file(reached, "lab", "your lab", "writes the files of your directory", words)
    words = "read its objects and refs"
    yield _file(reached, "git", "git", "reads git's objects", words, Level.CAUTION)
    words = "read the package's code"
    yield _file(reached, "novum", "novum", "reads Novum's own code", words, Level.CAUTION)
    words = "write where Python finds what it imports"
    yield _file(reached, "interpreter", "interpreter", "plants a start-up file in Python", words)


def _file(
    reached: Mapping[str, Any],
    key: str,
    subject: str,
    cheat: str,
    words: str,
    level: Level = Level.PROBLEM,
) -> Attempt:
    found = reached[key]
    told = f"a trial can {words}: {_some(found)}{REMEDY}" if found else ""
    return Attempt(subject, cheat, "out of a trial's reach", told, level=level)


def _copies(repo: Repo, commit: str, dataset: Dataset) -> Iterator[Attempt]:
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
        yield Attempt(
            "held-out data",
            "finds held-out data in what it is given",
            "",
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


def _surroundings(lab: Lab, reached: Mapping[str, Any], home: str) -> Iterator[Attempt]:
    allowed = _leading(home, [*lab.sandbox.readable, sys.prefix, sys.base_prefix, sys.executable])
    names = [name for name in reached["home"] if name not in allowed]
    yield Attempt(
        "home",
        "looks into your home directory",
        "a trial sees nothing of your home directory",
        f"a trial sees your home directory: {_some(names)}" if names else "",
        level=Level.CAUTION,
    )
    ways = [
        way
        for way, key in (("programs on this machine", "port"), ("other machines", "route"))
        if reached[key]
    ]
    yield Attempt(
        "network",
        "reaches servers, here and elsewhere",
        "a trial has none",
        f"a trial can reach {' and '.join(ways)}" if ways else "",
        level=Level.CAUTION,
    )
    known = _GIVEN | lab.trial.environment.keys()
    passed = [
        name
        for name in reached["environment"]
        if name in os.environ and name not in known and not name.startswith("NOVUM_")
    ]
    yield Attempt(
        "environment",
        "reads your environment, its own and other processes'",
        "a trial sees no variables of yours",
        f"a trial sees variables of yours: {_some(passed)}" if passed else "",
        level=Level.CAUTION,
    )
    yield Attempt(
        "processes",
        "looks at other processes",
        "a trial sees its own alone",
        "a trial sees the processes of this machine" if reached["processes"] else "",
        level=Level.CAUTION,
    )


def _kernel(taken: list[str], tried: Mapping[str, int]) -> Attempt:
    cheat = "asks the kernel for ptrace, keyctl, bpf, io_uring, mounts and namespaces"
    told = f"a trial may ask it for {_some(taken)}" if taken else ""
    untried = "" if tried else f"no numbers of system calls are known for {platform.machine()}"
    held = "what attacks begin with is refused"
    return Attempt("kernel", cheat, held, told, untried, Level.CAUTION)


def _leading(home: str, paths: Iterable[str]) -> set[str]:
    """The names in the home directory that lead to what a trial may read."""
    found = [Path(path).expanduser() for path in paths]
    inside = [path.relative_to(home) for path in found if path.is_relative_to(home)]
    return {path.parts[0] for path in inside if path.parts}


def _some(names: list[str]) -> str:
    more = f", and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
