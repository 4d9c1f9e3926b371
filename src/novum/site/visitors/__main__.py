"""`python -m novum.site.visitors --url http://127.0.0.1:8080 --seed 1`: a crowd for a site.

It ends when all have come, on SIGTERM or Ctrl-C, and when the process that started it is gone; it
then prints what it did as a line of JSON.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from novum.site.clock import Clock
from novum.site.visitors.crowd import Settings
from novum.site.visitors.processes import gather


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the crowd; the exit status."""
    options = parser().parse_args(arguments)
    now = time.time()
    origin = now if options.origin is None else options.origin
    clock = Clock(origin if options.start is None else options.start, origin, options.speed)
    settings = Settings(
        host=options.url[0],
        port=options.url[1],
        seed=options.seed,
        taste=options.seed if options.taste is None else options.taste,
        base=options.base,
        rate=options.rate,
        clock=clock,
        start=clock.start if options.origin is None else clock.now(),
        visitors=options.visitors,
        processes=options.processes,
    )
    counts, whole = gather(settings)
    print(json.dumps(counts.as_json()), flush=True)
    if not whole:
        print("a part of the crowd failed, and is not counted; why is above", file=sys.stderr)
    return 0 if whole else 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="python -m novum.site.visitors", description="Simulated visitors for a site."
    )
    add = found.add_argument
    add("--url", type=_address, required=True, help="of the site, such as http://127.0.0.1:8080")
    add("--seed", type=int, default=0, help="the same seed, the same people (0)")
    add("--taste", type=int, help="the same taste, the same words are liked (as the seed)")
    add("--processes", type=_whole, default=1, help="that share the crowd (1)")
    add("--rate", type=_positive, default=50, help="people a second, on average over a week (50)")
    add("--base", type=_share, default=0.04, help="conversion rate of an average page (0.04)")
    add("--visitors", type=_whole, help="end after so many have come (never)")
    add("--speed", type=_positive, default=1, help="seconds of the site's clock in a second (1)")
    add("--origin", type=float, help="real time at which the site's clock began (now)")
    add("--start", type=float, help="what the site's clock said then (the same)")
    return found


def _address(text: str) -> tuple[str, int]:
    parts = urlsplit(text)
    if parts.scheme != "http" or parts.hostname is None or parts.path not in {"", "/"}:
        raise argparse.ArgumentTypeError(f"{text}: an address such as http://127.0.0.1:8080")
    return parts.hostname, parts.port or 80


def _whole(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return int(text)


def _positive(text: str) -> float:
    if not 0 < float(text) < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return float(text)


def _share(text: str) -> float:
    if not 0 < float(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return float(text)


if __name__ == "__main__":
    sys.exit(main())
