"""Serve a lab's site on a port, until SIGINT or SIGTERM; what was begun is finished."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import anyio
import uvicorn

from novum.listening import Listener, listening
from novum.site.hosting import Host
from novum.site.server import app

GRACE = 5  # seconds for what was begun, at the end


def serve(lab: Path, address: str, port: int, say: Callable[[str], None]) -> None:
    """Serve on a port (0: any free one) of an address; says where, when it answers.

    Raises:
        UsageError: if the port is taken, or the lab's files are not sound.
        SiteError: if the site's file or key cannot be used.
    """
    with closing(Host(lab)) as host, listening(port, address) as sock:
        where = f"http://{address}:{sock.getsockname()[1]}"
        config = uvicorn.Config(
            app(host),
            log_level="warning",
            access_log=False,  # who visits is nobody's business
            server_header=False,
            timeout_graceful_shutdown=GRACE,
        )
        serving = Listener(config, lambda: _ready(host, where, say))
        anyio.run(lambda: serving.serve(sockets=[sock]))


def _ready(host: Host, where: str, say: Callable[[str], None]) -> None:
    host.pulse()
    say(where)
    say(f"your own visits are left out after {where}/own/{host.own}")
