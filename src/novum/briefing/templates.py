"""The texts of a briefing, which are files in `templates/`, filled in."""

from functools import cache
from importlib import resources
from string import Template


@cache
def text_of(name: str) -> str:
    """The text of a template as it is in its file."""
    path = resources.files("novum.briefing") / "templates" / f"{name}.md"
    return path.read_text(encoding="utf-8").strip()


def filled(name: str, **values: str) -> str:
    """A template with values in it. A line that has no value but empty ones is left out."""
    return "\n".join(
        Template(line).substitute(values)
        for line in text_of(name).split("\n")
        if _says_something(Template(line), values)
    )


def _says_something(line: Template, values: dict[str, str]) -> bool:
    names = line.get_identifiers()
    return not names or any(values[name] for name in names)
