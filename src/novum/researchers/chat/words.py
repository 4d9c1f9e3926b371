"""What is said to a model: how to answer, and what was wrong with an answer."""

from collections.abc import Collection
from importlib.resources import files
from string import Template

from novum.researchers.chat.answer import SIGNS

FORM = "Answer again, in the form that was asked for, completely: the header fields and all blocks."


def how_to_answer(editable: Collection[str], signs: int = SIGNS) -> str:
    """The form of an answer."""
    room = files("novum.researchers.chat").joinpath("templates")
    template = Template(room.joinpath("answer.md").read_text(encoding="utf-8"))
    return template.substitute(
        open="<" * signs,
        divide="=" * signs,
        close=">" * signs,
        count=str(signs),
        editable=", ".join(f"`{name}`" for name in editable),
    )


def longer_signs(signs: int) -> str:
    """For files that have lines of such signs themselves."""
    return (
        f"In your answer, write all signs {signs} times (`{'<' * signs} SEARCH`, `{'=' * signs}`, "
        f"`{'>' * signs} REPLACE`): the files have lines of fewer of them."
    )


def misfit(fault: str) -> str:
    """The change did not apply."""
    return f"Your change does not apply, and nothing was changed.\n\n{fault}\n\n{FORM}"


def unreadable(fault: str) -> str:
    """There was no change to be found."""
    return f"Your answer could not be read: {fault}.\n\n{FORM}"


def cut_off(tokens: int) -> str:
    """The answer was longer than it may be."""
    return (
        f"Your answer was cut off: it may have {tokens} tokens, thoughts included. Choose a "
        f"smaller change, think shorter, and use SEARCH and REPLACE instead of a whole "
        f"file.\n\n{FORM}"
    )


def refused() -> str:
    """The model refused."""
    return (
        "The last answer was a refusal. This is ordinary engineering: a change to the code above, "
        "which is run in a sandbox to measure it. If one direction is not possible, take another."
        f"\n\n{FORM}"
    )
