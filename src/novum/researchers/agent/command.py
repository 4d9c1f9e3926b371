"""An agent by its command line: each turn is a process of its own, without standard input."""

import time
from dataclasses import replace

from novum.records import Usage
from novum.researchers import Desk
from novum.researchers.agent.answers import Answer, read_answer, tail_of
from novum.researchers.agent.presets import Filling, filled
from novum.researchers.agent.surroundings import Surroundings
from novum.researchers.agent.tree import PROMPT, put
from novum.researchers.agent.turns import Ending, Session, Turn, seconds_until
from novum.sandbox import Excess, Process, run
from novum.terminal import harmless

LINGER = 5.0  # seconds for an agent that said its last word to end by itself
_QUIET = 1.0  # seconds without output, before it is read whether that was the last word
LONGEST_ARGUMENT = 100_000  # bytes; the kernel takes no more than 131,071 in one argument


class CommandTalk:
    """Speaks by starting the agent's command, again and again."""

    def __init__(self, surroundings: Surroundings, session: Session) -> None:
        self.session = session
        self._surroundings = surroundings

    def say(self, prompt: str, desk: Desk, deadline: float) -> Turn:
        """One run of the command.

        Raises:
            SandboxError: if it cannot be started.
        """
        tree = self._surroundings.tree
        put(tree / PROMPT, prompt)
        preset, lab = self._surroundings.preset, self._surroundings.lab
        file = self._surroundings.seen(tree / PROMPT)
        filling = Filling(
            prompt=prompt if len(prompt.encode()) < LONGEST_ARGUMENT else _instead(PROMPT),
            prompt_file=file,
            tree=self._surroundings.seen(tree),
            editable=lab.files.editable,
            model=lab.agent.model,
            session=self.session.id,
            usd=desk.usd_left if desk.usd_left < float("inf") else None,
            trusted="execute" in self._surroundings.allowed,
        )
        argv = filled(preset, preset.command, filling)
        command = self._surroundings.command(argv, seconds_until(deadline))
        watch = _Watch(preset.reads, desk)
        process = run(command, self._surroundings.confinement, watch)
        output = harmless(process.output.bytes().decode("utf-8", "replace"))
        answer = read_answer(preset.reads, output)
        return _turn(process, self._new(answer), output, desk)

    def _new(self, answer: Answer) -> Answer:
        """The answer with its own usage, where an agent tells that of the whole session."""
        preset, session = self._surroundings.preset, self.session
        if not preset.resume:
            return answer
        if answer.session != session.id:
            session.id, session.told = answer.session, Usage()
        if preset.counts == "turn" or not answer.usage.tokens:
            return answer
        before, session.told = session.told, answer.usage
        return replace(answer, usage=_difference(answer.usage, before))

    def end(self) -> None:
        """Nothing: each turn ends all that it started."""


def _instead(file: str) -> str:
    return f"Your task is in the file {file} in the working directory. Read all of it, and do it."


class _Watch:
    """Ends an agent that is called off, and one that said its last word and does not go."""

    def __init__(self, shape: str, desk: Desk) -> None:
        self._shape = shape
        self._desk = desk
        self._total = -1
        self._since = 0.0
        self._final: bool | None = None  # None: it was not looked at since the last output

    def __call__(self, process: Process) -> bool:
        if self._desk.cancel.is_set():
            return False
        now = time.monotonic()
        if process.output.total != self._total:
            self._total, self._since, self._final = process.output.total, now, None
        if self._final is None and now - self._since >= _QUIET:
            output = process.output.bytes().decode("utf-8", "replace")
            self._final = read_answer(self._shape, output).final
        return not (self._final and now - self._since >= LINGER)


def _difference(now: Usage, before: Usage) -> Usage:
    return replace(
        now,
        input_tokens=max(0, now.input_tokens - before.input_tokens),
        cached_tokens=max(0, now.cached_tokens - before.cached_tokens),
        output_tokens=max(0, now.output_tokens - before.output_tokens),
        usd=max(0.0, now.usd - before.usd),
    )


def _turn(process: Process, answer: Answer, output: str, desk: Desk) -> Turn:
    ending, problem = _ending(process, answer, desk)
    if ending is Ending.FAILED:
        problem = answer.problem or tail_of(output) or f"exit status {process.status}"
    return Turn(ending, answer.words, answer.usage, output, problem)


def _ending(process: Process, answer: Answer, desk: Desk) -> tuple[Ending, str]:
    if desk.cancel.is_set():
        return Ending.CANCELLED, "it was called off"
    if process.breach is not None:
        late = process.breach.excess is Excess.TIME
        return (Ending.TIME if late else Ending.LIMIT), process.breach.detail
    if answer.spent:
        return Ending.LIMIT, answer.problem
    if answer.problem or (process.status != 0 and not answer.final):
        return Ending.FAILED, ""
    return Ending.DONE, ""
