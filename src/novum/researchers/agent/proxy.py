"""A proxy that lets an agent reach some hosts, and no others.

It listens on a unix socket, outside the sandbox, and speaks what every HTTP client can use:
CONNECT for what is encrypted, and plain requests. A host is allowed as `name` (ports 443 and 80),
`name:port`, or `*.name` for all below it.
"""

import asyncio
import base64
import ipaddress
import os
import socket
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

from novum.researchers.agent.relay import ask, hang_up, join

_HEAD = 65536
_WAIT = 30.0  # seconds for a head, and for a connection
_ORDINARY = (443, 80)
_OWN = ("connection", "proxy-connection", "proxy-authorization", "keep-alive")
_LOCAL = ("localhost", "127.0.0.1", "::1")

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Hosts:
    """The hosts that may be reached."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = [_split(pattern) for pattern in patterns]

    def allows(self, host: str, port: int) -> bool:
        """Whether a connection may be made."""
        return any(
            _matches(pattern, host) and (port == only if only else port in _ORDINARY)
            for pattern, only in self._patterns
        )

    def local_ports(self) -> list[int]:
        """Ports of this machine among them, sorted."""
        return sorted({port for host, port in self._patterns if host in _LOCAL and port})


def _split(text: str) -> tuple[str, int]:
    """The host and the port of `host:port`; 0 if none is given."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or (":" in host and not host.endswith("]")):
        host, port = text, "0"
    return host.strip("[]").rstrip(".").lower(), int(port)


def _matches(pattern: str, host: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:])
    return host == pattern


def host_of(url: str) -> str:
    """`host:port` of an address on the web; empty if there is none in it."""
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        port = parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        return ""
    host = parts.hostname or ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}" if host else ""


class Proxy:
    """Serves in a thread of its own, while it is entered; `refused` are the hosts asked in vain."""

    def __init__(self, hosts: Hosts, directory: Path, upstream: str = "") -> None:
        """`upstream` is the address of a proxy that the world outside is behind."""
        self.path = directory / "proxy.sock"
        self._hosts = hosts
        self._upstream = urlsplit(upstream) if upstream else None
        self._refused: set[str] = set()
        self._listener = _listen(self.path)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="agent proxy", daemon=True)

    def __enter__(self) -> "Proxy":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self.path.unlink(missing_ok=True)

    @property
    def refused(self) -> list[str]:
        """The hosts, with their ports, that were asked for and may not be reached."""
        return sorted(self._refused)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_unix_server(self._accept, sock=self._listener, limit=_HEAD)
        await self._stop.wait()
        server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            await hang_up(writer)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await _read_request(reader)
        if request is None:
            await _say(writer, "400 Bad Request", "this proxy did not understand the request")
            return
        host, port, head = request
        if not self._hosts.allows(host, port):
            self._refused.add(f"{host}:{port}")
            await _say(writer, "403 Forbidden", f"{host}:{port} may not be reached from here")
            return
        upstream = await self._connect(host, port)
        if upstream is None:
            await _say(writer, "502 Bad Gateway", f"{host}:{port} could not be reached")
            return
        try:
            if head:
                upstream[1].write(head)
            else:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await join((reader, writer), upstream)
        finally:
            await hang_up(upstream[1])

    async def _connect(self, host: str, port: int) -> Streams | None:
        above = None if _is_local(host) else self._upstream
        try:
            if above is None or not above.hostname:
                return await asyncio.wait_for(asyncio.open_connection(host, port), _WAIT)
            opening = asyncio.open_connection(above.hostname, above.port or 3128)
            streams = await asyncio.wait_for(opening, _WAIT)
        except (OSError, TimeoutError, UnicodeError):
            return None
        more = ""
        if above.username:
            words = f"{unquote(above.username)}:{unquote(above.password or '')}"
            more = f"Proxy-Authorization: Basic {base64.b64encode(words.encode()).decode()}\r\n"
        if await ask(streams, f"{host}:{port}", more):
            return streams
        await hang_up(streams[1])
        return None


def _is_local(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_private
    return host == "localhost"


def _listen(path: Path) -> socket.socket:
    """A listening unix socket, however long its path is."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        short = f"/proc/self/fd/{directory}/{path.name}"
        listener.bind(short if Path("/proc/self/fd").is_dir() else str(path))
        listener.listen()
    except OSError:
        listener.close()
        raise
    finally:
        os.close(directory)
    return listener


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, int, bytes] | None:
    """The host and port that are asked for, and the head to send there; empty for CONNECT."""
    try:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _WAIT)
        lines = head.decode("latin-1").split("\r\n")[:-2]
        method, target, version = lines[0].split(" ")
        if method == "CONNECT":
            host, port = _split(target)
            return (host, port, b"") if host and port else None
        url = urlsplit(target)
        port = url.port or 80
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ValueError):
        return None
    if url.scheme != "http" or not url.hostname:
        return None
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    # One request for each connection: so the next cannot go to another host unseen.
    kept = [line for line in lines[1:] if line.partition(":")[0].lower() not in _OWN]
    text = "\r\n".join([f"{method} {path} {version}", *kept, "Connection: close", "", ""])
    return url.hostname.rstrip(".").lower(), port, text.encode("latin-1")


async def _say(writer: asyncio.StreamWriter, status: str, text: str) -> None:
    body = f"{text}\n".encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
    await writer.drain()


def upstream_proxy(environment: Mapping[str, str]) -> str:
    """The address of the proxy that the person's environment names; empty if there is none."""
    named = {name.lower(): value for name, value in environment.items()}
    return named.get("https_proxy") or named.get("http_proxy") or ""
