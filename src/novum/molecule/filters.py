"""What the lab does not want to see docked: `filters.toml`, and one sentence for each refusal.

Cheap looks before dear ones: ranges of properties, synthetic accessibility, alerts (PAINS, BRENK,
reactive groups), novelty, and the size against the docking box. Nothing is docked here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from rdkit import Chem
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

from novum.errors import LabError
from novum.lab.tables import Table
from novum.molecule.identity import Known, read_known, same
from novum.molecule.molecules import Molecule
from novum.molecule.properties import PROPERTIES, extended_length
from novum.tables import read_table

Box = tuple[float, float, float]  # the sides, in Å
Catalog = Literal["PAINS_A", "PAINS_B", "PAINS_C", "BRENK", "NIH", "ZINC"]


class _Range(Table):
    min: Annotated[float, Field(allow_inf_nan=False, strict=True)] | None = None
    max: Annotated[float, Field(allow_inf_nan=False, strict=True)] | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is greater than max, so no molecule could pass")
        return self


class _Alerts(Table):
    catalogs: tuple[Catalog, ...] = ()
    allow: tuple[str, ...] = ()  # names of alerts that are no reason to refuse
    allow_start: bool = True  # nor are those that the campaign's first lead raises


class _Novelty(Table):
    known: str = ""  # a file of SMILES and names, beside filters.toml
    identity: bool = True
    max_similarity: Annotated[float, Field(gt=0, le=1, strict=True)] = 1.0  # of Morgan bits


class _Size(Table):
    fits_box: bool = True


class _File(Table):
    range: dict[str, _Range] = Field(default_factory=dict)
    alerts: _Alerts = _Alerts()
    reactive: dict[str, str] = Field(default_factory=dict)
    novelty: _Novelty = _Novelty()
    size: _Size = _Size()

    @model_validator(mode="after")
    def _known_properties(self) -> Self:
        for name in self.range:
            if name not in PROPERTIES:
                raise ValueError(f"no property is called `{name}`; there are: {_listed()}")
        return self


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of a lab, ready to look at molecules."""

    ranges: Mapping[str, tuple[float | None, float | None]]
    catalog: FilterCatalog
    allow: frozenset[str]
    allow_start: bool
    reactive: Mapping[str, Chem.Mol]
    known: Known
    fits_box: bool
    start: Molecule | None = None  # what is never refused

    def from_start(self, start: Molecule) -> Self:
        """The filters of a campaign that begins with this lead, which itself is never refused."""
        raised = {name for name, _ in self._alerts(start)} if self.allow_start else set()
        return replace(self, allow=self.allow | raised, start=start)

    def refusal(self, molecule: Molecule, box: Box | None = None) -> str:
        """Why a molecule is not wanted, the first reason in a sentence; empty if it is.

        `box` is the docking box's sides in Å; without one, the size is not looked at.
        """
        return next(self.refusals(molecule, box), "")

    def refusals(self, molecule: Molecule, box: Box | None = None) -> Iterator[str]:
        """All reasons, one sentence each, the cheap looks first."""
        if self.start is not None and same(molecule.mol, self.start.mol):
            return
        yield from self._out_of_range(molecule)
        if box is not None and self.fits_box:
            yield from _too_long(molecule, box)
        for _, sentence in self._alerts(molecule):
            yield sentence
        if told := self.known.refusal(molecule):
            yield told

    def _out_of_range(self, molecule: Molecule) -> Iterator[str]:
        for name, (low, high) in self.ranges.items():
            what, formula = PROPERTIES[name]
            value = formula(molecule.mol)
            if high is not None and value > high:
                yield f"{what} is {value:.4g}; at most {high:g} is wanted"
            if low is not None and value < low:
                yield f"{what} is {value:.4g}; at least {low:g} is wanted"

    def _alerts(self, molecule: Molecule) -> Iterator[tuple[str, str]]:
        """The names of the alerts that a molecule raises, and what is said of each."""
        for name, pattern in self.reactive.items():
            if name not in self.allow and molecule.mol.HasSubstructMatch(pattern):
                yield name, f"it has a group that is not wanted: {name}"
        for entry in self.catalog.GetMatches(molecule.mol):
            name = _alert(entry.GetDescription())
            if name not in self.allow:
                yield name, f"it raises the alert {name} of {entry.GetProp('FilterSet')}"


def read_filters(path: Path) -> Filters:
    """The filters in a `filters.toml`, with the known molecules that it names.

    Raises:
        UsageError: if a file is missing or not sound, naming the key.
    """
    table = read_table(_File, path)
    novelty = table.novelty
    return Filters(
        ranges={name: (one.min, one.max) for name, one in table.range.items()},
        catalog=_catalog(table.alerts.catalogs),
        allow=frozenset(table.alerts.allow),
        allow_start=table.alerts.allow_start,
        reactive={name: _pattern(path, name, text) for name, text in table.reactive.items()},
        known=read_known(
            path.parent / novelty.known if novelty.known else None,
            identity=novelty.identity,
            max_similarity=novelty.max_similarity,
        ),
        fits_box=table.size.fits_box,
    )


def _too_long(molecule: Molecule, box: Box) -> Iterator[str]:
    length = extended_length(molecule.mol)
    if length > max(box):
        yield f"stretched out it is {length:.0f} Å long; the docking box is {max(box):.0f} Å"


def _listed() -> str:
    return ", ".join(sorted(PROPERTIES))


def _alert(description: str) -> str:
    """The name of an alert: PAINS put a count of their own behind it."""
    return description.partition("(")[0].strip()


def _catalog(names: tuple[Catalog, ...]) -> FilterCatalog:
    parameters = FilterCatalogParams()
    for name in names:
        parameters.AddCatalog(getattr(FilterCatalogParams.FilterCatalogs, name))
    return FilterCatalog(parameters)


def _pattern(path: Path, name: str, smarts: str) -> Chem.Mol:
    pattern = Chem.MolFromSmarts(smarts) if smarts.strip() else None
    if pattern is None:
        raise LabError(f"{path.name}: reactive.{name}: this is no SMARTS")
    return pattern
