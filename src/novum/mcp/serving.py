"""Serve a lab over standard input and output, or over HTTP on this machine alone."""

from collections.abc import Callable
from pathlib import Path

import anyio
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings

from novum.lab import read_lab
from novum.listening import HOST, Listener, listening
from novum.mcp.server import Server
from novum.mcp.starting import Starter
from novum.repo import Repo

PATH = "/mcp"


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
    with listening(port) as sock:
        port = sock.getsockname()[1]
        names = [f"{HOST}:{port}", f"localhost:{port}"]
        app = server.streamable_http_app(
            streamable_http_path=PATH,
            transport_security=TransportSecuritySettings(
                allowed_hosts=names, allowed_origins=[f"http://{name}" for name in names]
            ),
        )
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
        serving = Listener(config, lambda: say(f"http://{HOST}:{port}{PATH}"))
        anyio.run(lambda: serving.serve(sockets=[sock]))
