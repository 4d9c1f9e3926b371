"""What an agent is told before it proposes."""

from pathlib import Path

from novum.asking import Ground
from novum.mcp import wording
from novum.mcp.answers import History


def orientation(on: Ground, program: str, history: History) -> str:
    """The question, the rules, the code and the history."""
    lab = on.lab
    parts = [
        f"# Lab {lab.lab.name}",
        lab.lab.question,
        f"Metric: {lab.metric.name}, to {lab.metric.direction}. A trial has {lab.budget.seconds:g} "
        f"s. Editable: {', '.join(lab.files.editable)}. The incumbent is experiment {on.number}.",
        program.strip(),
        *(wording.fenced(text.rstrip("\n"), path) for path, text in on.files.items()),
        wording.history_words(history),
    ]
    return "\n\n".join(part for part in parts if part)
