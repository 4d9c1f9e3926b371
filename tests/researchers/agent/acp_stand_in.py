"""An agent behind the real protocol, by the official package's agent side, that follows a plan.

The plan is a list of turns, each Python whose names are below; `await` is allowed.
"""

import asyncio
import json
import os
import sys
import textwrap
from pathlib import Path

import acp
from acp import schema

HERE = Path(__file__).resolve().parent.parent


class StandIn:
    """Does what the plan says."""

    def __init__(self):
        self.turn = 0
        self.cwd = ""
        self.session = ""

    def on_connect(self, conn):
        self.client = conn

    async def initialize(self, protocol_version, client_capabilities=None, **more):
        can = schema.AgentCapabilities(load_session=True)
        return schema.InitializeResponse(protocol_version=protocol_version, agent_capabilities=can)

    async def new_session(self, cwd, mcp_servers=None, **more):
        self.cwd, self.session = cwd, "s-1"
        if "ACP_NO_LOGIN" in os.environ:
            raise acp.RequestError.auth_required()
        return schema.NewSessionResponse(session_id=self.session)

    async def load_session(self, cwd, session_id, mcp_servers=None, **more):
        self.cwd, self.session = cwd, session_id
        await self.say(f"(taken up {session_id})")
        return schema.LoadSessionResponse()

    async def prompt(self, prompt, session_id, **more):
        turns = json.loads((HERE / "plan.json").read_text())
        code = turns[min(self.turn, len(turns) - 1)]
        self.turn += 1
        names = {"me": self, "prompt": prompt[0].text, "Path": Path, "os": os, "asyncio": asyncio}
        exec("async def act():\n" + textwrap.indent(code or "pass", "    "), names)
        await names["act"]()
        usage = schema.Usage(
            total_tokens=105, input_tokens=30, cached_read_tokens=70, output_tokens=5
        )
        return schema.PromptResponse(stop_reason="end_turn", usage=usage)

    async def cancel(self, session_id, **more):
        pass

    async def say(self, text):
        update = acp.update_agent_message_text(text)
        await self.client.session_update(session_id=self.session, update=update)

    async def costs(self, usd):
        update = schema.UsageUpdate(
            session_update="usage_update",
            used=100,
            size=1000,
            cost=schema.Cost(amount=usd, currency="USD"),
        )
        await self.client.session_update(session_id=self.session, update=update)

    async def ask(self, kind, path="", title="something"):
        """Ask for permission; the kind of the option that is chosen."""
        kinds = ("allow_always", "allow_once", "reject_once")
        options = [schema.PermissionOption(option_id=k, name=k, kind=k) for k in kinds]
        where = [schema.ToolCallLocation(path=path)] if path else None
        call = schema.ToolCallUpdate(tool_call_id="1", kind=kind, title=title, locations=where)
        answer = await self.client.request_permission(
            session_id=self.session, tool_call=call, options=options
        )
        return getattr(answer.outcome, "option_id", "none")

    async def write(self, path, content):
        """Write through the client; the error's text if it refuses."""
        try:
            await self.client.write_text_file(
                session_id=self.session, path=self.at(path), content=content
            )
        except acp.RequestError as error:
            return f"refused: {error.data}"
        return "written"

    async def read(self, path, **more):
        try:
            answer = await self.client.read_text_file(
                session_id=self.session, path=self.at(path), **more
            )
        except acp.RequestError as error:
            return f"refused: {error} {error.data}"
        return answer.content

    def at(self, path):
        return str(Path(self.cwd) / path)

    def raw(self, text):
        """Something on the wire that is no message."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(acp.run_agent(StandIn()))
