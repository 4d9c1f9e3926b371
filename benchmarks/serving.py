"""How much traffic one server process of a copy lab's site carries, and whether it loses any.

    python benchmarks/serving.py                              # some ten seconds of each
    python benchmarks/serving.py --seconds 30 --events 1000000 --kills 5

The load comes from this process, the server is another one, on the same machine. First the bare
framework (Starlette on uvicorn) serves an empty page, then the site its page views, half of them by
new visitors, both as fast as they can, in turns; then the site at 70 % of its rate, each request at
its time whether or not those before it are answered. At last visitors land, see and convert while
the server is killed again and again: only what was answered is counted here, and compared with what
the site's file says.
"""

import argparse
import asyncio
import itertools
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

import novum.labs
from novum.listening import HOST, listening
from novum.site.records import Copy
from novum.site.store import store_of

BARE = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
async def page(request):
    return Response(b"", media_type="text/html")
uvicorn.run(Starlette(routes=[Route("/", page)]), port=int(sys.argv[1]), log_level="warning",
            access_log=False)
"""
AGENT = "user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"
CONNECTIONS = 32
ROUNDS = 3
TOKEN = re.compile(rb'/go\?t=([^"]+)"')
COOKIE = re.compile(rb"set-cookie: (nv=[^;]+)", re.IGNORECASE)
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Connection(asyncio.Protocol):
    """One request after the other, over one connection that is kept."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[bytes] | None = None
        self._got = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """A piece of the answer."""
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found:
            return
        length = LENGTH.search(head)
        if len(body) >= (int(length[1]) if length else 0):
            answer, self._answer, whole, self._got = self._answer, None, self._got, b""
            if answer is not None and not answer.done():
                answer.set_result(whole)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is not there any more."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server has gone"))
        self._transport = None

    async def ask(self, method: str, path: str, cookie: str = "") -> bytes:
        """All of the answer, its head too."""
        if self._transport is None:
            raise ConnectionError("the server has gone")
        said = f"\r\ncookie: {cookie}" if cookie else ""
        self._answer = asyncio.get_running_loop().create_future()
        request = f"{method} {path} HTTP/1.1\r\nhost: x\r\n{AGENT}{said}\r\n\r\n"
        self._transport.write(request.encode())
        return await self._answer

    def close(self) -> None:
        """End it."""
        if self._transport is not None:
            self._transport.close()


async def connected(port: int) -> Connection:
    """A connection, as soon as there is a server."""
    end = time.monotonic() + 60
    while True:
        try:
            loop = asyncio.get_running_loop()
            return (await loop.create_connection(Connection, HOST, port))[1]
        except OSError:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.05)


async def page_views(connection: Connection, turn: int, cookies: list[str]) -> None:
    """One page view: by a new visitor, or by one who was here before."""
    old = cookies[turn % len(cookies)] if turn % 2 and cookies else ""
    answer = await connection.ask("GET", "/", old)
    assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
    if not old and len(cookies) < 1000 and (found := COOKIE.search(answer)):
        cookies.append(found[1].decode())


async def as_fast_as_it_can(port: int, seconds: float) -> tuple[float, int]:
    """Requests a second, and how many."""
    connections = [await connected(port) for _ in range(CONNECTIONS)]
    cookies: list[str] = []
    end, turns = time.perf_counter() + seconds, itertools.count()

    async def go_on(connection: Connection) -> int:
        done = 0
        while time.perf_counter() < end:
            await page_views(connection, next(turns), cookies)
            done += 1
        return done

    began = time.perf_counter()
    done = sum(await asyncio.gather(*map(go_on, connections)))
    took = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return done / took, done


async def at_a_rate(port: int, rate: float, seconds: float) -> list[float]:
    """Seconds from when each request was due to its answer."""
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(4 * CONNECTIONS):
        idle.put_nowait(await connected(port))
    cookies: list[str] = []
    took: list[float] = []
    began = time.perf_counter()

    async def one(turn: int) -> None:
        due = began + turn / rate
        connection = await idle.get()
        await page_views(connection, turn, cookies)
        took.append(time.perf_counter() - due)
        idle.put_nowait(connection)

    tasks = []
    for turn in range(int(rate * seconds)):
        wait = began + turn / rate - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(one(turn)))
    await asyncio.gather(*tasks)
    while not idle.empty():
        idle.get_nowait().close()
    return took


async def convert_until(port: int, visitors: Iterator[int], told: set[str], tried: set[str]) -> int:
    """Visitors land, see and convert, some of them twice; events that were acknowledged."""
    connection, events = await connected(port), 0
    for number in visitors:
        try:
            found = TOKEN.search(await connection.ask("GET", "/"))
            assert found is not None
            token = found[1].decode()
            tried.add(token.partition(".")[0])
            for method, path in (("POST", "/seen"), *[("GET", "/go")] * (1 + number % 2)):
                answer = await connection.ask(method, f"{path}?t={token}")
                assert answer.startswith((b"HTTP/1.1 204", b"HTTP/1.1 303")), answer[:200]
                events += 1
            told.add(token.partition(".")[0])
        except ConnectionError:
            connection.close()
            connection = await connected(port)
    connection.close()
    return events


@contextmanager
def running(words: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A server, which is killed at the end."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def serve(lab: Path, port: int) -> list[str]:
    """The command that serves the site."""
    return [sys.executable, "-m", "novum", "serve", str(lab), "--port", str(port)]


def free_port() -> int:
    """A port that nobody uses now."""
    with listening(0) as sock:
        return int(sock.getsockname()[1])


def new_lab(directory: Path) -> Path:
    """A copy lab in which an experiment is shown."""
    for name in ("layout.html", "copy.toml"):
        shutil.copy(Path(novum.labs.__path__[0]) / "copy" / name, directory)
    (directory / "site.toml").write_text("[traffic]\nshare = 0.5\nholdout = 0.05\n")
    store = store_of(directory)
    first = store.begin(store.put_variant(Copy("The first")), "benchmark")
    store.open_experiment(store.put_variant(Copy("The second")), first)
    store.close()
    return directory


@dataclass(frozen=True)
class Pace:
    """How fast a server answered."""

    rate: float  # requests a second
    cost: float  # seconds of its processor for each


def pace(words: list[str], port: int, seconds: float) -> Pace:
    """How fast the server that a command starts answers."""
    with running(words) as process:
        asyncio.run(as_fast_as_it_can(port, 0.5))  # warm
        before = sum(psutil.Process(process.pid).cpu_times()[:2])
        rate, done = asyncio.run(as_fast_as_it_can(port, seconds))
        used = sum(psutil.Process(process.pid).cpu_times()[:2]) - before
    return Pace(rate, used / done)


def speed(lab: Path, seconds: float) -> None:
    """Print how fast the bare framework is, and the site."""
    bare, ours = [], []
    for _ in range(ROUNDS):
        port = free_port()
        bare.append(pace([sys.executable, "-c", BARE, str(port)], port, seconds / ROUNDS))
        port = free_port()
        ours.append(pace(serve(lab, port), port, seconds / ROUNDS))
    for name, paces in (("bare framework, empty page", bare), ("our page views", ours)):
        rate = statistics.median(one.rate for one in paces)
        cost = 1e6 * statistics.median(one.cost for one in paces)
        print(f"{name + ':':28}{rate:8,.0f} a second, {cost:4.0f} µs of the processor each")
    rate = statistics.median(one.rate for one in ours)
    print(f"share: {rate / statistics.median(one.rate for one in bare):.2f}   (goal: at least 0.5)")
    port = free_port()
    with running(serve(lab, port)):
        asyncio.run(as_fast_as_it_can(port, 0.5))
        took = sorted(asyncio.run(at_a_rate(port, 0.7 * rate, seconds)))
    for share in (0.5, 0.99, 0.999):
        print(f"p{100 * share:g} at 70 % of it: {1000 * took[int(share * len(took))]:.1f} ms")


async def _killed(lab: Path, port: int, events: int, kills: int) -> tuple[set[str], set[str], int]:
    """Convert while the server is killed: who was told so, who tried, events acknowledged."""
    told: set[str] = set()
    tried: set[str] = set()
    visitors = iter(range(int(events / 2.5)))  # each sends two events or three
    process = await asyncio.to_thread(subprocess.Popen, serve(lab, port), stdout=subprocess.DEVNULL)
    clients = [
        asyncio.create_task(convert_until(port, visitors, told, tried)) for _ in range(CONNECTIONS)
    ]
    for kill in range(1, kills + 1):
        while len(tried) < kill * events / 2.5 / (kills + 1):
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = subprocess.Popen(serve(lab, port), stdout=subprocess.DEVNULL)
    acknowledged = sum(await asyncio.gather(*clients))
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0
    return told, tried, acknowledged


def losses(lab: Path, events: int, kills: int) -> None:
    """Print what was lost, and what was counted that nobody did."""
    began = time.perf_counter()
    told, tried, acknowledged = asyncio.run(_killed(lab, free_port(), events, kills))
    took = time.perf_counter() - began
    store = store_of(lab)
    with store._file.reading() as db:  # who, not only how many
        converted = [row[0] for row in db.execute("SELECT visitor FROM conversion")]
        seen = {row[0] for row in db.execute("SELECT visitor FROM exposure")}
    store.close()
    print(f"{acknowledged:,} events acknowledged in {took:.0f} s, the server killed {kills} times")
    print(f"{len(told):,} conversions acknowledged; the file has {len(converted):,}")
    lost = told - set(converted)
    print(f"lost: {len(lost)}   counted twice: {len(converted) - len(set(converted))}")
    print(f"of nobody who tried: {len(set(converted) - tried)}   unseen: {len(told - seen)}")
    if lost or len(converted) != len(set(converted)):
        sys.exit(1)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=9.0)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=5)
    wish = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    with _lab() as lab:
        speed(lab, wish.seconds)
    with _lab() as lab:
        losses(lab, wish.events, wish.kills)


@contextmanager
def _lab() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="novum-serving-") as directory:
        yield new_lab(Path(directory))


if __name__ == "__main__":
    main()
