"""The editable files of a briefing: whole if they fit, else as much of them as fits."""

import re
from collections.abc import Mapping

from novum.briefing.fence import Fence, spelt_out
from novum.briefing.size import BETWEEN, clipped, tokens
from novum.terminal import counted, cut

WIDEST = 2000  # characters of a line
OUTLINE = 0.15  # of the room of a file that is cut: what is defined in the part left out
_DEFINES = re.compile(r"\s*(?:async def|def|class|function|fn|func|struct|impl)\s+[A-Za-z_]")


def shown_files(files: Mapping[str, str], parent: str, fence: Fence, room: int) -> str:
    """All files in so many tokens, in their order; those that fit whole come before those cut."""
    texts = {path: fence.unmarked(_harmless(text)) for path, text in files.items()}
    whole = {path: _part(path, text, _about(files[path]), fence) for path, text in texts.items()}
    chosen: dict[str, str] = {}
    left = room
    for position, path in enumerate(sorted(whole, key=lambda path: tokens(whole[path]))):
        needed = tokens(whole[path] + BETWEEN)
        if needed <= left:
            chosen[path] = whole[path]
        else:
            share = left // (len(whole) - position)
            chosen[path] = _first_part(path, texts[path], parent, fence, share)
        left -= tokens(chosen[path] + BETWEEN)
    return BETWEEN.join(chosen[path] for path in files if chosen[path])


def _harmless(text: str) -> str:
    lines = spelt_out(text).split("\n")
    return "\n".join(cut(line, WIDEST) for line in lines).removesuffix("\n")


def _about(text: str) -> str:
    count = len(text.splitlines())
    about = [f"whole, {counted(count, 'line')}"]
    if "\r\n" in text:
        about.append("its lines end in CR LF")
    if any(len(line) > WIDEST for line in text.split("\n")):
        about.append(f"lines longer than {WIDEST} characters are cut, with …")
    return "; ".join(about)


def _part(path: str, text: str, about: str, fence: Fence) -> str:
    return f"### {path} ({about})\n\n{fence.around(text)}"


def _first_part(path: str, text: str, parent: str, fence: Fence, room: int) -> str:
    """The beginning of a file, and the names of what is defined in the rest."""
    lines = text.split("\n")
    about = f"cut to fit: the last {len(lines)} of {len(lines)} lines are left out"
    see = f"The whole file: git show {parent}:{path}"
    around = tokens(_part(path, "", about, fence) + BETWEEN + see + BETWEEN) + 8
    beginning = clipped(text, int((room - around) * (1 - OUTLINE)), rest="")
    if not beginning:
        line = f"### {path} (left out, for it does not fit)\n\n{see}"
        return line if tokens(line + BETWEEN) <= room else ""
    count = beginning.rstrip("\n").count("\n") + 1
    about = f"cut to fit: the last {len(lines) - count} of {len(lines)} lines are left out"
    left = room - around - tokens(beginning)
    rest = [
        f"{number}: {cut(line.rstrip(), 120)}"
        for number, line in enumerate(lines[count:], count + 1)
        if _DEFINES.match(line)
    ]
    head = "Defined in the lines that are left out:\n\n"
    outline = clipped("\n".join(rest), left - tokens(head + fence.around("")) - 4) if rest else ""
    parts = [_part(path, beginning, about, fence), see]
    if outline:
        parts.append(f"{head}{fence.around(outline)}")
    return BETWEEN.join(parts)
