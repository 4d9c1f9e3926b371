"""The only way out of an agent's sandbox: local ports whose traffic goes to our proxy outside.

This file is run as a script inside the sandbox, where there is no network, in front of the agent.
Hence only the standard library:

    python -I -S relay.py SOCKET PORTS COMMAND...

PORTS are separated by commas. `3128` passes its traffic on as it is; `8080=127.0.0.1:8080` first
asks the proxy to connect it with that address. The exit status is the command's.
"""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress

_CHUNK = 65536
_WAIT = 60.0  # seconds for the proxy's answer


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(_CHUNK):
        target.write(data)
        await target.drain()
    if target.can_write_eof():
        target.write_eof()


async def join(
    one: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    other: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    """Carry bytes both ways until both sides have ended, or one breaks."""
    ways = [
        asyncio.ensure_future(_carry(one[0], other[1])),
        asyncio.ensure_future(_carry(other[0], one[1])),
    ]
    try:
        await asyncio.gather(*ways)
    except OSError:
        pass
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close a connection, whatever state it is in."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def ask(
    proxy: tuple[asyncio.StreamReader, asyncio.StreamWriter], address: str, more: str = ""
) -> bool:
    """Whether a proxy connects us with an address."""
    reader, writer = proxy
    writer.write(f"CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n{more}\r\n".encode())
    try:
        await writer.drain()
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _WAIT)
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
        return False
    return b" 200" in head.partition(b"\r\n")[0]


class _Port:
    """A local port, and the address outside that it stands for, if it stands for one."""

    def __init__(self, socket: str, text: str) -> None:
        port, _, self._address = text.partition("=")
        self.number = int(port)
        self._socket = socket

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            proxy = await asyncio.open_unix_connection(self._socket)
        except OSError:
            await hang_up(writer)
            return
        try:
            if not self._address or await ask(proxy, self._address):
                await join((reader, writer), proxy)
        finally:
            await hang_up(proxy[1])
            await hang_up(writer)


async def _main(socket: str, ports: str, command: Sequence[str]) -> int:
    async with AsyncExitStack() as servers:
        for port in (_Port(socket, text) for text in ports.split(",")):
            server = await asyncio.start_server(port, "127.0.0.1", port.number)
            servers.callback(server.close)
        try:
            agent = await asyncio.create_subprocess_exec(*command)
        except OSError as error:
            sys.stderr.write(f"{command[0]}: {error.strerror}\n")
            return 127
        status = await agent.wait()
    return 128 - status if status < 0 else status


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(sys.argv[1], sys.argv[2], sys.argv[3:])))
