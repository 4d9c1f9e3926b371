"""What an agent is told before it proposes."""

from pathlib import Path

from novum.asking import Ground
from novum.mcp import wording
from novum.mcp.answers import History


def orientation(on: Ground, directory: Path, history: History) -> str:
    """The question, the rules, the code and the history (to be replaced by the real briefing)."""
    lab = on.lab
    parts = [
        f"Question: {lab.lab.question or lab.lab.name}",
        f"Metric: {lab.metric.name}, {lab.metric.direction}. Budget: {lab.budget.seconds:g} s.",
        *(f"{path}:\n{text}" for path, text in on.files.items()),
        wording.history_words(history),
    ]
    return "\n\n".join(parts)
