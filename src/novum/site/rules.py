"""Brand rules: what breaks one is refused before anybody sees it, with a sentence that says why.

`rules.toml`:

    [length]                  # characters at most, and the number of paragraphs
    headline = 90
    [reading]
    grade = 9.0               # Flesch-Kincaid, of the whole copy
    [words]
    banned = ["guarantee*"]   # whole words, whatever their capitals; `*` stands for any ending
    [claims]
    words = ["proven"]        # these, and every number, may only be said within a proven text
    [[claims.proven]]
    text = "4,200 freelancers"
    proof = "who counted it, and when"
    [[disclaimer]]
    when = ["free"]           # where one of these is said; without `when`, always
    text = "after the trial €9 a month"

Copy is plain text: markup, invisible characters and words of mixed alphabets are refused always, so
that no word hides from its rule.
"""

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from novum.lab.tables import Table
from novum.site.records import Copy
from novum.tables import read_table
from novum.terminal import cut

RULES = "rules.toml"
SHOWN = 60  # characters of the copy that a refusal quotes at most
MARKUP = re.compile(r"<[a-zA-Z/!?]|&#?\w+;|javascript:", re.IGNORECASE)
NUMBER = re.compile(r"\d(?:[\d.,]*\d)?")
SENTENCE = re.compile(r"[.!?]+(?=\s|$)")
VOWELS = re.compile(r"[aeiouy]+")

# Scripts whose letters look like each other's, and what is not seen but is a letter or a mark.
ALIKE = {"LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"}
UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
NO_TEXT = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}  # categories of Unicode

Text = Annotated[str, Field(pattern=r"[^\s*]")]
Count = Annotated[int, Field(ge=1)]


class Length(Table):
    """`[length]`: characters at most, blanks included; `paragraphs` of the body."""

    headline: Count = 90
    subhead: Count = 180
    call_to_action: Count = 32
    paragraph: Count = 400
    paragraphs: Count = 6


class Reading(Table):
    """`[reading]`: the highest Flesch-Kincaid grade."""

    grade: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class Words(Table):
    """`[words]`: what may not be said, and how loud the rest may be."""

    banned: tuple[Text, ...] = ()
    capitals: Count | None = None  # letters in a row
    exclamations: Annotated[int, Field(ge=0)] | None = None  # in the whole copy


class Proven(Table):
    """`[[claims.proven]]`: a text that may be said, and what proves it."""

    text: Text
    proof: Text


class Claims(Table):
    """`[claims]`: words that claim something, as every number does then, and what is proven."""

    words: tuple[Text, ...] = ()
    proven: tuple[Proven, ...] = ()


class Disclaimer(Table):
    """`[[disclaimer]]`: what must be said where one of some words is."""

    when: tuple[Text, ...] = ()
    text: Text


class Rules(Table):
    """The whole of `rules.toml`."""

    length: Length = Length()
    reading: Reading = Reading()
    words: Words = Words()
    claims: Claims | None = None
    disclaimer: tuple[Disclaimer, ...] = ()

    def refusals(self, copy: Copy) -> list[str]:
        """All that is wrong with a copy, a sentence each; empty if it may be shown."""
        parts = _parts(copy)
        unreadable = [told for part in parts for told in _unreadable(*part)]
        return unreadable or [
            *self._lengths(copy, parts),
            *self._banned(parts),
            *self._loud(parts),
            *self._unproven(parts),
            *self._undisclaimed(parts),
            *self._hard(parts),
        ]

    def _lengths(self, copy: Copy, parts: "Parts") -> Iterator[str]:
        for name, text in parts:
            most = getattr(self.length, name if name in Length.model_fields else "paragraph")
            if len(text) > most:
                yield f"{name}: {len(text)} characters, of at most {most}"
        if len(copy.body) > (most := self.length.paragraphs):
            yield f"body: {len(copy.body)} paragraphs, of at most {most}"

    def _banned(self, parts: "Parts") -> Iterator[str]:
        for name, text in parts:
            for word in self.words.banned:
                if found := _pattern(word).search(_plain(text)):
                    yield f"{name}: says `{found[0]}`, which {RULES} bans"

    def _loud(self, parts: "Parts") -> Iterator[str]:
        most = self.words.capitals or math.inf
        for name, text in parts:
            runs = [word for word in re.findall(r"[^\W\d_]+", text) if word.isupper()]
            if loud := [word for word in runs if sum(map(str.isupper, word)) > most]:
                yield f"{name}: shouts `{_shown(loud[0])}`; at most {most} capitals in a row"
        marks, allowed = sum(text.count("!") for _, text in parts), self.words.exclamations
        if allowed is not None and marks > allowed:
            yield f"{marks} exclamation marks, of at most {allowed}"

    def _unproven(self, parts: "Parts") -> Iterator[str]:
        if self.claims is None:
            return
        claims = [_pattern(word) for word in self.claims.words]
        proven = [_pattern(one.text) for one in self.claims.proven]
        for name, text in parts:
            plain = _plain(text)
            covered = [found.span() for one in proven for found in one.finditer(plain)]
            for pattern in (NUMBER, *claims):
                for found in pattern.finditer(plain):
                    if not any(a <= found.start() and found.end() <= b for a, b in covered):
                        yield (
                            f"{name}: `{found[0]}` is a claim without proof; {RULES} lists what "
                            "is proven"
                        )

    def _undisclaimed(self, parts: "Parts") -> Iterator[str]:
        for one in self.disclaimer:
            said = [
                found[0]
                for word in one.when
                for _, text in parts
                if (found := _pattern(word).search(_plain(text)))
            ]
            present = any(_pattern(one.text).search(_plain(text)) for _, text in parts)
            if (said or not one.when) and not present:
                why = f"says `{said[0]}`, so it" if said else "it"
                yield f"{why} must also say `{one.text}`"

    def _hard(self, parts: "Parts") -> Iterator[str]:
        most, found = self.reading.grade, grade([text for _, text in parts])
        if most is not None and found > most:
            yield f"reads at grade {found:.1f}, of at most {most:g}: shorter sentences and words"


Parts = Sequence[tuple[str, str]]


def read_rules(path: Path) -> Rules:
    """The rules of a lab.

    Raises:
        UsageError: if the file is missing or not sound, naming the key.
    """
    return read_table(Rules, path)


def grade(texts: Sequence[str]) -> float:
    """The Flesch-Kincaid grade: 0.39 × words a sentence + 11.8 × syllables a word - 15.59.

    Syllables are counted by groups of vowels, a silent final e left out; for English.
    """
    sentences = [part for text in texts for part in SENTENCE.split(text) if part.strip()]
    words = [word for text in texts for word in re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", text)]
    if not words:
        return 0.0
    syllables = sum(map(_syllables, words))
    return 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59


def _syllables(word: str) -> int:
    plain = "".join(
        c for c in unicodedata.normalize("NFD", word.lower()) if not unicodedata.combining(c)
    )
    groups = len(VOWELS.findall(plain))
    silent = plain.endswith("e") and not plain.endswith("le") and groups > 1
    return max(1, groups - silent)


def _parts(copy: Copy) -> Parts:
    body = [(f"paragraph {number}", text) for number, text in enumerate(copy.body, 1)]
    return [
        ("headline", copy.headline),
        ("subhead", copy.subhead),
        ("call_to_action", copy.call_to_action),
        *body,
    ]


def _unreadable(name: str, text: str) -> Iterator[str]:
    """What no rules file allows: nothing there, markup, what is not seen, and mixed alphabets."""
    if not text.strip():
        yield f"{name} is empty"
    if found := MARKUP.search(text):
        yield f"{name}: `{_shown(text[found.start() :])}` is markup; copy is plain text"
    for letter in text:
        if unicodedata.category(letter) in NO_TEXT or UNSEEN.match(letter):
            what = unicodedata.name(letter, "a control character").lower()
            yield f"{name}: holds U+{ord(letter):04X}, {what}, which nobody sees; take it out"
            break
    for word in re.findall(r"[^\W\d_]+", text):
        alphabets = {_alphabet(letter) for letter in word} & ALIKE
        if len(alphabets) > 1:
            both = " and ".join(sorted(alphabets)).lower()
            yield f"{name}: `{_shown(word)}` mixes {both} letters"
            break


def _alphabet(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


def _plain(text: str) -> str:
    """How words are compared: one kind of every character, no capitals, single blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("’", "'").split())


def _pattern(words: str) -> re.Pattern[str]:
    """Finds words in a plain text, and no parts of words; a final `*` allows any ending."""
    plain = _plain(words)
    stem = re.escape(plain.removesuffix("*"))
    before = r"(?<!\w)" if plain[:1].isalnum() else ""
    after = r"\w*" if plain.endswith("*") else r"(?!\w)"
    return re.compile(before + stem + after)


def _shown(text: str) -> str:
    return cut(text, SHOWN)
