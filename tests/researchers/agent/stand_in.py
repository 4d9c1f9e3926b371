"""Stands in for a coding agent's command line: checks the flags, does what the plan says, and
prints what the real one printed. It is copied under the agent's name into a directory `bin`; the
plan, `plan.json`, lies beside that directory.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
NAME = Path(__file__).name
ARGV = sys.argv[1:]
NEEDED = {
    "claude": ["-p", "--output-format stream-json", "--verbose", "--permission-mode acceptEdits"],
    "codex": ["exec", "--json", "--skip-git-repo-check", "-s"],
    "gemini": ["-o stream-json", "--skip-trust", "--approval-mode", "-p"],
    "opencode": ["run", "--pure", "--format json"],
    "aider": ["--yes-always", "--no-auto-commits", "--no-stream", "--message"],
    "goose": ["run", "--no-session", "-q", "--output-format json", "-t"],
    "cursor-agent": ["-p", "--force", "--trust", "--output-format stream-json"],
}


def number() -> int:
    """Which turn this is, from 0."""
    file = Path(os.environ["HOME"]) / "turns"
    count = int(file.read_text()) if file.exists() else 0
    file.write_text(str(count + 1))
    return count


def write(path, text):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def emit(*objects):
    for found in objects:
        print(json.dumps(found), flush=True)


def note(title="Lower x", hypothesis="x is the score.", kind="scale", expected=-1.0):
    text = f'title = "{title}"\nhypothesis = "{hypothesis}"\nkind = "{kind}"\n'
    write(".novum-proposal.toml", text + f"expected = {expected}\n")


def flag(name):
    """What follows a flag; empty if it is not there."""
    return ARGV[ARGV.index(name) + 1] if name in ARGV else ""


def claude(words, **result):
    session = flag("--resume") or "c-1"
    usage = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 20,
        "cache_read_input_tokens": 70,
        "output_tokens": 5,
    }
    emit({"type": "system", "subtype": "init", "session_id": session, "tools": ["Edit"]})
    message = {"id": "m1", "content": [{"type": "text", "text": words}], "usage": usage}
    emit({"type": "assistant", "message": message, "session_id": session})
    final = {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "num_turns": 2,
        "result": words,
        "session_id": session,
        "total_cost_usd": 0.25,
        "usage": usage,
        "permission_denials": [],
    }
    emit(final | result)


def codex(words, turns=1):
    emit(
        {"type": "thread.started", "thread_id": flag("resume") or "t-1"},
        {"type": "turn.started"},
        {"type": "item.completed", "item": {"type": "agent_message", "text": words}},
        {
            "type": "turn.completed",
            "usage": {
                "input_tokens": 100 * turns,
                "cached_input_tokens": 70 * turns,
                "output_tokens": 5 * turns,
            },
        },
    )


def gemini(words):
    print("YOLO mode is enabled.")
    model = {"input_tokens": 100, "output_tokens": 5, "cached": 70}
    emit(
        {"type": "init", "session_id": flag("--resume") or "g-1"},
        {"type": "message", "role": "assistant", "content": words[:4], "delta": True},
        {"type": "message", "role": "assistant", "content": words[4:], "delta": True},
        {"type": "result", "status": "success", "stats": {**model, "models": {"flash": model}}},
    )


def opencode(words, cost=0.25):
    tokens = {"input": 10, "output": 3, "reasoning": 2, "cache": {"write": 20, "read": 70}}
    part = {"type": "step-finish", "reason": "stop", "tokens": tokens, "cost": cost}
    session = flag("--session") or "o-1"
    emit(
        {"type": "step_start", "sessionID": session, "part": {}},
        {"type": "text", "sessionID": session, "part": {"text": words}},
        {"type": "step_finish", "sessionID": session, "part": part},
    )


def aider(words):
    print("Aider v0.86.2\n" + words)
    print("Tokens: 1.2k sent, 300 received. Cost: $0.25 message, $0.50 session.")


def goose(words):
    content = [{"type": "text", "text": words}]
    data = {"total_tokens": 105, "input_tokens": 100, "output_tokens": 5, "status": "completed"}
    found = {"messages": [{"role": "assistant", "content": content}], "metadata": data}
    print(json.dumps(found, indent=2))


def cursor(words):
    emit(
        {"type": "system", "subtype": "init", "session_id": "u-1"},
        {"type": "assistant", "message": {"content": [{"type": "text", "text": words}]}},
        {
            "type": "result",
            "subtype": "success",
            "is_error": False,
            "result": words,
            "session_id": "u-1",
        },
    )


def say(words):
    """The last words, in the shape of the agent that this is."""
    {"cursor-agent": cursor}.get(NAME, globals().get(NAME, print))(words)


def daemon(seconds=600):
    """A process that leaves its parent and its session."""
    return subprocess.Popen(["sleep", str(seconds)], start_new_session=True).pid


def main():
    line = " ".join(ARGV)
    missing = [part for part in NEEDED.get(NAME, []) if part not in line]
    if missing:
        sys.exit(f"error: unknown or missing option: {missing}")
    if sys.stdin.read():
        sys.exit("error: there is standard input")
    turns = json.loads((HERE / "plan.json").read_text())
    at = number()
    exec(turns[min(at, len(turns) - 1)], globals() | {"turn": at, "time": time, "signal": signal})


if __name__ == "__main__":
    main()
