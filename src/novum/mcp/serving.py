"""Serve a lab over standard input and output, or over HTTP on this machine alone."""

import socket
from collections.abc import Callable
from pathlib import Path

import anyio
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings

from novum.errors import UsageError
from novum.lab import read_lab
from novum.mcp.server import Server
from novum.mcp.starting import Starter
from novum.repo import Repo

HOST, PATH = "127.0.0.1", "/mcp"


def server_of(directory: Path) -> Server:
    """The server of a lab.

    Raises:
        UsageError: if it is no lab in a git repository.
    """
    read_lab(directory)
    Repo(directory)
    return Server(directory, Starter(directory))


def serve_stdio(directory: Path) -> None:
    """Serve until the client closes our standard input."""
    server_of(directory).run("stdio")


def serve_http(directory: Path, port: int, say: Callable[[str], None]) -> None:
    """Serve on a port of this machine (0: any free one) until interrupted; says where.

    A page in a browser cannot reach it by a name that it makes point here: `Host` and `Origin`
    have to name this machine.

    Raises:
        UsageError: if the port is taken.
    """
    server = server_of(directory)
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
            listening.listen()
        except OSError as error:
            raise UsageError(f"port {port} cannot be used: {error.strerror}") from None
        port = listening.getsockname()[1]
        names = [f"{HOST}:{port}", f"localhost:{port}"]
        app = server.streamable_http_app(
            streamable_http_path=PATH,
            transport_security=TransportSecuritySettings(
                allowed_hosts=names, allowed_origins=[f"http://{name}" for name in names]
            ),
        )
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
        serving = _Serving(config, lambda: say(f"http://{HOST}:{port}{PATH}"))
        anyio.run(lambda: serving.serve(sockets=[listening]))


class _Serving(uvicorn.Server):
    """Says that it is ready when it answers, and when a signal can end it."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()
