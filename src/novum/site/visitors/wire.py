"""HTTP to one server, over connections that are kept: h11 on asyncio's streams.

h11 is what uvicorn and httpx speak HTTP by. A whole client takes several times the processor time
for a request, which a crowd beside its server on one machine cannot spare.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

import h11

TIMEOUT = 15.0  # seconds of real time for an answer
OPEN = 128  # connections of a process, at most
_CHUNK = 65_536


class UnreachableError(Exception):
    """No answer came: refused, reset, torn or too late."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    body: bytes
    cookies: tuple[str, ...]  # name=value, as they were set


@dataclass
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    protocol: h11.Connection
    used: bool = False


class Wire:
    """Connections to a server."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._idle: list[_Connection] = []
        self._places = asyncio.Semaphore(OPEN)

    async def ask(
        self, method: str, target: str, headers: Iterable[tuple[str, str]] = ()
    ) -> Answer:
        """Send a request without a body. Raises UnreachableError if no whole answer comes."""
        sent = [("Host", f"{self._host}:{self._port}"), *headers]
        sent += [("Content-Length", "0")] if method == "POST" else []
        request = h11.Request(method=method, target=target, headers=sent)
        async with self._places:
            try:
                async with asyncio.timeout(TIMEOUT):
                    return await self._exchange(request)
            except (OSError, h11.RemoteProtocolError, TimeoutError) as error:
                raise UnreachableError(str(error)) from error

    def close(self) -> None:
        """Close all connections."""
        while self._idle:
            self._idle.pop().writer.close()

    async def _exchange(self, request: h11.Request) -> Answer:
        while True:
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                answer = await _exchange(connection, request)
            except (OSError, h11.RemoteProtocolError):
                connection.writer.close()
                if connection.used:  # the server had closed it: another one
                    continue
                raise
            except BaseException:
                connection.writer.close()
                raise
            if connection.protocol.our_state is connection.protocol.their_state is h11.DONE:
                connection.protocol.start_next_cycle()
                connection.used = True
                self._idle.append(connection)
            else:
                connection.writer.close()
            return answer

    async def _connect(self) -> _Connection:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        return _Connection(reader, writer, h11.Connection(h11.CLIENT))


async def _exchange(connection: _Connection, request: h11.Request) -> Answer:
    protocol = connection.protocol
    sent = (protocol.send(request) or b"") + (protocol.send(h11.EndOfMessage()) or b"")
    connection.writer.write(sent)
    status, body, cookies = 0, bytearray(), []
    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            protocol.receive_data(await connection.reader.read(_CHUNK))
        elif isinstance(event, h11.Response):
            status = event.status_code
            found = (value for name, value in event.headers if name == b"set-cookie")
            named = (value.partition(b";")[0] for value in found)
            cookies = [value.decode() for value in named if value.isascii() and b"=" in value]
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return Answer(status, bytes(body), tuple(cookies))
        elif isinstance(event, h11.ConnectionClosed):
            raise h11.RemoteProtocolError("the server closed the connection")
