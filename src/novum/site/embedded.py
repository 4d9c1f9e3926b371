"""A site whose visitors are simulated: the real server, a crowd that speaks HTTP, a fast clock.

`serve` is what `novum serve LAB --visitors simulated` does. `visited` is for a campaign: the same
in a process of its own, which ends with the campaign, however that ends.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from novum.errors import SiteError, UsageError
from novum.ledger.home import make_home
from novum.site import serving
from novum.site.clock import REAL, Clock
from novum.site.config import read_site
from novum.site.overview import is_served
from novum.site.store import Store, store_of
from novum.terminal import tail

SPEED = 8640.0  # seconds of the site's clock in a real one: a day takes ten seconds
PEOPLE = 100.0  # who come in a real second, on average over a week
COME = "simulated people come"
TASTE = 1  # what they like stays the same, whenever they come
GRACE = 15.0  # seconds for a child to end
LOOK = 0.2  # seconds between two looks at whether the parent still lives
LOG = "site.log"  # in the lab's home: what the child complained of


def serve(lab: Path, address: str, port: int, say: Callable[[str], None]) -> None:
    """Serve, with a crowd of simulated people, until SIGINT or SIGTERM.

    Raises:
        UsageError: if the site had real visitors, the port is taken, or the lab is not sound.
        SiteError: if the site's file cannot be used, or the crowd ended.
    """
    read_site(lab)
    with closing(store_of(lab)) as store:
        clock, seed = _clock_of(store), _seed(store)
    crowd: list[subprocess.Popen[bytes]] = []
    ended = threading.Event()

    def tell(line: str) -> None:
        say(line)
        if not crowd:  # the first line is the address
            crowd.append(_crowd(line, clock, seed))
            threading.Thread(target=_end_with, args=(crowd[0], ended), daemon=True).start()

    try:
        serving.serve(lab, address, port, tell)
        if crowd and crowd[0].poll():
            raise SiteError("the crowd of simulated people failed; why is above")
    finally:
        ended.set()
        for process in crowd:
            _end(process)


@contextmanager
def visited(lab: Path) -> Iterator[str]:
    """While this lasts, the site is served and visited by simulated people; its address.

    Raises:
        UsageError: if the lab has no site.
        SiteError: if it cannot be served; what the server said is in the message.
    """
    read_site(lab)
    command = [sys.executable, "-m", "novum.site.embedded", str(lab.resolve())]
    with (make_home(lab) / LOG).open("w+b") as log:
        # In a session of its own: Ctrl-C is for the campaign, whose last trial needs visitors.
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
        try:
            assert child.stdout is not None
            address = child.stdout.readline().decode().strip()
            if not address:
                child.wait(GRACE)
                log.seek(0)
                raise SiteError(tail(log.read(), 1).removeprefix("novum: ") or "the server ended")
            threading.Thread(target=child.stdout.read, daemon=True).start()  # it must not wait
            yield address
        finally:
            _end(child)


def require_real(lab: Path) -> None:
    """See that a site that is served to real visitors had no simulated ones.

    Raises:
        UsageError: if it had.
    """
    read_site(lab)
    with closing(store_of(lab)) as store:
        if store.clock != REAL:
            raise UsageError(
                f"the visitors of this site were simulated, so it has no place for real ones: "
                f"make another lab for them, or move {store.path} away"
            )


def _clock_of(store: Store) -> Clock:
    """The site's fast clock, which goes on if it went before."""
    if store.clock == REAL:
        if is_served(store):
            raise UsageError("this site is served to real visitors; end that first")
        if store.experiments() or store.traffic(0.0, float("inf")).visitors:
            raise UsageError(
                "this site has had real visitors, and simulated ones would be counted with them; "
                "make another lab for them: novum new copy"
            )
        now = time.time()
        store.set_clock(Clock(now, now, SPEED))
    return store.clock


def _seed(store: Store) -> int:
    """Another one each time, so that nobody's luck comes again."""
    store.note("serve", COME, {})
    return sum(entry.what == COME for entry in store.audit())


def _crowd(address: str, clock: Clock, seed: int) -> subprocess.Popen[bytes]:
    options = {
        "url": address,
        "seed": seed,
        "taste": TASTE,
        "rate": PEOPLE,
        "speed": clock.speed,
        "origin": repr(clock.origin),
        "start": repr(clock.start),
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "novum.site.visitors", *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def _end_with(crowd: subprocess.Popen[bytes], ended: threading.Event) -> None:
    """End the server when there is no crowd any more, for nobody would come; unless it ended."""
    crowd.wait()
    if not ended.is_set():
        os.kill(os.getpid(), signal.SIGTERM)


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK)
    os.kill(os.getpid(), signal.SIGTERM)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _main(lab: str) -> int:
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    try:
        serve(Path(lab), "127.0.0.1", 0, lambda line: print(line, flush=True))
    except (UsageError, SiteError) as error:
        print(f"novum: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
