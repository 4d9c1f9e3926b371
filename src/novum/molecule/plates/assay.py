"""`assay.toml`: what a laboratory measures, how it becomes the metric, and what is refused."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from novum.errors import LabError
from novum.lab import Lab
from novum.lab.tables import Finite, Name, Positive, RelativePath, Table
from novum.molecule.plates import units
from novum.molecule.plates.units import Unit
from novum.tables import parsed, read_text

ASSAY_FILE = "assay.toml"
POSITIVE, NEGATIVE = "positive", "negative"
Format = Literal[24, 96, 384]
Wells = Annotated[int, Field(ge=1, le=96, strict=True)]


class Readout(Table):
    """`[assay]`: what comes back, and what is made of it."""

    readout: Annotated[str, Field(min_length=1, max_length=60)]
    unit: Unit
    becomes: Literal["p", "percent_inhibition", "as_is"]
    metric: Name
    better: Literal["low", "high"]
    series: RelativePath = "lead.smi"


class PlateTable(Table):
    """`[plate]`: how a plate is laid out, unless the person asks for another."""

    format: Format = 96
    replicates: Annotated[int, Field(ge=1, le=24, strict=True)] = 3
    lead: Annotated[int, Field(ge=0, le=48, strict=True)] = 3
    controls: Literal["spread", "columns"] = "spread"
    avoid_edge: bool = False


class Control(Table):
    """`[controls.positive]` or `[controls.negative]`: 100 % and 0 % of inhibition.

    `expected` is where the mean of its wells must lie, in the metric's unit.
    """

    name: Annotated[str, Field(min_length=1, max_length=60)]
    smiles: str = ""
    wells: Wells = 4
    expected: tuple[Finite, Finite] | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.expected is not None and self.expected[0] >= self.expected[1]:
            raise ValueError("expected = [low, high], and low must be less than high")
        return self


class Controls(Table):
    """`[controls]`: what is known beforehand, on each plate."""

    positive: Control | None = None
    negative: Control | None = None


class Quality(Table):
    """`[quality]`: what a plate, and the replicates of a molecule, must satisfy."""

    z_prime: Annotated[float, Field(ge=-10, lt=1, strict=True)] | None = None
    largest_spread: Positive | None = None


class Limits(Table):
    """`[limits]`: what the assay can tell, in the unit of what comes back."""

    lowest: Finite | None = None
    highest: Finite | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.lowest is not None and self.highest is not None and self.lowest >= self.highest:
            raise ValueError("lowest must be less than highest")
        return self


class Expiry(Table):
    """`[expiry]`, in days: of plates without results, and of values."""

    plates: Positive | None = None
    values: Positive | None = None


class Picking(Table):
    """`[picking]`: which candidates go on a plate first."""

    order: Literal["diverse", "given"] = "diverse"
    too_similar: Annotated[float, Field(gt=0, le=1)] = 0.85


class AssayTables(Table):
    """The whole of `assay.toml`."""

    assay: Readout
    plate: PlateTable = PlateTable()
    controls: Controls = Controls()
    quality: Quality = Quality()
    limits: Limits = Limits()
    expiry: Expiry = Expiry()
    picking: Picking = Picking()

    @model_validator(mode="after")
    def _together(self) -> Self:
        if problem := _problem(self):
            raise ValueError(problem)
        return self


@dataclass(frozen=True, slots=True)
class Assay:
    """An assay that was read and checked, and the digest of its text."""

    tables: AssayTables
    digest: str

    @property
    def unit(self) -> str:
        """Of what comes back."""
        return self.tables.assay.unit

    @property
    def is_concentration(self) -> bool:
        """Whether what comes back is one, which cannot be zero or less."""
        return self.unit in units.MOLAR

    @property
    def heading(self) -> str:
        """What the column of results is called: `IC50 (nM)`."""
        unit = units.shown(self.unit)
        return f"{self.tables.assay.readout} ({unit})" if unit else self.tables.assay.readout

    @property
    def controls(self) -> dict[str, Control]:
        """The controls that there are, by role."""
        both = {POSITIVE: self.tables.controls.positive, NEGATIVE: self.tables.controls.negative}
        return {role: control for role, control in both.items() if control is not None}

    @property
    def needs_controls(self) -> bool:
        """Whether no value can be told before the controls of its plate are in."""
        expected = any(control.expected is not None for control in self.controls.values())
        by_controls = self.unit == "raw" and self.tables.assay.becomes == "percent_inhibition"
        return by_controls or expected or self.tables.quality.z_prime is not None


def parse_assay(text: str, where: str = ASSAY_FILE) -> Assay:
    """Read the text of an `assay.toml`.

    Raises:
        LabError: naming the line and the key, and what would be right.
    """
    tables = parsed(AssayTables, text, where)
    return Assay(tables, hashlib.sha256(text.encode()).hexdigest())


def read_assay(directory: Path, name: str = ASSAY_FILE) -> Assay:
    """Read `assay.toml` of a lab's directory.

    Raises:
        LabError: if there is none, or it is not sound.
    """
    path = directory / name
    if not path.exists():
        raise LabError(
            f"no {name} in {directory.resolve()}: this lab has no assay; "
            "`novum new assay DIR` makes one that has"
        )
    return parse_assay(read_text(path), str(path))


def require_fitting(assay: Assay, lab: Lab) -> None:
    """See that the assay and `lab.toml` speak of the same metric and the same file.

    Raises:
        LabError: with what does not fit.
    """
    said = assay.tables.assay
    direction = "maximize" if said.better == "high" else "minimize"
    if said.metric != lab.metric.name:
        raise LabError(
            f"{ASSAY_FILE}: `assay.metric` is {said.metric}, and the metric of lab.toml is "
            f"{lab.metric.name}; make them the same"
        )
    if direction != lab.metric.direction:
        raise LabError(
            f'{ASSAY_FILE}: `assay.better` is "{said.better}", and lab.toml says '
            f'direction = "{lab.metric.direction}"; make them agree'
        )
    if said.series not in lab.files.editable:
        raise LabError(
            f"{ASSAY_FILE}: `assay.series` is {said.series}, which is not among files.editable "
            "of lab.toml"
        )


def _problem(tables: AssayTables) -> str | None:
    """What does not fit together, or None."""
    unit, becomes = tables.assay.unit, tables.assay.becomes
    both = tables.controls.positive is not None and tables.controls.negative is not None
    if becomes == "p" and unit not in units.MOLAR:
        return f'becomes = "p" needs a concentration, and unit = "{unit}"'
    if becomes == "percent_inhibition" and unit != "raw":
        return f'becomes = "percent_inhibition" is made of a raw signal, and unit = "{unit}"'
    if becomes == "percent_inhibition" and not both:
        return "percent inhibition needs both controls: add controls.positive and controls.negative"
    if tables.quality.z_prime is None:
        return None
    if not both:
        return "quality.z_prime needs both controls: add controls.positive and controls.negative"
    wells = [one.wells for one in (tables.controls.positive, tables.controls.negative) if one]
    return "quality.z_prime needs two wells of each control or more" if min(wells) < 2 else None
