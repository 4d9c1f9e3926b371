"""Text from outside, fenced: what a run or an earlier proposal says can be read, not obeyed.

A fence is a pair of tags with a mark, `<data 3f9a…>` and `</data 3f9a…>`. The mark never stands
inside, not even in letters that only look alike, so that no text can close its own fence.
"""

import re
import unicodedata
from hashlib import sha256

from novum.terminal import CONTROL, cut

MARK_DIGITS = 8
_SEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # kinds of characters that nobody sees
_SAFE = {"\n", "\t"}


class _Unseen(dict[int, str | None]):
    """What becomes of each character; those that cannot be seen are dropped, or spelt out."""

    def __init__(self, spelt: bool) -> None:
        self._spelt = spelt

    def __missing__(self, code: int) -> str | None:
        char = chr(code)
        becomes: str | None = char
        if char not in _SAFE and unicodedata.category(char) in _SEEN:
            becomes = f"⟦U+{code:04X}⟧" if self._spelt else None
        self[code] = becomes
        return becomes


_DROPPED, _SPELT = _Unseen(spelt=False), _Unseen(spelt=True)


def visible(text: str) -> str:
    """Text without anything that cannot be seen: controls, joiners, marks of direction."""
    text = CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return text if text.isascii() else text.translate(_DROPPED)


def spelt_out(text: str) -> str:
    """The text of a file, where an unseen character is shown as ⟦U+202E⟧, for it may matter."""
    return text.replace("\r\n", "\n").translate(_SPELT)


def one_line(text: str, most: int) -> str:
    """Text as one line of at most so many characters, with nothing unseen in it."""
    return cut(" ".join(visible(text[: 4 * most + 100]).split()), most)


class Fence:
    """Fences with the mark that belongs to a seed; the same seed has the same mark."""

    def __init__(self, seed: str) -> None:
        self.mark = sha256(seed.encode("utf-8", "replace")).hexdigest()[:MARK_DIGITS]
        self._mark = re.compile(re.escape(self.mark), re.IGNORECASE)

    def around(self, text: str, name: str = "data") -> str:
        """The text between tags; its mark is taken out of it."""
        return f"<{name} {self.mark}>\n{self.unmarked(text).rstrip()}\n</{name} {self.mark}>"

    def unmarked(self, text: str) -> str:
        """The text without the mark, whatever letters it was written in."""
        if not text.isascii():
            plain = unicodedata.normalize("NFKC", text)
            if self._mark.search(plain) and not self._mark.search(text):
                text = plain
        return self._mark.sub("(mark)", text)
