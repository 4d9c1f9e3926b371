"""A port of this machine, and a server on it that says when it answers. Needs uvicorn."""

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from novum.errors import UsageError

HOST = "127.0.0.1"


@contextmanager
def listening(port: int, host: str = HOST) -> Iterator[socket.socket]:
    """A socket that listens on a port (0: any free one), closed at the end.

    Raises:
        UsageError: if the port is taken, or the address is none of this machine's.
    """
    # Only where the protocol is named does asyncio send small packets at once.
    with socket.socket(proto=socket.IPPROTO_TCP) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
            sock.listen(1024)
        except OSError as error:
            hint = "; choose another" if error.errno == errno.EADDRINUSE else ""
            raise UsageError(f"port {port} cannot be used: {error.strerror}{hint}") from None
        yield sock


class Listener(uvicorn.Server):
    """Says that it is ready when it answers, and when a signal can end it."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, then say so."""
        await super().startup(sockets)
        self._ready()
