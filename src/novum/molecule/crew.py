"""Work that may crash or hang, in processes of its own, which are ended and replaced.

A worker is a fresh interpreter that makes a handler once, from a factory and its settings, and
then answers requests, one at a time. What it prints goes nowhere; its last words are quoted when it
dies. It ends as soon as its parent does: the parent holds one end of a pipe, its leash, and the
system signals at the other end when nobody holds it any more, whatever the worker is at.
"""

import contextlib
import fcntl
import importlib
import math
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import Connection, wait
from typing import IO, Any, Generic, TypeVar

from novum.molecule.scores import Status

START_SECONDS = 300.0  # to import what is heavy, and to make the handler
LEAVE = 2.0  # seconds for a worker to end by itself, once its leash is gone
LAST_WORDS = 300  # characters
MOST_STARTS = 2  # in a row that may fail, before it is told of all that waits
CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}

Key = TypeVar("Key")
Task = tuple[Key, object]


class Loss(StrEnum):
    """Why there is no answer, or not all of it."""

    START = "start"  # no worker could be started: not the request's fault
    TIMEOUT = "timeout"
    CRASH = "crash"  # the worker died of the request
    ENDED = "ended"  # somebody else ended the worker
    ERROR = "error"  # the handler raised an exception


STATUS = {  # what it means for a molecule
    Loss.START: Status.UNAVAILABLE,
    Loss.TIMEOUT: Status.TIMEOUT,
    Loss.CRASH: Status.FAILED,
    Loss.ENDED: Status.UNAVAILABLE,
    Loss.ERROR: Status.FAILED,
}


@dataclass(frozen=True, slots=True)
class Lost:
    """In place of an answer, or of its rest."""

    loss: Loss
    reason: str


@dataclass(eq=False, slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    leash: IO[bytes]
    words: IO[bytes]  # what it printed
    share: set[int]  # of the processors; empty: any
    deadline: float
    task: Task[Any] | None = None  # the key and the request that it works on
    ready: bool = False

    def last_words(self) -> str:
        self.words.seek(0)
        text = self.words.read()[-8000:].decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return " ".join(lines[-3:])[-LAST_WORDS:]


class Crew:
    """Up to `count` workers at a time, started when there is work.

    `factory` is `package.module:callable`; called with `settings` in the worker it gives the
    handler, which is called with each request. What it returns is the answer; if that is an
    iterator, each of its items is one, sent as it comes. If it has a `close()`, that is called when
    the worker ends, if there is time. Settings, requests and answers are pickled. With `apart` each
    worker has its own share of the processors, so that libraries which use all of them do not get
    into each other's way.
    """

    def __init__(
        self, factory: str, settings: object, count: int = 1, *, apart: bool = False
    ) -> None:
        self._begin = (factory, settings)
        self.count = count
        self._shares = _shares(count) if apart else [set()] * count
        self._idle: list[_Worker] = []
        self._finish = weakref.finalize(self, _end, self._idle)

    def each(
        self, requests: Iterable[Task[Key] | None], seconds: float = math.inf
    ) -> Iterator[tuple[Key, Any]]:
        """The key of each request with its answers as they come, or with a `Lost` at their end.

        `seconds` is the wall time of one request. Requests are read as they are needed; None
        among them means that there is none now, and that there may be one after the next answer.
        """
        run = _Run(self, iter(requests), seconds)
        try:
            while run.assign():
                yield from run.collect()
        finally:
            # Those who are free serve the next call; a busy one's answer is wanted no more.
            _end(run.workers)
            _end(self._idle, leave=self.count)

    def close(self) -> None:
        """End all workers; those of a later request are started anew."""
        _end(self._idle)

    def processes(self) -> list[int]:
        """The ids of the workers that wait for work."""
        return [worker.process.pid for worker in self._idle]

    def _worker(self, others: Iterable[_Worker]) -> _Worker:
        """One that waits for work, or a new one."""
        if self._idle:
            return self._idle.pop()
        taken = [worker.share for worker in others]
        return _start(self._begin, min(self._shares, key=taken.count))


def _start(begin: tuple[str, object], share: set[int]) -> _Worker:
    ours, theirs = socket.socketpair()
    end, leash = os.pipe()
    words = tempfile.TemporaryFile()  # noqa: SIM115  closed with its worker
    with tempfile.TemporaryFile() as source, theirs:
        source.write(pickle.dumps((*begin, share)))
        source.seek(0)
        code = (
            f"import sys; sys.path[:] = {sys.path!r}; "
            f"from novum.molecule.crew import serve; serve({theirs.fileno()}, {end})"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=source,
            stdout=words,
            stderr=words,
            pass_fds=[theirs.fileno(), end],
        )
    os.close(end)
    deadline = time.monotonic() + START_SECONDS
    connection, held = Connection(ours.detach()), os.fdopen(leash, "wb")
    return _Worker(process, connection, held, words, share, deadline)


def _end(workers: list[_Worker], leave: int = 0) -> None:
    """End workers until `leave` are left, the politest way that works; they are out of the list."""
    ended = workers[leave:]
    del workers[leave:]
    for worker in ended:
        worker.leash.close()
    last = time.monotonic() + LEAVE
    for worker in ended:
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.process.wait(max(0.0, last - time.monotonic()))
        worker.process.kill()
        worker.process.wait()
        worker.connection.close()
        worker.words.close()


class _Run(Generic[Key]):
    """One call of `Crew.each`: which worker has which request."""

    def __init__(self, crew: Crew, requests: Iterator[Task[Key] | None], seconds: float) -> None:
        self.workers: list[_Worker] = []
        self._crew = crew
        self._requests = requests
        self._again: deque[Task[Key]] = deque()  # whose worker was gone already
        self._seconds = seconds
        self._failed_starts = 0
        self._broken = ""  # why no worker starts

    def assign(self) -> bool:
        """Give waiting requests to workers, as long as there are places; is anybody at work?"""
        while len(self.workers) < self._crew.count and (task := self._next()):
            worker = self._crew._worker(self.workers)
            worker.task = task
            self.workers.append(worker)
            if worker.ready:
                self._send(worker)
        return bool(self.workers)

    def collect(self) -> Iterator[tuple[Key, Any]]:
        """Wait until something happens; the answers that it brought."""
        first = min(worker.deadline for worker in self.workers)
        patience = None if math.isinf(first) else max(0.0, first - time.monotonic())
        by_connection = {worker.connection: worker for worker in self.workers}
        for connection in wait(list(by_connection), patience):
            yield from self._hear(by_connection[connection])  # type: ignore[index]
        now = time.monotonic()
        late = [worker for worker in self.workers if worker.deadline <= now]
        for worker in late:
            if not worker.connection.poll():  # else it is we who are late
                yield self._lose(worker, self._overdue(worker))
        if self._broken:
            yield from self._give_up()

    def _next(self) -> Task[Key] | None:
        return self._again.popleft() if self._again else next(self._requests, None)

    def _send(self, worker: _Worker) -> None:
        assert worker.task is not None
        worker.deadline = time.monotonic() + self._seconds
        try:
            worker.connection.send(worker.task[1])
        except OSError:  # it died while it had nothing to do
            self._again.append(worker.task)
            self._drop(worker)

    def _hear(self, worker: _Worker) -> Iterator[tuple[Key, Any]]:
        try:
            kind, said = worker.connection.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            yield self._lose(worker, _why_gone(worker))
            return
        assert worker.task is not None
        key, _ = worker.task
        if kind == "ready":
            worker.ready, self._failed_starts = True, 0
            self._send(worker)
        elif kind == "broken":
            yield self._lose(worker, Lost(Loss.START, said))
        elif kind == "part":
            yield key, said
        else:
            self.workers.remove(worker)
            worker.task = None
            self._crew._idle.append(worker)
            if kind != "done":
                yield key, said if kind == "answer" else Lost(Loss.ERROR, said)

    def _drop(self, worker: _Worker) -> None:
        self.workers.remove(worker)
        _end([worker])

    def _lose(self, worker: _Worker, lost: Lost) -> tuple[Key, Lost]:
        assert worker.task is not None
        self._drop(worker)
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= MOST_STARTS:
                self._broken = lost.reason
        return worker.task[0], lost

    def _overdue(self, worker: _Worker) -> Lost:
        if worker.ready:
            return Lost(Loss.TIMEOUT, f"it took more than {self._seconds:g} s")
        return Lost(Loss.START, f"no worker was ready after {START_SECONDS:g} s")

    def _give_up(self) -> Iterator[tuple[Key, Lost]]:
        lost = Lost(Loss.START, self._broken)
        for worker in list(self.workers):
            yield self._lose(worker, lost)
        while (task := self._next()) is not None:
            yield task[0], lost


def _why_gone(worker: _Worker) -> Lost:
    status = worker.process.wait()
    words = worker.last_words()
    told = f": {words}" if words else ""
    if not worker.ready:
        return Lost(Loss.START, f"a worker ended at its start{told}")
    if status >= 0:
        return Lost(Loss.CRASH, f"it ended the worker with status {status}{told}")
    number = signal.Signals(-status)
    if number in CRASHES:
        return Lost(Loss.CRASH, f"it ended the worker with {number.name}{told}")
    return Lost(Loss.ENDED, f"the worker was ended from outside, by {number.name}")


def _shares(count: int) -> list[set[int]]:
    """The processors of each worker, where the system can say; empty: any of them."""
    if not hasattr(os, "sched_getaffinity"):
        return [set()] * count
    ours = sorted(os.sched_getaffinity(0))
    return [set(ours[place::count] if len(ours) >= count else ours) for place in range(count)]


def serve(descriptor: int, leash: int) -> None:
    """Be a worker: what a `Crew` starts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    _obey(leash)
    connection = Connection(descriptor)
    try:
        factory, settings, share = pickle.load(sys.stdin.buffer)  # noqa: S301  our parent wrote it
        if share:
            os.sched_setaffinity(0, share)
        module, _, name = factory.partition(":")
        handler = getattr(importlib.import_module(module), name)(settings)
    except Exception as error:
        connection.send(("broken", _told(error)))
        return
    with contextlib.ExitStack() as stack:
        if close := getattr(handler, "close", None):
            signal.signal(signal.SIGIO, lambda *_: sys.exit(1))  # else it ends at once
            stack.callback(close)
        stack.enter_context(contextlib.suppress(EOFError, OSError))  # the parent is gone
        connection.send(("ready", None))
        while True:
            _answer(connection, handler, connection.recv())


def _obey(leash: int) -> None:
    """Have the system end us by SIGIO when the other end of the leash is gone."""
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(leash, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(leash, fcntl.F_SETFL, os.O_ASYNC)
    if wait([leash], 0):  # it was gone before
        sys.exit(1)


def _answer(connection: Connection, handler: Callable[[Any], Any], request: object) -> None:
    os.ftruncate(2, 0)
    os.lseek(2, 0, os.SEEK_SET)
    said: tuple[str, Any]
    try:
        answer = handler(request)
        if isinstance(answer, Iterator):
            for part in answer:
                connection.send(("part", part))
            said = ("done", None)
        else:
            said = ("answer", answer)
    except Exception as error:  # a library may raise anything: it is told, as the answer
        said = ("error", _told(error))
    connection.send(said)


def _told(error: Exception) -> str:
    text = " ".join(str(error).split())[:LAST_WORDS]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
