"""A proposal put in line, and followed until its verdict; a machine is started where none runs."""

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
from anyio.to_thread import run_sync

from novum import asking
from novum.errors import CampaignError, UsageError
from novum.ledger import Ledger
from novum.mcp.following import Look, Wanted, look
from novum.mcp.reading import NOTHING_YET
from novum.mcp.starting import Starter
from novum.records import Edit, Proposal

LOOK_SECONDS, TELL_SECONDS = 0.5, 3.0  # between looks while waiting; between signs of life
STARTS = 3  # of the machine, in one wait
MOST_WAITING = 20  # proposals in line; more would be a flood, not research
STOPPED = "stopped by the person, who may go on with: novum resume"
Tell = Callable[[float, float, str], Awaitable[None]]  # seconds spent, of, and what is going on


@dataclass(frozen=True, slots=True)
class Change:
    """A change as an agent gives it: edits, or a diff."""

    edits: Sequence[Edit] = ()
    diff: str = ""

    def on(self, ground: asking.Ground) -> tuple[Edit, ...]:
        """The edits.

        Raises:
            UsageError: if there is no change, or two, or it does not apply.
        """
        if bool(self.edits) == bool(self.diff.strip()):
            raise UsageError("give the change either as edits or as a diff")
        if not self.edits:
            return asking.edits_in(ground, self.diff)
        asking.require_applicable(ground, self.edits)
        return tuple(self.edits)


def put_in(
    directory: Path,
    starter: Starter,
    proposal: Proposal,
    change: Change,
    *,
    idea: int | None = None,
    again: bool = False,
) -> tuple[int, str]:
    """Put a proposal in line; returns its id, and whether a machine ran or what was started.

    It may work out an `idea` of the person's, which then waits no more.

    Raises:
        UsageError: if it does not apply to the incumbent, too many wait already, or there is no
            such idea.
        CampaignError: if the machine does not start; then nothing is in line.
    """
    whole = replace(proposal, edits=change.on(asking.ground(directory)))
    _require_sense(directory, idea)
    started = starter.ensure()
    with closing(Ledger(directory)) as ledger, ledger.together():
        number = asking.propose(ledger, whole, again=again)
        if idea is not None:
            ledger.requests.withdraw(idea, f"worked out by {whole.researcher}: proposal {number}")
    return number, started


def _require_sense(directory: Path, idea: int | None) -> None:
    """See that there is room in the line, and that the idea is there."""
    waiting, ideas = 0, set[int]()
    if Ledger.exists(directory):
        with closing(Ledger(directory)) as ledger:
            waiting = len(ledger.requests.waiting("proposal"))
            ideas = {one.id for one in ledger.requests.waiting("idea")}
    if waiting >= MOST_WAITING:
        raise UsageError(f"{waiting} proposals wait already; wait for their verdicts first")
    if idea is not None and idea not in ideas:
        raise UsageError(f"no idea {idea} of the person waits; briefing lists those that do")


async def follow(
    directory: Path,
    starter: Starter,
    wanted: Wanted,
    seconds: float,
    tell: Tell | None = None,
    *,
    turn: bool = False,
) -> Look:
    """Look until there is a verdict, or the time is over; a machine that has gone is started again.

    With `turn`, only until it is tried.

    Raises:
        UsageError: if there is no such proposal or experiment.
        CampaignError: if the machine has gone and does not start again.
    """
    begun, told, starts = time.monotonic(), -TELL_SECONDS, 0
    while True:
        seen = await run_sync(_look, directory, wanted)
        spent = time.monotonic() - begun
        if seen.settled or (turn and seen.answer.state == "running"):
            return seen
        if not seen.running and not seen.stopped and starts < STARTS:
            starts += 1
            await run_sync(_start_again, directory, starter, wanted)
        elif spent >= seconds:
            return seen
        else:
            if tell is not None and spent - told >= TELL_SECONDS:
                told = spent
                await tell(spent, seconds, seen.answer.machine)
            await anyio.sleep(min(LOOK_SECONDS, max(seconds - spent, 0.01)))


def _look(directory: Path, wanted: Wanted) -> Look:
    if not Ledger.exists(directory):
        raise UsageError(NOTHING_YET)
    with closing(Ledger(directory)) as ledger:
        seen = look(ledger, wanted)
    if seen.stopped and not seen.running and not seen.settled:
        seen.answer.machine = STOPPED
    return seen


def _start_again(directory: Path, starter: Starter, wanted: Wanted) -> None:
    """Start the machine again; if it fails, what waited for it is withdrawn."""
    try:
        starter.ensure()
    except CampaignError:
        if wanted.proposal is not None:
            with closing(Ledger(directory)) as ledger:
                ledger.requests.withdraw(wanted.proposal, "withdrawn: the machine failed")
        raise
