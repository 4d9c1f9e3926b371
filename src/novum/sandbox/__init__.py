"""Run one command: confined where the system can, limited always; nothing survives it.

With bubblewrap a command has namespaces of its own: no network, a read-only system made of what
programs need, its own directories, and an end that nothing escapes. Elsewhere it has a clean
environment, limits, and a supervisor that orphans come to; that protects from accidents, not
from malice. Either way Novum watches memory, processes and disk from outside.
"""

from collections.abc import Callable

from novum.sandbox.census import Usage
from novum.sandbox.command import Command, Limits, Mount, search_path
from novum.sandbox.confinement import NONE, Confinement, confinement_for, detect
from novum.sandbox.leftovers import sweep
from novum.sandbox.process import Breach, Excess, Process
from novum.sandbox.tree import discard, erase, everything

__all__ = [
    "NONE",
    "Breach",
    "Command",
    "Confinement",
    "Excess",
    "Limits",
    "Mount",
    "Process",
    "Usage",
    "confinement_for",
    "detect",
    "discard",
    "erase",
    "everything",
    "run",
    "search_path",
    "sweep",
]

TICK = 0.02


def run(
    command: Command, confinement: Confinement, tick: Callable[[Process], bool] | None = None
) -> Process:
    """Run a command to its end. `tick` is called about fifty times a second; False ends it.

    Raises:
        SandboxError: if it cannot be started.
        OSError: if the system has no room for it.
    """
    with Process(command, confinement) as process:
        while not process.step(TICK):
            if tick is not None and not tick(process):
                break
    return process
