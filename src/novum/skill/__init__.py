"""What coding agents find in a lab: a skill, a section of AGENTS.md, and what leads to them.

Codex, Gemini CLI, opencode, Cursor and others read `.agents/skills`; Claude Code reads
`.claude/skills`, where a pointer stands, so that there is one text to change. A link would do the
same, but not on every system.
"""

import re
from importlib import resources
from pathlib import Path

from novum.errors import UsageError

NAME = "run-experiments"
SKILL = Path(".agents/skills") / NAME / "SKILL.md"
POINTER = Path(".claude/skills") / NAME / "SKILL.md"
AGENTS, CLAUDE = Path("AGENTS.md"), Path("CLAUDE.md")
IMPORT = "@AGENTS.md"
BEGIN, END = "<!-- novum: begin -->", "<!-- novum: end -->"
SECTION = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)


def install(directory: Path, *, force: bool = False) -> list[str]:
    """Write the files into a lab; returns a line for each: what was done, or what is left to do.

    What was changed has to be committed, so that agents find it and campaigns can start.

    What is there stays as it is, but for the marked section, and with `force`.

    Raises:
        UsageError: if a file cannot be written or read as text.
    """
    try:
        return [
            _whole(directory, SKILL, skill_text(), force),
            _whole(directory, POINTER, _pointer(), force),
            _section(directory, force),
            _claude(directory, force),
        ]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the skill cannot be written: {error}") from None


def skill_text() -> str:
    """The skill itself."""
    return _template(f"{NAME}/SKILL.md")


def _template(name: str) -> str:
    return (resources.files("novum") / "skill" / name).read_text(encoding="utf-8")


def _pointer() -> str:
    found = re.search(r"^description: (.*)$", skill_text(), re.MULTILINE)
    assert found is not None
    return _template("pointer.md").replace("{description}", found[1])


def _whole(directory: Path, name: Path, text: str, force: bool) -> str:
    """A file that is ours as a whole."""
    path = directory / name
    if not path.exists():
        return _write(directory, name, text)
    if name == POINTER and path.samefile(directory / SKILL):
        return f"{name}: is the same file as {SKILL}"
    return _renewed(directory, name, path.read_text(encoding="utf-8"), text, force)


def _section(directory: Path, force: bool) -> str:
    """Our section of a file that may be the person's."""
    section = f"{BEGIN}\n{_template('agents.md')}{END}"
    path = directory / AGENTS
    if not path.exists():
        return _write(directory, AGENTS, f"# For agents\n\n{section}\n")
    before = path.read_text(encoding="utf-8")
    if SECTION.search(before) is None:
        added = f"{before.rstrip()}\n\n{section}\n" if before.strip() else f"{section}\n"
        path.write_text(added, encoding="utf-8")
        return f"{AGENTS}: added a section; the rest is as it was"
    after = SECTION.sub(lambda _: section, before, count=1)
    return _renewed(directory, AGENTS, before, after, force)


def _claude(directory: Path, force: bool) -> str:
    """The file that Claude Code reads: it leads to AGENTS.md."""
    path = directory / CLAUDE
    if not path.exists():
        return _write(directory, CLAUDE, f"{IMPORT}\n")
    before = path.read_text(encoding="utf-8")
    if IMPORT in before or path.samefile(directory / AGENTS):
        return f"{CLAUDE}: leads to {AGENTS} already"
    if not force:
        return f"{CLAUDE}: is yours, so it stays; add this line to it: {IMPORT}"
    path.write_text(f"{before.rstrip()}\n\n{IMPORT}\n", encoding="utf-8")
    return f"{CLAUDE}: added the line {IMPORT}"


def _write(directory: Path, name: Path, text: str) -> str:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return f"{name}: written"


def _renewed(directory: Path, name: Path, before: str, after: str, force: bool) -> str:
    if before == after:
        return f"{name}: is current"
    if not force:
        return f"{name}: is different, so it stays; --force replaces it"
    (directory / name).write_text(after, encoding="utf-8")
    return f"{name}: replaced"
