"""What each well of a file says: a number, or a status with a reason. Nothing else is a number."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from novum.molecule.molecules import MoleculeError, canonical
from novum.molecule.plates import units
from novum.molecule.plates.assay import Assay
from novum.molecule.plates.file import Cells, FileError, bare, read_cells
from novum.molecule.plates.layout import SHAPES, wells

Decimal = Literal["comma", "point"]

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_BOUND = re.compile(r"(>=|<=|>|<|≥|≤)\s*(.*)")
_GENERIC = {
    "value", "result", "results", "signal", "reading", "measurement", "response", "inhibition",
    "percentinhibition", "raw", "rawdata", "rfu", "rlu", "od", "absorbance", "fluorescence",
    "luminescence", "counts",
}  # fmt: skip
_SMILES_NAMES = {"smiles", "structure", "canonicalsmiles"}
_MOLECULE_NAMES = {"molecule", "compound", "name", "sample", "compoundid", "sampleid", "moleculeid"}
_UNIT_NAMES = {"unit", "units"}
_NOT_FINITE = {"nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity", "#n/a", "#num!"}


class Found(StrEnum):
    """What a well of a file holds."""

    NUMBER = "number"
    EMPTY = "empty"  # nothing yet: a later file may fill it
    CENSORED = "censored"  # beyond what the assay can tell: `>10000`; the bound is no number
    TEXT = "text"  # `ND`, `OVRFLW`: the instrument has no number
    NOT_FINITE = "not_finite"
    NOT_POSITIVE = "not_positive"  # a concentration of zero or less
    WRONG_UNIT = "wrong_unit"
    DUPLICATE = "duplicate"  # the file has two different results for the well
    MISMATCH = "mismatch"  # the file says that another molecule is there
    OFF_PLATE = "off_plate"  # no such well on this plate
    UNUSED = "unused"  # the layout leaves it empty


_NOTHING = {Found.EMPTY, Found.OFF_PLATE, Found.UNUSED}


@dataclass(frozen=True, slots=True)
class Reading:
    """What one well says. `number` is there if, and only if, it is a number or a bound."""

    well: str
    found: Found
    text: str  # as it was written
    number: float | None = None  # in the assay's unit
    above: bool | None = None  # of a bound: whether the truth lies above it
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """What the layout says of a well that holds something: a name, and a SMILES if it has one."""

    name: str
    smiles: str = ""


@dataclass(frozen=True, slots=True)
class Hints:
    """What the person says about a file that does not say it itself."""

    unit: str | None = None
    column: str | None = None
    decimal: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that was read: one reading for each well that it speaks of, and lines left out."""

    readings: tuple[Reading, ...]
    plates: frozenset[str]  # that it names
    ignored: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where a table says what; the well's own column is known already."""

    value: int
    smiles: int | None = None
    molecule: int | None = None


def named_plates(content: bytes, name: str) -> set[str]:
    """The plates that a file says it is of; empty if it says nothing.

    Raises:
        FileError: if the file cannot be read at all.
    """
    return read_cells(content, name).plates()


def read_sheet(
    content: bytes,
    name: str,
    assay: Assay,
    size: int,
    layout: Mapping[str, Holding],
    hints: Hints = Hints(),
) -> Sheet:
    """What an instrument's file says of each well of a plate.

    Raises:
        FileError: if it as a whole is wrong: no table, another unit, another plate's molecules.
    """
    cells = read_cells(content, name)
    if cells.shape is not None and cells.shape != SHAPES[size]:
        high, wide = cells.shape
        raise FileError(f"{name} is of a plate of {high * wide} wells, and this one has {size}")
    columns = _columns(cells, assay, name, hints)
    _require_unit(cells, columns, assay, name, hints)
    comma = _decimal_comma([line[columns.value] for _, _, line in cells.wells], cells, name, hints)
    read: dict[str, list[Reading]] = defaultdict(list)
    mismatched = compared = 0
    for _, well, line in cells.wells:
        reading = _placed(_reading(well, line[columns.value], assay, comma=comma), layout, size)
        if reading.found not in _NOTHING:
            other = _other_molecule(line, columns, layout[well])
            compared += other is not None
            if other:
                mismatched += 1
                reading = _refused(reading, Found.MISMATCH, other)
        read[well].append(reading)
    if mismatched * 2 >= compared > 0 and mismatched > 1:
        raise FileError(
            f"{name} says of {mismatched} of {compared} wells that other molecules are there: it "
            "is of another plate, or the plate was turned"
        )
    if all(one.found in _NOTHING for own in read.values() for one in own):
        raise FileError(f"{name} holds no results: every cell of a well in use is empty")
    readings = [_single(own) for own in read.values()]
    return Sheet(tuple(readings), frozenset(cells.plates()), cells.ignored)


# -- which column, which unit ---------------------------------------------------------------------


def _columns(cells: Cells, assay: Assay, name: str, hints: Hints) -> _Columns:
    if cells.shape is not None:
        return _Columns(0)
    names = [bare(heading) for heading in cells.headings]
    return _Columns(
        _value_column(cells, assay, name, hints),
        next((number for number, one in enumerate(names) if one in _SMILES_NAMES), None),
        next((number for number, one in enumerate(names) if one in _MOLECULE_NAMES), None),
    )


def _value_column(cells: Cells, assay: Assay, name: str, hints: Hints) -> int:
    readout = hints.column or assay.tables.assay.readout
    wanted = {bare(readout)}
    found = _called(cells, wanted)
    if not found and hints.column is None:
        found = _called(cells, _GENERIC)
    if len(found) == 1:
        return found[0]
    there = ", ".join(heading or "(no name)" for heading in cells.headings)
    if not found:
        raise FileError(
            f"{name} has no column {readout}; its columns are: {there}; "
            "say which holds the results: --column NAME"
        )
    several = ", ".join(cells.headings[number] for number in found)
    raise FileError(f"{name} has several columns of results: {several}; say which: --column NAME")


def _called(cells: Cells, names: set[str]) -> list[int]:
    return [
        number
        for number, heading in enumerate(cells.headings)
        if bare(units.parted(heading)[0]) in names or bare(heading) in names
    ]


def _require_unit(cells: Cells, columns: _Columns, assay: Assay, name: str, hints: Hints) -> None:
    """See that what the file says of its unit is what `assay.toml` says; a concentration must.

    Raises:
        FileError: if it is another, or none is said.
    """
    _, unit, written = units.parted(cells.headings[columns.value])
    said = {written} if written and (unit is not None or assay.is_concentration) else set()
    said |= cells.units_above(assay.tables.assay.readout)
    for number, heading in enumerate(cells.headings):
        if bare(heading) in _UNIT_NAMES:
            said |= {line[number].strip() for _, _, line in cells.wells} - {""}
    wrong = sorted(one for one in said if units.unit_called(one) != assay.unit)
    if wrong and (assay.is_concentration or any(units.unit_called(one) for one in wrong)):
        raise FileError(
            f'{name} is in {", ".join(wrong)}, and assay.toml says unit = "{assay.unit}"; '
            "convert the file, or correct assay.toml"
        )
    if hints.unit is not None and units.unit_called(hints.unit) != assay.unit:
        raise FileError(f'--unit {hints.unit}: assay.toml says unit = "{assay.unit}"')
    if assay.is_concentration and not said and hints.unit is None:
        raise FileError(
            f"{name} does not say in which unit it is; head the column `{assay.heading}`, "
            f"or say so: --unit {assay.unit}"
        )


# -- numbers --------------------------------------------------------------------------------------


def _decimal_comma(texts: Iterable[str], cells: Cells, name: str, hints: Hints) -> bool:
    """Whether a comma is a decimal comma in this file.

    Raises:
        FileError: if nobody can tell.
    """
    if hints.decimal is not None:
        return hints.decimal == "comma"
    digits = [re.sub(r"[^\d.,]", "", text) for text in texts]
    with_comma = [text for text in digits if "," in text]
    if not with_comma:
        return False
    both = {text.rindex(",") > text.rindex(".") for text in with_comma if "." in text}
    if len(both) == 1:
        return both.pop()
    plain = any("." in text for text in digits if "," not in text)
    certain = [text for text in with_comma if not re.fullmatch(r"[1-9]\d{0,2}(,\d{3})+", text)]
    if both or (plain and certain):
        raise FileError(f"{name} writes numbers in two ways; say which: --decimal comma or point")
    if plain:
        return False
    if not certain:
        raise FileError(
            f"{name}: nobody can tell whether {with_comma[0]} has a decimal comma or counts "
            "thousands; say which: --decimal comma or point"
        )
    return True


def _reading(well: str, text: str, assay: Assay, *, comma: bool) -> Reading:
    """What a cell says."""
    said = text.strip().strip("\u00a0\u202f").strip()
    if not said:
        return Reading(well, Found.EMPTY, text, reason="no result")
    bound = _BOUND.fullmatch(said)
    body = bound[2] if bound else said
    if body.lower() in _NOT_FINITE:
        return Reading(well, Found.NOT_FINITE, text, reason=f"`{said}` is no finite number")
    number, wrong = _number(body, assay, comma=comma)
    if wrong:
        return Reading(well, Found.WRONG_UNIT, text, reason=wrong)
    if number is None:
        return Reading(well, Found.TEXT, text, reason=f"`{said:.40}` is no number")
    if not math.isfinite(number):
        return Reading(well, Found.NOT_FINITE, text, reason=f"`{said}` is no finite number")
    if assay.is_concentration and number <= 0:
        reason = f"a concentration of {said} {assay.unit} cannot be"
        return Reading(well, Found.NOT_POSITIVE, text, reason=reason)
    if bound:
        return _bounded(well, text, number, above=bound[1] in {">", ">=", "≥"}, assay=assay)
    return _within(Reading(well, Found.NUMBER, text, number), assay)


def _number(text: str, assay: Assay, *, comma: bool) -> tuple[float | None, str]:
    """The number in a cell, or None; and what is wrong with the unit behind it, if one is."""
    parts = re.fullmatch(r"([^A-Za-zµμ%]*(?:[eE][+-]?\d+)?)\s*([A-Za-zµμ%/]*)", text)
    if parts is None:
        return None, ""
    digits, behind = _with_point(parts[1].strip(), comma=comma), parts[2]
    if not _NUMBER.fullmatch(digits):
        return None, ""
    if behind and units.unit_called(behind) is None:
        return None, ""
    if behind and units.unit_called(behind) != assay.unit:
        return None, f'it is in {behind}, and assay.toml says unit = "{assay.unit}"'
    return float(digits), ""


def _with_point(digits: str, *, comma: bool) -> str:
    """A number with a decimal point and no thousands apart; empty if they are not by threes."""
    group, decimal = (".", ",") if comma else (",", ".")
    whole, _, rest = digits.partition(decimal)
    if group in digits and not re.fullmatch(rf"[+-]?\d{{1,3}}(\{group}\d{{3}})+", whole):
        return ""
    return "" if group in rest else digits.replace(group, "").replace(decimal, ".")


def _within(reading: Reading, assay: Assay) -> Reading:
    """The reading, or a bound if the number lies beyond what the assay can tell."""
    limits, number = assay.tables.limits, reading.number
    assert number is not None
    if limits.highest is not None and number > limits.highest:
        return _bounded(reading.well, reading.text, limits.highest, above=True, assay=assay)
    if limits.lowest is not None and number < limits.lowest:
        return _bounded(reading.well, reading.text, limits.lowest, above=False, assay=assay)
    return reading


def _bounded(well: str, text: str, number: float, *, above: bool, assay: Assay) -> Reading:
    sign, unit = (">" if above else "<"), units.shown(assay.unit)
    reason = f"beyond what the assay can tell: {sign} {number:g} {unit}".rstrip()
    return Reading(well, Found.CENSORED, text, number, above, reason)


def _refused(reading: Reading, found: Found, reason: str) -> Reading:
    return replace(reading, found=found, number=None, above=None, reason=reason)


# -- wells ----------------------------------------------------------------------------------------


def _placed(reading: Reading, layout: Mapping[str, Holding], size: int) -> Reading:
    """The reading, if its well is one that the layout uses."""
    if reading.found is Found.EMPTY or reading.well in layout:
        return reading
    if reading.well in wells(size):
        return _refused(reading, Found.UNUSED, "the layout leaves this well empty")
    reason = f"a plate of {size} wells has no {reading.well}"
    return _refused(reading, Found.OFF_PLATE, reason)


def _other_molecule(line: tuple[str, ...], columns: _Columns, holding: Holding) -> str | None:
    """None if the file says no molecule for the well; what is wrong with it; empty if nothing."""
    smiles = "" if columns.smiles is None else line[columns.smiles].strip()
    name = "" if columns.molecule is None else line[columns.molecule].strip()
    if not (smiles and holding.smiles) and not name:
        return None
    if smiles and holding.smiles and not _same(smiles, holding.smiles):
        return f"the file says {smiles:.60} is here, and the layout {holding.smiles:.60}"
    if name and bare(name) != bare(holding.name):
        return f"the file says {name:.60} is here, and the layout {holding.name}"
    return ""


def _same(smiles: str, layout: str) -> bool:
    try:
        return canonical(smiles) == canonical(layout)
    except MoleculeError:
        return smiles == layout


def _single(readings: list[Reading]) -> Reading:
    """One reading of a well that the file may speak of more than once."""
    said = [one for one in readings if one.found is not Found.EMPTY]
    if not said:
        return readings[0]
    first, *rest = said
    if all((one.found, one.number, one.above) == (first.found, first.number, first.above)
           for one in rest):  # fmt: skip
        return first
    different = " and ".join(sorted({one.text.strip() for one in said}))
    return _refused(first, Found.DUPLICATE, f"the file has {different} for this well")
