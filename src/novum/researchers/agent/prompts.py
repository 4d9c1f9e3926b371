"""What an agent is told: the frame before the briefing, and corrections after a turn."""

from pathlib import Path

from novum.briefing.frame import frame as shared_frame
from novum.lab import Lab
from novum.researchers.agent.tree import BRIEFING, Changes, in_words
from novum.researchers.agent.turns import Ending, Turn
from novum.researchers.agent.words import NOTE

_FRAME = Path(__file__).with_name("frame.md")


def frame(lab: Lab) -> str:
    """The instructions that lead the briefing."""
    places = {
        "metric": lab.metric.name,
        "editable": _editable(lab),
        "note": NOTE,
        "briefing": BRIEFING,
        "expected": "-0.01" if lab.minimize else "0.01",
    }
    text = _FRAME.read_text(encoding="utf-8")
    for name, value in places.items():
        text = text.replace(f"{{{name}}}", value)
    return f"{shared_frame(lab)}\n\n{text}"


def correction(changes: Changes, turn: Turn, lab: Lab) -> str:
    """What to say after a turn that left no sound change; empty if there is nothing to say."""
    if turn.ending is not Ending.DONE:
        return ""
    if changes.refused:
        return (
            f"This is refused: {in_words(changes.refused)}. Only {_editable(lab)} may be changed. "
            "Undo the rest (`git status` shows it), keep your change of what may be changed, and "
            "stop."
        )
    if not changes.edits:
        return (
            f"Nothing is changed: {_editable(lab)} is what it was. Make your change now, by "
            f"editing in the working directory, write `{NOTE}`, and stop."
        )
    return ""


def _editable(lab: Lab) -> str:
    names = [f"`{path}`" for path in lab.files.editable]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}"
