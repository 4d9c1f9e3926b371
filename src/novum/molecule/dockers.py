"""Work that may crash or hang, in processes of its own, which are ended and replaced.

A worker is a fresh interpreter that makes a handler once, from a factory and its settings, and
then answers requests. What it prints goes nowhere; its last words are quoted when it dies. It ends
when its parent does, at the latest after the request that it works on.
"""

import contextlib
import importlib
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
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing.connection import Connection, wait
from typing import IO, Any

START_SECONDS = 300.0  # to import what is heavy, and to make the handler
GRACE = 10.0  # after a request's time, if nobody is there any more to end the worker
LAST_WORDS = 300  # characters
MOST_STARTS = 2  # in a row that may fail, before it is told of all that waits
CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}

Handler = Callable[[Any], Any]


class Loss(StrEnum):
    """Why there is no answer."""

    START = "start"  # no worker could be started: not the request's fault
    TIMEOUT = "timeout"
    CRASH = "crash"  # the worker died of the request
    ENDED = "ended"  # somebody else ended the worker
    ERROR = "error"  # the handler raised an exception


@dataclass(frozen=True, slots=True)
class Lost:
    """In place of an answer."""

    loss: Loss
    reason: str


@dataclass(eq=False)
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    words: IO[bytes]  # what it printed
    deadline: float
    place: int | None = None  # of the request that it works on
    ready: bool = False
    request: object = field(default=None, repr=False)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.connection.close()
        self.words.close()

    def last_words(self) -> str:
        self.words.seek(0)
        text = self.words.read()[-8000:].decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return " ".join(lines[-3:])[-LAST_WORDS:]


class Workers:
    """Up to `count` workers at a time, started when there is work.

    `factory` is `package.module:callable`; called with `settings` in the worker it gives the
    handler of requests. Settings, requests and answers are pickled.
    """

    def __init__(self, factory: str, settings: object, count: int = 1) -> None:
        self._factory = factory
        self._settings = settings
        self.count = count
        self._idle: list[_Worker] = []
        self._finish = weakref.finalize(self, _end_all, self._idle)

    def each(self, requests: Iterable[object], seconds: float) -> Iterator[tuple[int, Any]]:
        """The place of each request and its answer, or a `Lost`, as they come.

        `seconds` is the wall time of one request; requests are read as they are needed.
        """
        run = _Run(self._start, self._idle, enumerate(requests), seconds)
        try:
            while True:
                run.assign(self.count)
                if not run.workers:
                    return
                yield from run.collect()
        finally:
            run.give_back(self.count)

    def close(self) -> None:
        """End all workers; those of a later request are started anew."""
        _end_all(self._idle)

    def processes(self) -> list[int]:
        """The ids of the workers that wait for work."""
        return [worker.process.pid for worker in self._idle]

    def _start(self) -> _Worker:
        ours, theirs = socket.socketpair()
        words = tempfile.TemporaryFile()  # noqa: SIM115  closed with its worker
        with tempfile.TemporaryFile() as begin, theirs:
            begin.write(pickle.dumps((self._factory, self._settings)))
            begin.seek(0)
            code = (
                f"import sys; sys.path[:] = {sys.path!r}; "
                f"from novum.molecule.dockers import serve; serve({theirs.fileno()})"
            )
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=begin,
                stdout=words,
                stderr=words,
                pass_fds=[theirs.fileno()],
            )
        connection = Connection(ours.detach())
        return _Worker(process, connection, words, time.monotonic() + START_SECONDS)


class _Run:
    """One call of `Workers.each`: which worker has which request."""

    def __init__(
        self,
        start: Callable[[], _Worker],
        idle: list[_Worker],
        requests: Iterator[tuple[int, object]],
        seconds: float,
    ) -> None:
        self.workers: list[_Worker] = []
        self._start = start
        self._idle = idle
        self._requests = requests
        self._again: deque[tuple[int, object]] = deque()  # whose worker was gone already
        self._seconds = seconds
        self._failed_starts = 0
        self._broken = ""  # why no worker starts

    def assign(self, count: int) -> None:
        """Give waiting requests to workers, as long as there are places."""
        while len(self.workers) < count:
            request = self._next()
            if request is None:
                return
            worker = self._idle.pop() if self._idle else self._start()
            worker.place, worker.request = request
            self.workers.append(worker)
            if worker.ready:
                self._send(worker)

    def collect(self) -> Iterator[tuple[int, Any]]:
        """Wait until something happens; the answers that it brought."""
        patience = min(worker.deadline for worker in self.workers) - time.monotonic()
        by_connection = {worker.connection: worker for worker in self.workers}
        for connection in wait(list(by_connection), max(0.0, patience)):
            yield from self._hear(by_connection[connection])  # type: ignore[index]
        now = time.monotonic()
        for worker in [worker for worker in self.workers if worker.deadline <= now]:
            yield self._lose(worker, self._overdue(worker))
        if self._broken:
            yield from self._give_up()

    def give_back(self, count: int) -> None:
        """Keep workers that are free for the next call; a busy one's answer is wanted no more."""
        for worker in self.workers:
            worker.end()
        self.workers.clear()
        while len(self._idle) > count:
            self._idle.pop().end()

    def _next(self) -> tuple[int, object] | None:
        return self._again.popleft() if self._again else next(self._requests, None)

    def _send(self, worker: _Worker) -> None:
        worker.deadline = time.monotonic() + self._seconds
        try:
            worker.connection.send((self._seconds, worker.request))
        except OSError:  # it died while it had nothing to do
            assert worker.place is not None
            self._again.append((worker.place, worker.request))
            self.workers.remove(worker)
            worker.end()

    def _hear(self, worker: _Worker) -> Iterator[tuple[int, Any]]:
        try:
            kind, said = worker.connection.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            yield self._lose(worker, _why_gone(worker))
            return
        if kind == "ready":
            worker.ready, self._failed_starts = True, 0
            self._send(worker)
        elif kind == "broken":
            yield self._lose(worker, Lost(Loss.START, said))
        else:
            place = worker.place
            assert place is not None
            self.workers.remove(worker)
            worker.place = worker.request = None
            self._idle.append(worker)
            yield place, said if kind == "answer" else Lost(Loss.ERROR, said)

    def _lose(self, worker: _Worker, lost: Lost) -> tuple[int, Lost]:
        assert worker.place is not None
        self.workers.remove(worker)
        worker.end()
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= MOST_STARTS:
                self._broken = lost.reason
        return worker.place, lost

    def _overdue(self, worker: _Worker) -> Lost:
        if worker.ready:
            return Lost(Loss.TIMEOUT, f"it took more than {self._seconds:g} s")
        return Lost(Loss.START, f"no worker was ready after {START_SECONDS:g} s")

    def _give_up(self) -> Iterator[tuple[int, Lost]]:
        lost = Lost(Loss.START, self._broken)
        for worker in list(self.workers):
            yield self._lose(worker, lost)
        while (request := self._next()) is not None:
            yield request[0], lost


def _why_gone(worker: _Worker) -> Lost:
    status = worker.process.wait()
    words = worker.last_words()
    told = f": {words}" if words else ""
    if not worker.ready:
        return Lost(Loss.START, f"a worker ended at its start{told}")
    if status >= 0:
        return Lost(Loss.CRASH, f"it ended the worker with status {status}{told}")
    number = signal.Signals(-status)
    if number == signal.SIGALRM:
        return Lost(Loss.TIMEOUT, "it took too long")
    if number in CRASHES:
        return Lost(Loss.CRASH, f"it ended the worker with {number.name}{told}")
    return Lost(Loss.ENDED, f"the worker was ended from outside, by {number.name}")


def _end_all(workers: list[_Worker]) -> None:
    while workers:
        workers.pop().end()


def serve(descriptor: int) -> None:
    """Be a worker: what `Workers` starts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    connection = Connection(descriptor)
    try:
        factory, settings = pickle.load(sys.stdin.buffer)  # noqa: S301  our parent wrote it
        module, _, name = factory.partition(":")
        handler: Handler = getattr(importlib.import_module(module), name)(settings)
    except Exception as error:
        connection.send(("broken", _told(error)))
        return
    connection.send(("ready", None))
    with contextlib.suppress(EOFError, OSError):  # the parent is gone
        while True:
            _answer(connection, handler)


def _answer(connection: Connection, handler: Handler) -> None:
    seconds, request = connection.recv()
    os.ftruncate(2, 0)
    os.lseek(2, 0, os.SEEK_SET)
    signal.setitimer(signal.ITIMER_REAL, seconds + GRACE)
    try:
        said = ("answer", handler(request))
    except Exception as error:  # a library may raise anything: it is told, as the answer
        said = ("error", _told(error))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    connection.send(said)


def _told(error: Exception) -> str:
    text = " ".join(str(error).split())[:LAST_WORDS]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
