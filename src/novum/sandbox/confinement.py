"""Which tool can confine a command here, and how it is told to."""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from novum.sandbox.command import Command
from novum.sandbox.group import Group
from novum.sandbox.leftovers import marked, own_name
from novum.sandbox.seccomp import filter_program

_ETC = (
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "alternatives",
    "nsswitch.conf",
    "ssl/certs",
    "ssl/openssl.cnf",
)
_RESOLVING = ("/etc/resolv.conf", "/etc/gai.conf")  # names of hosts, for a command with network
_STORES = ("/nix/store", "/gnu/store")
_ROOT_DIRECTORIES = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_CPU_TOPOLOGY = ("/sys/devices/system/cpu", "/sys/devices/system/node")
_GPU_DEVICES = ("nvidia*", "dri", "kfd", "dxg")
_GPU_SYSTEM = ("/sys/bus/pci", "/sys/devices", "/sys/module", "/sys/class/drm", "/sys/class/kfd")
_OPTIONAL = {
    "--size": "no bound on the size of temporary files that are kept in memory",
    "--disable-userns": "a trial may make namespaces of its own",
    "--unshare-cgroup-try": "a trial sees the control groups of the system",
    "--seccomp": "system calls are not filtered",
}
_NAMESPACES = ("user", "pid", "net", "ipc", "uts")
_USER = "1000"
TEMPORARY = "/tmp"  # noqa: S108  the sandbox's own
_FILES = {
    "/etc/passwd": "novum:x:1000:1000::/tmp:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
    "/etc/group": "novum:x:1000:\nnogroup:x:65534:\n",
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
}


@dataclass(frozen=True, slots=True)
class Confinement:
    """How commands are confined here; `detail` says with what, or why not."""

    tool: Literal["bubblewrap", "none"]
    detail: str
    program: str = ""
    options: frozenset[str] = frozenset()
    lacking: tuple[str, ...] = ()  # promises that do not hold here, in words

    @property
    def filters(self) -> bool:
        """Whether system calls are filtered."""
        return "--seccomp" in self.options


_UNCONFINED = (
    "a trial can use the network",
    "a trial can read your files, the evaluator's and the held-out data",
    "a trial can write your files, the evaluator's and the ledger",
    "a trial sees your other processes, and can end them",
    _OPTIONAL["--seccomp"],
)
_UNBOUNDED = "memory and processes are watched from outside, and not bounded by the kernel"
NONE = Confinement("none", "none was asked for", lacking=_UNCONFINED)


def confinement_for(mode: str) -> Confinement:
    """How a lab's commands are confined here, as its `sandbox.mode` says."""
    return NONE if mode == "none" else detect()


@functools.cache
def detect() -> Confinement:
    """Find out, once, by trying, what confines commands here."""
    program = shutil.which("bwrap")
    if not sys.platform.startswith("linux"):
        return replace(NONE, detail=f"bubblewrap needs Linux, and this is {sys.platform}")
    if program is None:
        words = "bubblewrap is not installed: `apt install bubblewrap`, or your system's way"
        return replace(NONE, detail=words)
    try:
        known = _run(program, "--help").stdout
        options = frozenset(option for option in _OPTIONAL if option in known)
        if not _filter_works(program):
            options -= {"--seccomp"}
        lacking = tuple(words for option, words in _OPTIONAL.items() if option not in options)
        lacking += () if _can_bound() else (_UNBOUNDED,)
        version = _run(program, "--version").stdout.strip()
        found = Confinement("bubblewrap", f"{version} at {program}", program, options, lacking)
        files = dict.fromkeys(_FILES, "/dev/null")
        trial = _run(program, *_isolation(found), *_system(found, files), "--", "true")
    except (OSError, subprocess.SubprocessError) as error:
        return replace(NONE, detail=f"{program} cannot be run: {error}")
    if trial.returncode != 0:
        problem = (trial.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        return replace(
            NONE, detail=f"{program} cannot make namespaces here ({problem}); docs/install.md helps"
        )
    return found


def _filter_works(program: str) -> bool:
    """Whether the kernel takes our filter, and a command runs under it."""
    if not (text := filter_program(internet=False)):
        return False
    with tempfile.TemporaryFile() as file:
        file.write(text)
        file.seek(0)
        probe = ["--die-with-parent", "--ro-bind", "/", "/", "--seccomp", str(file.fileno())]
        return _run(program, *probe, "--", "true", keep=[file.fileno()]).returncode == 0


def _run(program: str, *words: str, keep: Sequence[int] = ()) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*marked(program), *words],
        pass_fds=keep,
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def bubblewrap_options(confinement: Confinement, command: Command, files: dict[str, str]) -> bytes:
    """The options for one command, as `--args` reads them.

    `files` says for each of `file_contents` by which descriptor it is read.
    """
    limits = command.limits
    temporary_mb = min(limits.disk_mb, limits.memory_mb / 2)
    options = _isolation(confinement, command.network)
    options += _system(confinement, files, temporary_mb)
    if command.network:
        options += [part for path in _RESOLVING for part in ("--ro-bind-try", path, path)]
    options += _readable(command)
    if command.gpu:
        options += _gpu()
    for mount in command.mounts:
        options += ["--bind" if mount.writable else "--ro-bind", str(mount.source), mount.inside]
    options += _hidden(command)
    # To the kernel root stays root, and owns /proc/sys: bubblewrap leaves that writable.
    for place in ("/proc", "/dev", "/"):
        options += ["--remount-ro", place]
    options += ["--chdir", command.inside(command.cwd)]
    return b"".join(os.fsencode(option) + b"\0" for option in options)


def file_contents() -> dict[str, bytes]:
    """Small files that a confined command finds instead of the system's own."""
    return {path: text.encode() for path, text in _FILES.items()}


def _isolation(confinement: Confinement, network: bool = False) -> list[str]:
    options = [f"--unshare-{name}" for name in _NAMESPACES if not (network and name == "net")]
    options += sorted(confinement.options & {"--unshare-cgroup-try", "--disable-userns"})
    options += ["--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    return [*options, "--hostname", "novum", "--uid", _USER, "--gid", _USER]


def _system(confinement: Confinement, files: dict[str, str], temporary_mb: float = 16) -> list[str]:
    """A read-only system, made of what programs need."""
    size = ["--size", str(int(temporary_mb * 1024 * 1024))]
    size = size if "--size" in confinement.options else []
    options = ["--proc", "/proc", "--dev", "/dev", *size, "--tmpfs", "/dev/shm"]  # noqa: S108
    options += [*size, "--tmpfs", TEMPORARY]
    options += [part for path in _system_directories() for part in ("--ro-bind", path, path)]
    for name in _ROOT_DIRECTORIES:
        directory = Path("/", name)
        if directory.is_symlink():
            options += ["--symlink", str(directory.readlink()), str(directory)]
        elif directory.is_dir():
            options += ["--ro-bind", str(directory), str(directory)]
    for path in (*(f"/etc/{name}" for name in _ETC), *_CPU_TOPOLOGY):
        options += ["--ro-bind-try", path, path]
    for path, source in files.items():
        options += ["--ro-bind-data" if source.isdigit() else "--ro-bind", source, path]
    return options


@functools.cache
def _system_directories() -> tuple[str, ...]:
    """The system's programs, and the Python that runs Novum, wherever it lives."""
    wanted = ["/usr", *(store for store in _STORES if Path(store).is_dir())]
    for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix):
        wanted += [prefix, str(Path(prefix).resolve())]
    wanted += _links(Path(sys.executable))
    return tuple(_without_nested(wanted))


def _links(start: Path) -> Iterator[str]:
    """A path, and what it points to, link by link."""
    path = start
    for _ in range(40):
        yield str(path)
        if not path.is_symlink():
            break
        path = Path(os.path.normpath(path.parent / path.readlink()))
    yield str(start.resolve())


def _without_nested(paths: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for path in paths:
        everything = Path.home().is_relative_to(path)  # the home, or what it lies in
        if not everything and not any(Path(path).is_relative_to(other) for other in kept):
            kept.append(path)
    return kept


def _readable(command: Command) -> list[str]:
    """What is read where it is, but nothing of what is hidden."""
    hidden = [Path(path).resolve() for path in command.hidden]
    return [
        part
        for path in map(_expanded, command.readable)
        if not any(path.resolve().is_relative_to(one) for one in hidden)
        for part in ("--ro-bind-try", str(path), str(path))
    ]


def _hidden(command: Command) -> list[str]:
    """An empty directory in the place of each that would be seen, under any name."""
    seen = [*map(Path, _system_directories()), *map(_expanded, command.readable)]
    places = [(one, one.resolve()) for one in seen]
    covered = {
        str(one / real.relative_to(place))
        for real in (Path(path).resolve() for path in command.hidden)
        for one, place in places
        if real != place and real.is_relative_to(place) and real.is_dir()
    }
    return [part for path in sorted(covered) for part in ("--tmpfs", path)]


def _expanded(path: str) -> Path:
    return Path(path).expanduser()


def _gpu() -> list[str]:
    """The devices of graphics processors, where there are any."""
    devices = [str(path) for pattern in _GPU_DEVICES for path in Path("/dev").glob(pattern)]
    if not devices:
        return []
    options = [part for path in devices for part in ("--dev-bind", path, path)]
    return options + [part for path in _GPU_SYSTEM for part in ("--ro-bind-try", path, path)]


def _can_bound() -> bool:
    """Whether the kernel can bound memory and processes of a command here, by control groups."""
    probe = Group(own_name(), 1 << 30, 1000)
    try:
        return bool(probe.joining)
    finally:
        probe.close()
