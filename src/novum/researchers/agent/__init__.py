"""A coding agent as a researcher: started without a person, in a tree of its own.

    novum run LAB --researcher agent:claude

What it says of its success counts for nothing. The proposal is what differs in its tree, and its
end is ours. By the Agent Client Protocol where an adapter is installed, else by its command line.
"""

import hashlib
import importlib.util
import os
import re
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Self

import psutil

from novum.briefing import Briefing
from novum.errors import ResearcherError, SandboxError, UsageError
from novum.lab import Lab
from novum.ledger.home import HOME
from novum.records import Edit, Proposal, Usage, kind_in_words
from novum.repo import Repo
from novum.researchers import MOST_EMPTY, Desk, Streak
from novum.researchers.agent import installation, prompts
from novum.researchers.agent.command import CommandTalk
from novum.researchers.agent.home import Home
from novum.researchers.agent.installation import Installation
from novum.researchers.agent.money import priced
from novum.researchers.agent.presets import Preset, preset_for
from novum.researchers.agent.protocol import ProtocolTalk
from novum.researchers.agent.surroundings import Surroundings
from novum.researchers.agent.tree import Changes, Tree, in_words
from novum.researchers.agent.turns import Ending, Session, Talk, Turn
from novum.researchers.agent.words import Said, said_in
from novum.sandbox import confinement_for, erase, search_path

CORRECTIONS = 2
PAUSES = (5.0, 30.0, 120.0)  # seconds before an agent that failed is asked again
_KEPT = 200_000  # characters of a turn's output
_REFUSED_KEY = re.compile(
    r"log ?in|authenticat|api.?key|unauthori[sz]ed|credential|\b401\b|credit balance", re.IGNORECASE
)
_numbers = count()


@dataclass(frozen=True, slots=True)
class _Visit:
    """What came of asking once: the last turn, and the tree after the agent had ended."""

    turn: Turn
    changes: Changes
    note: str
    blocked: Sequence[str] = ()  # hosts that it may not reach


class Agent:
    """Asks a coding agent for one change at a time."""

    instant = False

    def __init__(
        self,
        lab: Lab,
        directory: Path,
        preset: Preset,
        program: Installation,
        protocol: str,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self.name = f"agent:{preset.name}"
        self._lab = lab
        self._directory = directory
        self._preset = preset
        self._program = program
        self._protocol = protocol
        self._pauses = pauses
        self._surroundings: Surroundings | None = None
        self._session = Session()
        self._streak = Streak()

    @classmethod
    def for_lab(cls, lab: Lab, directory: Path, choice: str = "") -> Self:
        """The agent that is chosen, or the one of `[agent]`.

        Raises:
            UsageError: if there is none of that name, or it is not installed.
        """
        preset = preset_for(lab.agent, choice)
        protocol, program = _way(lab, preset)
        return cls(lab, directory, preset, program, protocol)

    @staticmethod
    def frame(lab: Lab) -> str:
        """The instructions that go before the briefing."""
        return prompts.frame(lab)

    def propose(self, briefing: Briefing, desk: Desk) -> Proposal | None:
        """The change that the agent left in its tree; None if it was called off.

        Raises:
            ResearcherError: if it cannot be started, fails again and again, or changes nothing
                five times in a row.
        """
        try:
            surroundings = self._placed(desk)
            visit = self._visited(surroundings, briefing, desk)
        except (SandboxError, OSError) as error:
            raise ResearcherError(f"{self._preset.title} could not be run: {error}") from None
        if visit is None:
            return None
        self._session.proposals += 1
        proposal = self._proposal(briefing, visit)
        self._streak.require_edits(
            proposal,
            f"{self._preset.title} changed nothing {MOST_EMPTY} times in a row; its last "
            f"words: {proposal.hypothesis[:300] or visit.turn.problem or 'none'}",
        )
        return proposal

    # -- asking -----------------------------------------------------------------------------------

    def _visited(self, surroundings: Surroundings, briefing: Briefing, desk: Desk) -> _Visit | None:
        """Ask, again if the agent fails; None if it was called off."""
        for pause in (*self._pauses, None):
            visit = self._visit(surroundings, briefing, desk)
            if visit.turn.ending is Ending.CANCELLED:
                return None
            if visit.turn.ending is not Ending.FAILED:
                return visit
            self._session = Session()  # perhaps that was what failed
            told = self._failure(visit)
            if pause is None or _REFUSED_KEY.search(visit.turn.problem):
                raise ResearcherError(told)
            desk.notice(f"{told}; it is asked again in {pause:g} s")
            if desk.cancel.wait(pause):
                return None
        raise AssertionError("the last pause is none")

    def _failure(self, visit: _Visit) -> str:
        told = f"{self._preset.title} failed: {visit.turn.problem[:500]}"
        if visit.blocked:
            hosts = ", ".join(visit.blocked[:5])
            told += f" (it may not reach {hosts}; `hosts` in [agent] allows more)"
        if _REFUSED_KEY.search(visit.turn.problem) and self._preset.keys:
            told += f"; set {' or '.join(self._preset.keys)}, or log in with `{self._preset.name}`"
        return told

    def _visit(self, surroundings: Surroundings, briefing: Briefing, desk: Desk) -> _Visit:
        """One conversation about one proposal, on a fresh tree."""
        editable, litter = self._lab.files.editable, self._preset.litter
        tree = Tree(Repo(self._directory), surroundings.tree, editable, litter)
        prompt = self.frame(self._lab) + briefing.text
        tree.make(briefing.parent, prompt)
        deadline = time.monotonic() + self._lab.agent.timeout
        if not self._session.id or self._session.proposals >= self._lab.agent.session:
            self._session = Session()
        with surroundings.entered() as proxy:
            talk = self._talk(surroundings, deadline)
            try:
                turn = self._converse(talk, tree, prompt, desk, deadline)
            finally:
                talk.end()
            blocked = proxy.refused if proxy else ()
        if blocked:
            desk.keep("hosts that it was refused", "\n".join(blocked))
        return _Visit(turn, tree.changes(), tree.note(), blocked)

    def _talk(self, surroundings: Surroundings, deadline: float) -> Talk:
        if self._protocol == "acp":
            return ProtocolTalk(surroundings, deadline, self._session)
        return CommandTalk(surroundings, self._session)

    def _converse(self, talk: Talk, tree: Tree, prompt: str, desk: Desk, deadline: float) -> Turn:
        turn = self._say(talk, prompt, desk, deadline, 1)
        for number in range(2, CORRECTIONS + 2):
            word = prompts.correction(tree.changes(), turn, self._lab)
            if not word:
                break
            # An agent whose session is lost has to hear it all again.
            whole = word if talk.session.id else f"{prompt}\n\n---\n\n{word}"
            before, turn = turn, self._say(talk, whole, desk, deadline, number)
            if turn.ending is Ending.FAILED and tree.changes().edits:
                return before  # what it did before it failed to correct it stands
        return turn

    def _say(self, talk: Talk, prompt: str, desk: Desk, deadline: float, number: int) -> Turn:
        desk.require_means()
        turn = talk.say(prompt, desk, deadline)
        told = turn.usage.requests or turn.usage.tokens
        used = turn.usage if told else Usage(requests=1, unpriced=1)
        desk.spend(priced(used, self._lab, self._preset))
        suffix = "" if number == 1 else f" {number}"
        desk.keep(f"prompt{suffix}", prompt)
        ended = f"[{turn.ending}{': ' if turn.problem else ''}{turn.problem}]"
        desk.keep(f"{self._preset.name}{suffix}", f"{_cut(turn.output)}\n{ended}")
        return turn

    # -- what came of it --------------------------------------------------------------------------

    def _proposal(self, briefing: Briefing, visit: _Visit) -> Proposal:
        """What the tree says, in the agent's words."""
        changes, turn = visit.changes, visit.turn
        edits = (*changes.foreign, *changes.edits) if changes.refused else changes.edits
        if changes.refused and not changes.foreign:
            edits = ()  # part of it cannot even be said as an edit: the rest alone is another idea
        said = said_in(visit.note, turn.words)
        return Proposal(
            title=self._title(said, changes, turn, edits),
            edits=edits,
            hypothesis=said.hypothesis,
            expected=said.expected,
            kind=kind_in_words(said.kind),
            source=self._preset.title,
            key=_key(briefing, edits),
            researcher=self.name,
        )

    def _title(self, said: Said, changes: Changes, turn: Turn, edits: Sequence[Edit]) -> str:
        if changes.refused and not edits:
            return f"Refused: {in_words(changes.refused)}"
        if not edits:
            why = f": {turn.problem}" if turn.problem else ""
            return f"{self._preset.title} changed nothing{why}"
        return said.title or f"Change {', '.join(dict.fromkeys(edit.path for edit in edits))}"

    # -- its place --------------------------------------------------------------------------------

    def _placed(self, desk: Desk) -> Surroundings:
        """The agent's surroundings, made at the first need."""
        if self._surroundings is None:
            confinement = confinement_for(self._lab.sandbox.mode)
            if confinement.tool == "none":
                desk.notice(
                    f"{self._preset.title} runs without a sandbox ({confinement.detail}): it can "
                    "read and change what you can"
                )
            agents = self._directory / HOME / "agents"
            _remove_stale(agents)
            directory = agents / f"{self._preset.name}-{os.getpid()}-{next(_numbers)}"
            directory.mkdir(parents=True, mode=0o700)
            weakref.finalize(self, erase, directory)
            hidden = (self._directory / HOME, Repo(self._directory).git_dir)
            self._surroundings = Surroundings(
                self._lab, self._preset, self._program, confinement, directory, hidden
            )
        return self._surroundings


def _way(lab: Lab, preset: Preset) -> tuple[str, Installation]:
    """How the agent is spoken to, and the program for it."""
    path = os.pathsep.join((os.environ.get("PATH", ""), search_path()))
    told = lab.agent.protocol or ("command" if lab.agent.command else None)
    speaks = importlib.util.find_spec("acp") is not None
    adapter = installation.find(preset.acp[0], path) if preset.acp else None
    if told == "acp":
        if not preset.acp:
            raise UsageError(f'{preset.title} does not speak ACP; set protocol = "command"')
        if not speaks:
            raise UsageError("ACP needs a package more: pip install 'novum[agent]'")
        if adapter is None:
            install = preset.acp_install or preset.install
            raise UsageError(_missing(preset.acp[0], install))
    program = installation.find(preset.command[0], path)
    prefers = preset.prefers if told is None and program is not None else "acp"
    if adapter is not None and speaks and (told or prefers) == "acp":
        return "acp", adapter
    if program is None:
        raise UsageError(_missing(preset.command[0], preset.install))
    return "command", program


def _missing(program: str, install: str) -> str:
    how = f"install it ({install}), or " if install else ""
    return f"`{program}` was not found on your PATH: {how}name another `command` in [agent]"


def _remove_stale(agents: Path) -> None:
    """Remove the places of processes that are gone, once what they owe the person is given back."""
    for place in agents.glob("*-*-*"):
        pid = place.name.split("-")[-2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            Home(place, Path.home()).take_back()
            erase(place)


def _key(briefing: Briefing, edits: Sequence[Edit]) -> str:
    text = repr((briefing.parent, briefing.number, edits))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:12]


def _cut(text: str) -> str:
    if len(text) <= _KEPT:
        return text
    half = _KEPT // 2
    return f"{text[:half]}\n[... {len(text) - _KEPT} characters left out ...]\n{text[-half:]}"
