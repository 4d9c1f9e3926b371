"""The real agents, from the npm registry, against the scripted model on this machine.

Outside CI: `make agents` installs them into `.agents`, and runs this. No key, no provider: each
agent believes in a model that calls its own tools, and what it does is judged like anything else.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from novum import plugins
from novum.ledger import Ledger
from novum.testing.models import Answer, ModelServer, Request, call, say

INSTALLED = os.environ.get("NOVUM_AGENTS", "")
pytestmark = [
    pytest.mark.agents,
    pytest.mark.skipif(not INSTALLED, reason="`make agents` runs this"),
]
NOTE = 'title = "Lower x"\nhypothesis = "x is the score."\nexpected = -1.0\n'
TREE = "/lab"
LAB = """
[lab]
name = "real"
[metric]
name = "v"
direction = "minimize"
[budget]
seconds = 2
[files]
editable = ["train.py"]
[trial]
run = ["python", "train.py"]
[judge]
policy = "greedy"
baseline_runs = 1
[confirm]
at_end = false
[researcher]
ahead = 0
[agent]
use = "{name}"
protocol = "{protocol}"
hosts = ["127.0.0.1:{port}"]
timeout = 150
"""
PACKAGES = {
    "claude": ("@anthropic-ai/claude-code", "@agentclientprotocol/claude-agent-acp"),
    "codex": ("@openai/codex", "@agentclientprotocol/codex-acp"),
    "gemini": ("@google/gemini-cli", "@google/gemini-cli"),
    "opencode": ("opencode-ai", "opencode-ai"),
}


def lowering(name: str, x: int) -> list[Answer]:
    """The calls of its own tools by which each agent changes x, and says so."""
    old, new, file, note = f"x = {x}", f"x = {x - 1}", f"{TREE}/train.py", ".novum-proposal.toml"
    tools = {
        "claude": [
            call("Read", file_path=file),
            call("Edit", file_path=file, old_string=old, new_string=new),
            call("Edit", file_path=f"{TREE}/{note}", old_string="", new_string=NOTE),
        ],
        "codex": [
            call("exec_command", cmd=f"sed -i 's/{old}/{new}/' train.py"),
            call("exec_command", cmd=f"cat > {note} <<'END'\n{NOTE}END"),
        ],
        "gemini": [
            call("replace", file_path=file, old_string=old, new_string=new, instruction="lower x"),
            call("write_file", file_path=f"{TREE}/{note}", content=NOTE),
        ],
        "opencode": [
            call("read", filePath=file),
            call("edit", filePath=file, oldString=old, newString=new),
            call("write", filePath=f"{TREE}/{note}", content=NOTE),
        ],
    }
    return tools[name]


class Model:
    """Lowers x by one for each experiment; what is no turn of the agent's gets a short answer."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.x = 0
        self.left: list[Answer] | None = None

    def __call__(self, request: Request) -> Answer:
        if not request.outline.tools:  # a title, a choice of the model
            return say('{"reasoning": "x", "model_choice": "pro", "complexity_score": 50}')
        if self.left is None:
            self.left = lowering(self.name, self.x)
            self.x -= 1
        if self.left:
            return self.left.pop(0)
        self.left = None
        return say("I lowered x, because x is the score.")


def settings(name: str, url: str, home: Path) -> dict[str, str]:
    """Let an agent take our server for its provider: files in the home, and variables."""
    if name == "claude":
        return {"ANTHROPIC_API_KEY": "sk-ant-none", "ANTHROPIC_BASE_URL": url}
    if name == "codex":
        file = home / ".codex/config.toml"
        text = (
            'model = "scripted"\nmodel_provider = "local"\n[model_providers.local]\n'
            f'name = "local"\nbase_url = "{url}/v1"\nwire_api = "responses"\n'
            'env_key = "OPENAI_API_KEY"\n'
        )
    elif name == "gemini":
        file = home / ".gemini/settings.json"
        text = json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}})
    else:
        file = home / ".config/opencode/opencode.json"
        options = {"baseURL": f"{url}/v1", "apiKey": "none"}
        local = {"npm": "@ai-sdk/openai-compatible", "options": options, "models": {"m": {}}}
        text = json.dumps(
            {"provider": {"local": local}, "model": "local/m", "small_model": "local/m"}
        )
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return {
        "codex": {"OPENAI_API_KEY": "none"},
        "gemini": {"GEMINI_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": url},
    }.get(name, {})


def version(package: str) -> str:
    """Of an installed npm package."""
    file = Path(INSTALLED) / "node_modules" / package / "package.json"
    return str(json.loads(file.read_text())["version"])


@pytest.mark.parametrize("protocol", ["command", "acp"])
@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_a_real_agent_makes_an_edit_that_is_judged(tmp_path, name, protocol):
    home, lab = tmp_path / "home", tmp_path / "lab"
    home.mkdir(), lab.mkdir()
    model = Model(name)
    with ModelServer(model) as server:
        port = int(server.url.rpartition(":")[2])
        (lab / "lab.toml").write_text(LAB.format(name=name, protocol=protocol, port=port))
        (lab / "train.py").write_text('x = 0\nprint(f"METRIC v={x}")\n')
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
            subprocess.run(["git", *words], cwd=lab, check=True)
        programs = Path(INSTALLED).resolve() / "node_modules/.bin"
        known = "agent" in plugins.names("novum.researchers")
        who = f"agent:{name}" if known else "novum.researchers.agent:Agent"
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "novum", "run", ".", "--experiments", "2", "--researcher", who],
            cwd=lab,
            env={
                **os.environ,
                **settings(name, server.url, home),
                "HOME": str(home),
                "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            },
            capture_output=True,
            text=True,
            timeout=280,
        )
        seconds = time.monotonic() - started
    assert done.returncode == 0, done.stdout + done.stderr
    ledger = Ledger(lab)
    try:
        campaign = ledger.campaigns()[0]
        judged = [e for e in ledger.experiments(campaign.id) if e.number > 0]
        asked = ledger.consultations.all(campaign.id)
    finally:
        ledger.close()
    assert [str(e.verdict.outcome) for e in judged[:2]] == ["keep", "keep"]
    assert all(e.proposal.title == "Lower x" for e in judged[:2])
    assert judged[1].verdict.evidence.values == (-2.0,)
    tokens = sum(c.usage.tokens for c in asked)
    package = PACKAGES[name][protocol == "acp"]
    print(
        f"\n{name} by {protocol}: {package} {version(package)}, two experiments in {seconds:.0f} s"
    )
    print(f"  {tokens} tokens, {sum(c.usage.usd for c in asked):.4f} USD told")
    assert tokens > 0
    assert not list(home.rglob("*.jsonl"))  # nothing of the agent's came into the person's home
