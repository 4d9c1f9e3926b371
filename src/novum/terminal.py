"""Small words: numbers and curves as text, and text from outside made harmless."""

import errno
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from novum.records import Usage

BARS = "▁▂▃▄▅▆▇█"
# Control characters could move the cursor, recolour the screen, or hide what is there; marks of
# direction could show the letters of a line in another order than a program reads them.
CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
    r"|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)

TO_DO = {  # about an error of the system
    errno.ENOSPC: "; free some space, and do it again",
    errno.EDQUOT: "; free some of your quota, and do it again",
    errno.EROFS: "; Novum has to write there: make it writable, or copy the lab elsewhere",
    errno.EACCES: "; Novum has to read and write there: give yourself the right to",
    errno.EMFILE: "; allow more open files: ulimit -n 4096",
}


def harmless(text: str) -> str:
    """Text that came from a run, without anything that a terminal would obey."""
    return CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def storable(text: str) -> str:
    """Text without halves of characters, which could not be sent, stored or written anywhere."""
    return text.encode("utf-8", "replace").decode("utf-8")


def cut(text: str, most: int) -> str:
    """Text of at most `most` characters; what was cut off is told by an ellipsis."""
    return text if len(text) <= most else text[: max(most - 1, 0)].rstrip() + "…"


def typed(path: Path) -> str:
    """A path as a person can type it behind a command: in quotes where a shell asks for them."""
    return shlex.quote(str(path))


def system_error(error: OSError, where: object = "the system") -> str:
    """What the system refuses, where if it does not say so itself, and what a person can do."""
    to_do = TO_DO.get(error.errno or 0, "")
    return f"{error.filename or where}: {error.strerror or error}{to_do}"


def counted(count: int, noun: str) -> str:
    """1 run, 2 runs."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def figure(value: float, beside: float | None = None, sign: str = "") -> str:
    """A score for a column of them: five decimals, or six digits where these would say nothing.

    What stands `beside` it decides, where that is what has to be seen; `sign` is "+" or nothing.
    """
    size = abs(value if beside is None else beside)
    fits = size == 0 or 1e-3 <= size < 1e6
    return f"{value:{sign}.5f}" if fits else f"{value:{sign}.6g}"


def tail(log: bytes, lines: int) -> str:
    """The last lines of a log, harmless."""
    return "\n".join(harmless(log.decode("utf-8", "replace")).rstrip().splitlines()[-lines:])


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """A curve in one line of text; empty without values."""
    if not values:
        return ""
    if len(values) > width:
        step = len(values) / width
        values = [values[int(position * step)] for position in range(width)]
    low, high = min(values), max(values)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[round((value - low) * scale)] for value in values)


def cost(usage: Usage) -> str:
    """What asking researchers cost: money, tokens, requests."""
    cached = f", {usage.cached_tokens} of them cached" if usage.cached_tokens else ""
    unpriced = f", {usage.unpriced} of them of unknown price" if usage.unpriced else ""
    requests = counted(usage.requests, "request")
    return (
        f"{usage.usd:.4g} USD: {usage.input_tokens} tokens sent{cached}, "
        f"{usage.output_tokens} received, {requests}{unpriced}"
    )


def duration(seconds: float) -> str:
    """A length of time in its two largest units: 3 h 12 min, 4 min 05 s, 45 s."""
    total = round(seconds)
    if total < 60:
        return f"{total} s" if seconds >= 1 or seconds == 0 else f"{seconds:.2f} s"
    if total < 3600:
        return f"{total // 60} min {total % 60:02d} s"
    if total < 86400:
        return f"{total // 3600} h {total % 3600 // 60:02d} min"
    return f"{total // 86400} d {total % 86400 // 3600} h"
