"""Serve a lab's site on a port, until SIGINT or SIGTERM; what was begun is finished."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from signal import SIGINT, SIGTERM

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
    with listening(port, address) as sock, closing(Host(lab)) as host:
        where = f"http://{address}:{sock.getsockname()[1]}"
        config = uvicorn.Config(
            app(host),
            log_level="error",
            access_log=False,  # who visits is nobody's business
            server_header=False,
            timeout_graceful_shutdown=GRACE,
        )
        serving = _Server(config, lambda: _ready(host, where, say))
        anyio.run(lambda: serving.serve(sockets=[sock]))


class _Server(Listener):
    """Ends quietly when it is asked to."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """In place of uvicorn's, which raises the signal again at the end."""
        kept = {number: signal.signal(number, self.handle_exit) for number in (SIGINT, SIGTERM)}
        yield
        for number, handler in kept.items():
            signal.signal(number, handler)


def _ready(host: Host, where: str, say: Callable[[str], None]) -> None:
    host.pulse()
    say(where)
    say(f"your own visits are left out after {where}/own/{host.own}")
