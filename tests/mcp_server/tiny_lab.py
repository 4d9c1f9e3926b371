"""A tiny lab, and clients of the real server: the official SDK's, as agents use it."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters

from novum.ledger import Ledger
from novum.ledger.lock import holder

LAB = """\
[lab]
name = "tiny"
question = "Which x is the lowest?"
[metric]
name = "score"
direction = "minimize"
noise = "none"
[budget]
seconds = 60
grace = 2
[files]
editable = ["x.txt"]
frozen = ["run.sh"]
[trial]
run = ["sh", "run.sh"]
[judge]
baseline_runs = 1
[confirm]
at_end = false
[researcher]
idle = 2
"""
# x.txt: the score, how long the trial takes, and what else it prints.
RUN = """\
read score pause words < x.txt
echo "$words in $PWD"
sleep "$pause"
echo "METRIC score=$score"
"""
PATIENCE = 60.0  # seconds after which a test gives up waiting


@dataclass
class Tiny:
    """The lab, and the servers that were started for it."""

    path: Path
    processes: list[subprocess.Popen] = field(default_factory=list)

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.path / name.replace("_", ".", 1)).write_text(text)

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "more")

    def ledger(self) -> contextlib.closing[Ledger]:
        return contextlib.closing(Ledger(self.path))

    def experiments(self) -> list[Any]:
        with self.ledger() as ledger:
            campaign = ledger.campaign()
            return ledger.experiments(campaign.id) if campaign else []

    def machine(self) -> int | None:
        """The process that works in the lab now."""
        held = holder(self.path / ".novum" / "lock")
        return held[0] if held else None

    def log(self) -> str:
        path = self.path / ".novum" / "outside.log"
        return path.read_text() if path.exists() else ""

    def parameters(self) -> StdioServerParameters:
        """How a client starts the real command."""
        environment = {"PYTHONPATH": os.environ.get("PYTHONPATH", ""), "PYTHONWARNINGS": "error"}
        return StdioServerParameters(
            command=sys.executable,
            args=["-m", "novum", "mcp", str(self.path)],
            env=environment | {"HOME": str(self.path.parent)},
        )

    def serve(self, *arguments: str) -> subprocess.Popen:
        """The real command with bare pipes, for what no client would do."""
        process = subprocess.Popen(
            [sys.executable, "-m", "novum", "mcp", str(self.path), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()
        if pid := self.machine():
            with contextlib.suppress(ProcessLookupError):  # it may have ended just now
                os.kill(pid, signal.SIGTERM)
        until(lambda: self.machine() is None)


@contextlib.contextmanager
def tiny_lab(directory: Path) -> Iterator[Tiny]:
    """A lab in a directory, in which nothing runs any more at the end."""
    path = directory / "lab"
    path.mkdir()
    made = Tiny(path)
    made.write(lab_toml=LAB, run_sh=RUN, x_txt="5 0 hello\n", program_md="Find the lowest x.\n")
    made.git("init", "-q", "-b", "main")
    made.commit()
    with contextlib.closing(made):
        yield made


def until(true: Callable[[], object]) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def with_client(server: Any, work: Callable[[Client], Awaitable[Any]], **options: Any) -> Any:
    """Do something as a client of a server."""

    async def session() -> Any:
        async with Client(server, **options) as client:
            return await work(client)

    return asyncio.run(session())


def said(result: Any) -> str:
    """What a tool answered in words, when it did what was asked."""
    assert not result.is_error, result.content[0].text
    return result.content[0].text


def refused(result: Any) -> str:
    """What a tool answered in words, when it did not."""
    assert result.is_error, result.content[0].text
    text = result.content[0].text
    assert 1 <= len(text.splitlines()) <= 3, text
    assert "Traceback" not in text
    return text


def change(x: object, pause: object = 0, words: str = "hello", **more: Any) -> dict[str, Any]:
    """The arguments of a proposal that sets the score."""
    edit = {"path": "x.txt", "replace": f"{x} {pause} {words}\n"}
    return {"title": f"x is {x}", "hypothesis": "less is less", "edits": [edit], **more}


async def proposed(client: Client, x: object, pause: object = 0, **more: Any) -> int:
    """Propose, and return the id to wait for."""
    result = await client.call_tool("propose", change(x, pause, **more))
    said(result)
    return result.structured_content["proposal"]


async def verdict(client: Client, proposal: int) -> dict[str, Any]:
    """Wait for what comes of a proposal, as an agent does: again and again."""
    end = time.monotonic() + PATIENCE
    while True:
        result = await client.call_tool("wait", {"proposal": proposal, "seconds": 5})
        said(result)
        if result.structured_content["state"] not in {"waiting", "running"}:
            return result.structured_content
        assert time.monotonic() < end, result.structured_content
