"""How a program ended, in words and as a state."""

import re
import signal

from novum.records import DISTURBED, TrialState
from novum.sandbox import Excess, Process
from novum.terminal import cut

# Exit statuses of sysexits.h, of an evaluator or a service.
REFUSED = 65  # EX_DATAERR: it does not take the candidate; its last line says why
NO_ANSWER_YET = 75  # EX_TEMPFAIL: it must be asked later
_TAIL = 64 * 1024
_LONGEST = 300
_HELD = 1.0  # seconds
_ERROR_LINE = re.compile(
    r"^\s*(?:\w+\.)*\w*(?:Error|Exception|Interrupt|Exit|Warning|Failure)\b(?:: .*)?$"
)
_OUT_OF_MEMORY = re.compile(
    r"^[ \t]*(?:\w+\.)*(?:MemoryError|OutOfMemoryError)\b|CUDA out of memory|std::bad_alloc"
    r"|can't allocate memory|[Cc]annot allocate memory",
    re.MULTILINE,
)
_STATES = {
    Excess.TIME: TrialState.TIMEOUT,
    Excess.MEMORY: TrialState.OUT_OF_MEMORY,
    Excess.DISK: TrialState.CRASH,
    Excess.PROCESSES: TrialState.CRASH,
}


def failure(process: Process, *, frozen: bool = False) -> tuple[TrialState, str] | None:
    """The state and the explanation of an end that was not a success, or None.

    What surely came from outside is not its fault, nor is it if time ran out while Novum itself was
    held up, and did not look. Who killed a program cannot be known: of the lab's own, `frozen` ones
    it was somebody else, but a candidate could kill itself, to draw its luck again.
    """
    if process.disturbed:
        return TrialState.INFRASTRUCTURE, f"{DISTURBED}{process.disturbed}"
    if process.breach is not None and process.breach.excess is Excess.TIME and was_held(process):
        return TrialState.INFRASTRUCTURE, held_words(process)
    if process.breach is not None:
        return _STATES[process.breach.excess], process.breach.detail
    if process.status == 0:
        return None
    if frozen and process.status == -signal.SIGKILL:
        return TrialState.INFRASTRUCTURE, f"{DISTURBED}it was killed (SIGKILL) by somebody else"
    log = process.output.bytes()[-_TAIL:].decode("utf-8", errors="replace")
    state = TrialState.OUT_OF_MEMORY if _OUT_OF_MEMORY.search(log) else TrialState.CRASH
    return state, explain(process.status or 0, log)


def was_held(process: Process) -> bool:
    """Whether Novum could not look after a program for so long that its time says nothing."""
    return process.held > _HELD


def held_words(process: Process) -> str:
    """What is recorded of such a trial."""
    return f"{DISTURBED}Novum itself was held up for {process.held:.1f} s, and did not look"


def explain(status: int, log: str) -> str:
    """The line of a log that says why a program failed, or else its exit status."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR_LINE.match(line)]
    if status >= 0 and errors:
        return _plain(errors[-1])
    how = f"exit status {status}" if status >= 0 else f"killed by {_signal_name(-status)}"
    return f"{how}: {_plain(lines[-1])}" if lines else how


def _plain(line: str) -> str:
    line = "".join(char if char.isprintable() else " " for char in line)
    return cut(line, _LONGEST)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
