"""An agent through the Agent Client Protocol: one process for a proposal, a turn for each prompt.

https://agentclientprotocol.com, by the official package, which is the extra `agent`.
"""

import asyncio
import json
import os
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from novum.records import Usage
from novum.researchers import Desk
from novum.researchers.agent.answers import tail_of
from novum.researchers.agent.client import Client, Heard
from novum.researchers.agent.permissions import Permissions
from novum.researchers.agent.presets import Filling, filled
from novum.researchers.agent.surroundings import Surroundings
from novum.researchers.agent.turns import Ending, Session, Turn, seconds_until
from novum.sandbox import Process
from novum.terminal import harmless

if TYPE_CHECKING:
    from acp import schema

    _Opened = schema.NewSessionResponse | schema.ResumeSessionResponse | schema.LoadSessionResponse

_TICK = 0.03
_LONGEST = 32 * 1024 * 1024  # bytes of one message
_SETTLE = 0.2  # seconds for the last words of an agent that has gone
_HUNG_UP = (ConnectionError, OSError)
_REAPED = 2.0  # seconds in which it is seen how an agent ended that hung up


class ProtocolTalk:
    """Speaks the protocol with a process of its own."""

    def __init__(self, surroundings: Surroundings, deadline: float, session: Session) -> None:
        """Start the agent.

        Raises:
            SandboxError: if it cannot be started.
        """
        self.session = session
        self._surroundings = surroundings
        preset, lab = surroundings.preset, surroundings.lab
        tree = surroundings.seen(surroundings.tree)
        filling = Filling("", "", tree, model=lab.agent.model)
        argv = filled(preset, preset.acp, filling)
        command = surroundings.command(argv, seconds_until(deadline), talks=True)
        self._client = Client(
            surroundings.tree, Permissions(tree, lab.files.editable, surroundings.allowed)
        )
        self._runner = asyncio.Runner()
        self._process = Process(command, surroundings.confinement)
        self._connection: Any = None
        self._spent = 0.0  # USD of this session that were noted already
        self._resumable = False

    def say(self, prompt: str, desk: Desk, deadline: float) -> Turn:
        """One prompt; the first one also opens the session, or takes it up again."""
        self._client.heard = Heard()
        return self._runner.run(self._turn(prompt, desk, deadline))

    def end(self) -> None:
        """End the agent and all that it started."""
        self._process.kill()
        with suppress(Exception):  # whatever is still open there goes with its process
            self._runner.run(self._hang_up())
        self._runner.close()
        if not self._resumable:
            self.session.id = ""

    async def _hang_up(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def _turn(self, prompt: str, desk: Desk, deadline: float) -> Turn:
        asking = asyncio.ensure_future(self._ask(prompt))
        watching = asyncio.ensure_future(self._watch(desk, deadline))
        await asyncio.wait({asking, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            await asyncio.wait({asking}, timeout=_SETTLE)
        elif isinstance(asking.exception(), _HUNG_UP):  # how it ended is known a moment later
            await asyncio.wait({watching}, timeout=_REAPED)
        watching.cancel()
        asking.cancel()
        ended, answered = await asyncio.gather(watching, asking, return_exceptions=True)
        heard = self._client.heard
        output = "\n".join([*heard.log, self._stderr()])
        if isinstance(answered, BaseException):
            ending, problem = self._why(ended, answered)
            return Turn(ending, "".join(heard.words), self._used(None), output, problem)
        usage, words = self._used(answered), "".join(heard.words)
        if answered.stop_reason in {"refusal", "cancelled"} and not words:
            return Turn(
                Ending.FAILED, words, usage, output, f"it ended with {answered.stop_reason}"
            )
        return Turn(Ending.DONE, words, usage, output)

    async def _watch(self, desk: Desk, deadline: float) -> tuple[Ending, str]:
        """Look after the process until something ends the turn."""
        while not self._process.step(0):
            if desk.cancel.is_set():
                return Ending.CANCELLED, "it was called off"
            if time.monotonic() >= deadline:
                return Ending.TIME, "it ran out of time"
            if (self._client.heard.usd or 0.0) - self._spent > desk.usd_left:
                return Ending.LIMIT, "it spent what was left"
            await asyncio.sleep(_TICK)
        breach = self._process.breach
        if breach is None:
            return Ending.FAILED, ""
        return (Ending.TIME if breach.excess == "time" else Ending.LIMIT), breach.detail

    def _why(self, ended: object, error: BaseException) -> tuple[Ending, str]:
        if isinstance(ended, tuple) and ended[0] is not Ending.FAILED:
            return ended
        if isinstance(error, (*_HUNG_UP, asyncio.CancelledError)):
            told = tail_of(self._stderr()) or f"exit status {self._process.status}"
            return Ending.FAILED, f"it ended before it answered: {told}"
        data = getattr(error, "data", None)
        more = f": {json.dumps(data)[:500]}" if data else ""
        return Ending.FAILED, harmless(f"{error}{more}")

    def _stderr(self) -> str:
        return harmless(self._process.output.bytes().decode("utf-8", "replace"))

    def _used(self, response: "schema.PromptResponse | None") -> Usage:
        """What the turn used. Money is told for all turns together, so what is new is noted."""
        usd = self._client.heard.usd
        new = max(0.0, usd - self._spent) if usd is not None else 0.0
        self._spent += new
        unpriced = 0 if usd is not None else 1
        usage = response.usage if response is not None else None
        if usage is None:
            sent, received = _counted(response)
            return Usage(1, sent, 0, received, new, unpriced)
        cached = usage.cached_read_tokens or 0
        sent = usage.input_tokens + cached + (usage.cached_write_tokens or 0)
        received = usage.output_tokens + (usage.thought_tokens or 0)
        return Usage(1, sent, cached, received, new, unpriced)

    # -- the exchange -----------------------------------------------------------------------------

    async def _ask(self, prompt: str) -> "schema.PromptResponse":
        import acp  # noqa: PLC0415  heavy, and an extra

        if self._connection is None:
            ours: Any = self._client  # it has what is asked for: no terminal is promised
            self._connection = acp.connect_to_agent(
                ours, _Pipes(*self._process.channel), use_unstable_protocol=True
            )
            await self._open()
        response: schema.PromptResponse = await self._connection.prompt(
            session_id=self.session.id, prompt=[acp.text_block(prompt)]
        )
        return response

    async def _open(self) -> None:
        """Introduce ourselves, and open the session."""
        from acp import PROTOCOL_VERSION, schema  # noqa: PLC0415

        through_us = self._surroundings.preset.acp_files
        files = schema.FileSystemCapabilities(read_text_file=through_us, write_text_file=through_us)
        hello = await self._connection.initialize(
            protocol_version=PROTOCOL_VERSION,
            client_capabilities=schema.ClientCapabilities(fs=files, terminal=False),
            client_info=schema.Implementation(name="novum", version="1"),
        )
        can = hello.agent_capabilities or schema.AgentCapabilities()
        resumes = (
            can.session_capabilities is not None and can.session_capabilities.resume is not None
        )
        self._resumable = bool(can.load_session) or resumes
        tree = self._surroundings.seen(self._surroundings.tree)
        opened = await self._take_up(tree, resumes) if self._resumable else None
        if opened is None:
            opened = await self._connection.new_session(cwd=tree, mcp_servers=[])
            self.session.id = opened.session_id
        await self._configure(opened)
        self._client.heard = Heard()  # of a session that is taken up, all is told again

    async def _take_up(self, tree: str, resumes: bool) -> "_Opened | None":
        """Take an earlier session up again, if that is possible."""
        from acp import RequestError  # noqa: PLC0415

        if not self.session.id:
            return None
        take_up = self._connection.resume_session if resumes else self._connection.load_session
        try:
            opened: _Opened = await take_up(cwd=tree, session_id=self.session.id, mcp_servers=[])
        except RequestError:
            return None
        self._spent = self._client.heard.usd or 0.0
        return opened

    async def _configure(self, opened: "_Opened") -> None:
        """Choose the model, and the mode in which the agent leaves confinement to us."""
        model, mode = self._surroundings.lab.agent.model, self._surroundings.preset.acp_mode
        for option in opened.config_options or []:
            values = [getattr(choice, "value", "") for choice in getattr(option, "options", [])]
            if option.category == "model" and model in values:
                await self._try(
                    self._connection.set_config_option(option.id, self.session.id, model)
                )
        modes = [m.id for m in opened.modes.available_modes] if opened.modes else []
        if (
            mode in modes
            and "execute" in self._surroundings.allowed
            and self._surroundings.confined
        ):
            await self._try(self._connection.set_session_mode(self.session.id, mode))

    async def _try(self, request: Coroutine[Any, Any, object]) -> None:
        """A wish that the agent may refuse."""
        from acp import RequestError  # noqa: PLC0415

        with suppress(RequestError):
            await request


def _counted(response: "schema.PromptResponse | None") -> tuple[int, int]:
    """Tokens as Gemini CLI tells them, which is not the protocol's way."""
    found: Any = response.field_meta if response is not None else None
    for name in ("quota", "token_count"):
        found = found.get(name) if isinstance(found, dict) else None
    numbers = found if isinstance(found, dict) else {}
    counts = [numbers.get(name) for name in ("input_tokens", "output_tokens")]
    sent, received = (n if isinstance(n, int) and n > 0 else 0 for n in counts)
    return sent, received


class _Pipes:
    """Messages as lines of JSON; what is no message, or no update that we know, is passed over."""

    def __init__(self, to_agent: int, from_agent: int) -> None:
        self._to, self._from = to_agent, from_agent
        for descriptor in (to_agent, from_agent):
            os.set_blocking(descriptor, False)
        self._received = bytearray()

    async def send(self, message: dict[str, Any]) -> None:
        data = memoryview(json.dumps(message).encode() + b"\n")
        while data:
            try:
                data = data[os.write(self._to, data) :]
            except BlockingIOError:
                await asyncio.sleep(_TICK)
            except OSError as error:
                raise ConnectionError("the agent does not listen any more") from error

    async def receive(self) -> dict[str, Any] | None:
        while (line := await self._line()) is not None:
            with suppress(ValueError, RecursionError):
                message = json.loads(line)
                if isinstance(message, dict) and _is_known(message):
                    return message
        return None

    async def close(self) -> None:
        """The process closes the pipes."""

    async def _line(self) -> bytes | None:
        searched = 0
        while (end := self._received.find(b"\n", searched)) < 0:
            searched = len(self._received)
            if searched > _LONGEST:
                return None
            try:
                chunk = os.read(self._from, 65536)
            except BlockingIOError:
                await self._readable()
                continue
            except OSError:
                return None
            if not chunk:
                return None
            self._received += chunk
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._from, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._from)


def _is_known(message: dict[str, Any]) -> bool:
    """Whether this is a message for us; an update of a newer protocol than ours is none."""
    from acp import schema  # noqa: PLC0415

    if message.get("method") != "session/update":
        return True
    try:
        schema.SessionNotification.model_validate(message.get("params"))
    except ValueError:  # pydantic's is one
        return False
    return True
