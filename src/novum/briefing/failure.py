"""Why a trial failed: of a log, the lines that explain it."""

import re
from collections.abc import Collection

from novum.briefing.fence import one_line

LONGEST = 240  # characters of a line
LAST = 3  # lines, where there is no traceback
TRACEBACK = "Traceback (most recent call last)"
_FRAME = re.compile(r'\s*File "(?:[^"\n]*/)?([^"/\n]+)", line (\d+)(?:, in (\S+))?')


def explanation(log: bytes, files: Collection[str]) -> str:
    """Where in one of these files a program failed, and its last words; empty without a log.

    Of a Python traceback, the innermost frame that is in one of the files, and the last line;
    of any other log, the last lines.
    """
    lines = [line for line in log.decode("utf-8", "replace").splitlines() if line.strip()]
    starts = [number for number, line in enumerate(lines) if line.startswith(TRACEBACK)]
    if not starts:
        return "\n".join(one_line(line, LONGEST) for line in lines[-LAST:])
    trace = lines[starts[-1] + 1 :]
    names = {path.rpartition("/")[2] for path in files}
    place = ""
    end = len(trace)
    for number, line in enumerate(trace):
        frame = _FRAME.match(line)
        if frame is None:
            if not line[:1].isspace():
                end = number + 1
                break
            continue
        if frame[1] in names:
            code = trace[number + 1] if number + 1 < len(trace) else ""
            shown = "" if _FRAME.match(code) or not code[:1].isspace() else f": {code.strip()}"
            inside = f", in {frame[3]}" if frame[3] else ""
            place = f"{frame[1]}, line {frame[2]}{inside}{shown}"
    last = trace[min(end, len(trace)) - 1] if trace else TRACEBACK
    return "\n".join(one_line(line, LONGEST) for line in (place, last) if line)
