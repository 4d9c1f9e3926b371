"""Units of assays: concentrations and their negative logarithm, and what headings call them."""

import math
import re
from typing import Literal

Unit = Literal["pM", "nM", "uM", "mM", "M", "percent_inhibition", "raw"]

MOLAR: dict[str, int] = {"pM": -12, "nM": -9, "uM": -6, "mM": -3, "M": 0}
_PERCENT = {"%", "percent", "pct", "%inh", "%inhibition", "percentinhibition", "percent_inhibition"}
_BRACKETED = re.compile(r"[(\[{]\s*([^)\]}]*?)\s*[)\]}]")
_TAIL = re.compile(r"(?:[\s_,/-]+)(pM|nM|[uµμ]M|mM|M|%)\s*$")


def p_of(value: float, unit: str) -> float:
    """The negative decimal logarithm of a concentration in mol/l: pIC50 of an IC50.

    Raises:
        ValueError: if there is none, for the value is not above zero, or no concentration.
    """
    if not value > 0 or math.isinf(value):
        raise ValueError(f"{value:g} {unit} has no logarithm")
    return -MOLAR[unit] - math.log10(value)


def concentration_of(p: float, unit: str) -> float:
    """The concentration, in a unit, whose negative logarithm is given."""
    return float(10.0 ** (-MOLAR[unit] - p))


def unit_called(text: str) -> str | None:
    """The unit that a word stands for: `µM`, `[nM]`, `%`; None if it stands for none of ours.

    Capitals count, for `mM` and `MM`, `m` and `M` are not the same.
    """
    word = text.strip().strip("()[]{}").strip()
    word = word.replace("µ", "u").replace("μ", "u").replace("mol/L", "M").replace("mol/l", "M")
    if word in MOLAR:
        return word
    if word.lower().replace(" ", "") in _PERCENT:
        return "percent_inhibition"
    return None


def parted(heading: str) -> tuple[str, str | None, str]:
    """A heading as a name, its unit if it has one of ours, and what was written as a unit.

    `IC50 (nM)`, `IC50 [nM]`, `IC50_nM` and `IC50, nM` all give `("IC50", "nM", "nM")`.
    """
    text = " ".join(heading.split())
    if found := _BRACKETED.search(text):
        name = (text[: found.start()] + text[found.end() :]).strip()
        return name, unit_called(found[1]), found[1]
    if found := _TAIL.search(text):
        return text[: found.start()].strip(), unit_called(found[1]), found[1]
    if text.startswith("%"):
        return text[1:].strip() or text, "percent_inhibition", "%"
    return text, None, ""


def shown(unit: str) -> str:
    """A unit as a heading writes it; empty for a raw signal, which has none."""
    return {"percent_inhibition": "%", "raw": ""}.get(unit, unit)
