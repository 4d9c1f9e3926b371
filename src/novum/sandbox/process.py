"""A command that runs: its output, its limits, its end. Nothing of it survives."""

import contextlib
import json
import os
import select
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType

from novum.errors import SandboxError
from novum.sandbox import supervisor, system
from novum.sandbox.census import Census, Usage
from novum.sandbox.command import Command
from novum.sandbox.confinement import (
    TEMPORARY,
    Confinement,
    bubblewrap_options,
    file_contents,
)
from novum.sandbox.disk import DiskUsage
from novum.sandbox.group import Group
from novum.sandbox.leftovers import marked, own_name
from novum.sandbox.output import Output
from novum.sandbox.seccomp import filter_program
from novum.sandbox.tree import discard

_MB = 1024 * 1024
_CHUNK = 1024 * 1024
_CHUNKS_A_STEP = 16
_SHARE = 30  # at most one part in so many of a processor goes to watching
_CENSUS_EVERY, _DISK_EVERY = 0.05, 0.25
_PATIENCE = 5.0
_NOT_STARTED = 127  # as shells have it
# Limits are set here and not between fork and exec, which is unsafe where there are threads.
# Shells differ in the letter for the number of processes.
_LAUNCH = """
ulimit -c 0; ulimit -f {blocks}; ulimit -d {kilobytes}
{{ ulimit -p {tasks} || ulimit -u {tasks}; echo 1000 > /proc/self/oom_score_adj; }} 2>/dev/null
for group in {groups}; do echo 0 > "$group"; done 2>/dev/null
exec "$@"
"""


class Excess(StrEnum):
    """Which limit was passed."""

    TIME = "time"
    MEMORY = "memory"
    DISK = "disk"
    PROCESSES = "processes"


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that was passed, and ended the command."""

    excess: Excess
    detail: str


class Process:
    """A running command. To be used from the thread that starts it, as a context manager.

    `step` is to be called again and again: it reads output, watches the limits, and says when
    the end has come. `status` is the exit status, or -N if signal N ended it.
    """

    def __init__(self, command: Command, confinement: Confinement) -> None:
        """Start it.

        Raises:
            SandboxError: if it cannot be started.
            OSError: if the system has no room for it.
        """
        self.command = command
        self.confined = confinement.tool == "bubblewrap"
        self.output = Output(int(command.limits.log_mb * _MB))
        self.breach: Breach | None = None
        self.status: int | None = None
        self.started = self._ended_at = time.monotonic()
        self.disturbed = ""  # why it ended, if that was surely somebody else's doing
        self.held = 0.0  # the longest time, in seconds, that we were kept from calling `step`
        self._stepped = _idle()
        self._kills = system.kills_for_memory()
        self._control = -1  # while this is open, a supervisor lets the command live
        self._resources = contextlib.ExitStack()
        self._resources.callback(self._close_control)
        try:
            self._disk = self._disk_usage(self._writable())
            self._root = self._start_confined(confinement) if self.confined else self._start_bare()
            self._prepare_watching()
        except BaseException:
            self._resources.close()
            raise

    def __enter__(self) -> "Process":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def elapsed(self) -> float:
        """Wall seconds since the start."""
        return time.monotonic() - self.started

    @property
    def duration(self) -> float:
        """Wall seconds from the start to the end, once it has ended."""
        return self._ended_at - self.started

    @property
    def usage(self) -> Usage:
        """What it used when that was last looked at."""
        return self._census.usage

    @property
    def channel(self) -> tuple[int, int]:
        """Of a command that talks: the descriptors to write to it, and to read from it."""
        assert self._root.stdin is not None and self._root.stdout is not None, "it does not talk"
        return self._root.stdin.fileno(), self._root.stdout.fileno()

    def measure(self) -> Usage:
        """Look at what it uses now."""
        return self._census.take()

    def step(self, seconds: float) -> bool:
        """Wait for output or the end, at most so long; whether it has ended."""
        if self.status is not None:
            return True
        now = _idle()
        self.held = max(self.held, now - self._stepped)
        ready = {key.data for key, _ in self._selector.select(seconds)}
        self._stepped = _idle()
        self.held = max(self.held, self._stepped - now - seconds)
        if "output" in ready:
            self._read_output()
        if self._root.poll() is not None:
            self._finish()
            return True
        self._watch_limits()
        return self.status is not None

    def terminate(self) -> None:
        """Ask all of its processes to end. The sandbox itself is not told."""
        spared = {self._init()} if self.confined else set()
        for pid in supervisor.descendants(self._root.pid):
            if pid not in spared:
                supervisor.send(pid, signal.SIGTERM)

    def kill(self) -> None:
        """End all of it at once, and wait until it is gone."""
        if self.status is None:
            self._kill_family()
            self._finish(killed=True)

    # -- starting -----------------------------------------------------------------------------

    def _start_confined(self, confinement: Confinement) -> "subprocess.Popen[bytes]":
        command = self.command
        variables = command.variables(True, TEMPORARY)
        program = command.program(variables["PATH"])
        files = {path: str(self._memory_file(text)) for path, text in file_contents().items()}
        options = self._memory_file(bubblewrap_options(confinement, command, files))
        status = self._status_pipe()
        bubblewrap = marked(confinement.program)
        bubblewrap += ["--json-status-fd", str(status), "--args", str(options)]
        handed = [status, options, *map(int, files.values())]
        if confinement.filters:
            internet = command.network or command.internet_sockets
            handed.append(self._memory_file(filter_program(internet=internet)))
            bubblewrap += ["--seccomp", str(handed[-1])]
        return self._spawn([*bubblewrap, "--", program, *command.argv[1:]], variables, handed)

    def _start_bare(self) -> "subprocess.Popen[bytes]":
        command = self.command
        temporary = tempfile.mkdtemp(prefix=own_name())
        self._resources.callback(discard, Path(temporary))
        self._disk = self._disk_usage([*self._writable(), Path(temporary)])
        variables = command.variables(False, temporary)
        program = command.program(variables["PATH"])
        status = self._status_pipe()
        theirs, self._control = os.pipe()
        self._resources.callback(os.close, theirs)
        interpreter = [os.path.realpath(sys.executable), "-I", "-S", supervisor.__file__]
        return self._spawn(
            [*interpreter, *map(str, (os.getpid(), theirs, status)), program, *command.argv[1:]],
            variables,
            [theirs, status],
            command.cwd,
        )

    def _spawn(
        self, argv: list[str], variables: dict[str, str], keep: list[int], cwd: Path | None = None
    ) -> "subprocess.Popen[bytes]":
        limits = self.command.limits
        self._group = Group(own_name(), limits.group_bytes, limits.tasks)
        self._resources.callback(self._group.close)
        launch = _LAUNCH.format(
            blocks=limits.file_bytes // 512,
            kilobytes=limits.data_bytes // 1024,
            tasks=limits.tasks + system.tasks(),
            groups=self._group.joining,
        )
        process = subprocess.Popen(
            ["/bin/sh", "-c", launch, own_name(), *argv],
            cwd=cwd,
            env=variables,
            pass_fds=[*keep, *self.command.descriptors],
            stdin=subprocess.PIPE if self.command.talks else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if self.command.talks else subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
        )
        self._resources.callback(_end, process)
        return process

    def _memory_file(self, content: bytes) -> int:
        descriptor = os.memfd_create("novum")
        self._resources.callback(os.close, descriptor)
        os.write(descriptor, content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    def _status_pipe(self) -> int:
        """The end to pass on; it is closed on our side once the command has been started."""
        self._status_reader, writer = os.pipe()
        self._status_text = b""
        os.set_blocking(self._status_reader, False)
        self._resources.callback(os.close, self._status_reader)
        self._resources.callback(os.close, writer)
        return writer

    def _prepare_watching(self) -> None:
        limits = self.command.limits
        self._most = limits.processes + (2 if self.confined else 1)
        self._census = Census(self._root.pid, limits.memory_mb, self._most, self._group.cpu_seconds)
        self._census_due = self.started + _CENSUS_EVERY / 2
        self._disk_due = self.started + _DISK_EVERY
        self._selector = selectors.DefaultSelector()
        self._resources.callback(self._selector.close)
        output = self._root.stderr if self.command.talks else self._root.stdout
        assert output is not None
        self._pipe = output.fileno()
        os.set_blocking(self._pipe, False)
        for stream in (self._root.stdin, self._root.stdout, self._root.stderr):
            if stream is not None:
                self._resources.callback(stream.close)
        self._selector.register(self._pipe, selectors.EVENT_READ, "output")
        if hasattr(os, "pidfd_open"):
            ending = os.pidfd_open(self._root.pid)
            self._resources.callback(os.close, ending)
            self._selector.register(ending, selectors.EVENT_READ, "end")

    # -- watching -----------------------------------------------------------------------------

    def _read_output(self) -> None:
        for _ in range(_CHUNKS_A_STEP):
            try:
                chunk = os.read(self._pipe, _CHUNK)
            except BlockingIOError:
                return
            if not chunk:
                if self._pipe in self._selector.get_map():
                    self._selector.unregister(self._pipe)
                return
            self.output.add(chunk)

    def _watch_limits(self) -> None:
        now = time.monotonic()
        limits = self.command.limits
        if now - self.started >= limits.seconds:
            self._break(Excess.TIME, f"it ran longer than {limits.seconds:g} s")
        elif now >= self._census_due:
            usage = self._census.take()
            cost = time.monotonic() - now
            self._census_due = now + max(_CENSUS_EVERY, _SHARE * cost)
            if usage.memory_mb > limits.memory_mb:
                self._break(
                    Excess.MEMORY,
                    f"it used {usage.memory_mb:.0f} MB of memory; {limits.memory_mb:g} are allowed",
                )
            elif usage.processes > self._most:
                self._break(
                    Excess.PROCESSES, f"it started more than {limits.processes} processes at once"
                )
        elif now >= self._disk_due:
            self._watch_disk(now)

    def _watch_disk(self, now: float) -> None:
        if self._disk.step():
            self._disk_due = now + _DISK_EVERY
        used = self._disk.total / _MB
        limit = self.command.limits.disk_mb
        if used > limit:
            self._break(Excess.DISK, f"it filled {used:.0f} MB of disk; {limit:g} are allowed")
        elif self._disk.is_full():
            self.disturbed = "hardly any disk was left, and not by what can be seen of it"
            self.kill()

    def _break(self, excess: Excess, detail: str) -> None:
        self.breach = Breach(excess, detail)
        self.kill()

    def _disk_usage(self, directories: list[Path]) -> DiskUsage:
        limit = int(self.command.limits.disk_mb * _MB)
        return DiskUsage(directories, lambda: supervisor.descendants(self._root.pid), limit)

    def _writable(self) -> list[Path]:
        return [mount.source for mount in self.command.mounts if mount.writable]

    # -- ending -------------------------------------------------------------------------------

    def _init(self) -> int:
        """The first process of a confined family; 0 if it is not known yet."""
        self._read_status()
        for line in self._status_text.splitlines():
            with contextlib.suppress(ValueError):
                return int(json.loads(line).get("child-pid", 0))
        return 0

    def _read_status(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._status_reader, 4096):
                self._status_text += chunk

    def _close_control(self) -> None:
        if self._control >= 0:
            os.close(self._control)
        self._control = -1

    def _kill_family(self) -> None:
        if self._root.poll() is not None:
            return
        if self.confined:
            # A stopped bubblewrap cannot start what we would then miss.
            self._root.send_signal(signal.SIGSTOP)
            for pid in supervisor.children(self._root.pid):
                supervisor.send(pid, signal.SIGKILL)
        else:
            self._root.send_signal(signal.SIGCONT)
            self._close_control()
            if self._ended_within(_PATIENCE / 10):
                return
            supervisor.extinguish(self._root.pid)  # it is stopped, or starved by a fork bomb
            if self._ended_within(_PATIENCE):
                return
        self._root.kill()

    def _ended_within(self, seconds: float) -> bool:
        try:
            self._root.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _finish(self, killed: bool = False) -> None:
        """Collect what is left: the exit status, the last output, those that linger."""
        code = self._root.wait()
        self._ended_at = time.monotonic()
        self._read_status()
        if self.confined:
            _wait_for_end(self._init())
        self._wait_for_survivors()
        self._group.extinguish()
        self._read_output()
        if self.breach is None and code != 0 and self._group.ran_out_of_memory():
            limit = self.command.limits.memory_mb
            self.breach = Breach(Excess.MEMORY, f"it used more than {limit:g} MB of memory")
        self._resources.close()
        self.status = 128 - code if 128 < code <= 128 + signal.NSIG else code
        if killed:
            self.status = -signal.SIGKILL
        elif self.confined and code == 1 and b"exit-code" not in self._status_text:
            self._explain_failed_start()
        elif self.breach is None:
            self.disturbed = self._disturbance(code)

    def _disturbance(self, code: int) -> str:
        """How somebody else ended it, as far as that is sure."""
        if code == -signal.SIGKILL:
            return "its sandbox was killed (SIGKILL) by somebody else"
        if self.status == -signal.SIGKILL and system.kills_for_memory() > self._kills:
            return "it was killed when the system had no memory left"
        return ""

    def _explain_failed_start(self) -> None:
        problem = self.output.bytes().decode(errors="replace").strip()
        if "execvp" not in problem:
            raise SandboxError(f"the sandbox could not be made: {problem or 'no reason was given'}")
        self.status = _NOT_STARTED

    def _wait_for_survivors(self) -> None:
        """Without a namespace, those that hang elsewhere now are ended one by one."""
        end = time.monotonic() + _PATIENCE
        while (survivors := self._census.survivors()) and time.monotonic() < end:
            for pid in survivors:
                supervisor.send(pid, signal.SIGKILL)
            time.sleep(0.0005)


def _idle() -> float:
    """Seconds in which this thread did not work, since some instant: it waited, or was held up.

    Its own work does not count, for much of that is what the command gives it to look at.
    """
    return time.monotonic() - time.thread_time()


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def _wait_for_end(init: int) -> None:
    """Wait for the end of a namespace, which is when its first process ends."""
    if not init or not hasattr(os, "pidfd_open"):
        return
    try:
        ending = os.pidfd_open(init)
    except OSError:
        return  # it has ended
    try:
        poll = select.poll()
        poll.register(ending, select.POLLIN)
        poll.poll(_PATIENCE * 1000)
    finally:
        os.close(ending)
