"""What a medicinal chemist would change next: reactions on paper, applied to a lead.

The lab's `ideas.toml` holds them; the file may grow while a campaign runs.

    [[transformation]]
    key = "phenyl-to-pyridyl"
    title = "Phenyl to pyridyl"
    kind = "bioisostere"
    smarts = "[cH:1]1[cH:2][cH:3]...>>..."   # a reaction SMARTS, or a list of them
    rationale = "Less greasy, and a new acceptor."
    source = "Pennington & Moustakas 2017"
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field
from rdkit import Chem
from rdkit.Chem import QED, rdChemReactions

from novum.errors import UsageError
from novum.lab.tables import Table
from novum.molecule.filters import Box, Filters
from novum.molecule.identity import same_compound
from novum.molecule.molecules import Molecule, MoleculeError, read
from novum.tables import read_table

MOST_PRODUCTS = 200  # of one reaction on one lead

Text = Annotated[str, Field(min_length=1)]


class _Entry(Table):
    key: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]
    title: Text
    kind: Text
    smarts: Text | Annotated[list[Text], Field(min_length=1)]
    rationale: Text
    source: str = ""
    try_refused: bool = False


class _File(Table):
    transformation: list[_Entry] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Transformation:
    """A change of a molecule, with the reason for it."""

    key: str
    title: str
    kind: str
    reactions: tuple[rdChemReactions.ChemicalReaction, ...]
    rationale: str
    source: str = ""
    try_refused: bool = False  # proposed even where the filters refuse the product


@dataclass(frozen=True, slots=True)
class Product:
    """What a transformation makes of a lead; of several places, the `number`th of `count`."""

    transformation: Transformation
    molecule: Molecule
    compound: str  # what tautomers share, see `novum.molecule.identity`
    number: int = 1
    count: int = 1

    @property
    def key(self) -> str:
        """The name of the idea: the same transformation of another lead is another one."""
        return f"{self.transformation.key}:{self.molecule.smiles}"

    @property
    def title(self) -> str:
        """What is done, and which of several places is meant."""
        place = f", place {self.number} of {self.count}" if self.count > 1 else ""
        return f"{self.transformation.title} ({self.transformation.kind}{place})"

    def refusal(self, filters: Filters | None, box: Box | None = None) -> str:
        """Why the lab's filters would refuse it; empty if they would not."""
        return "" if filters is None else filters.refusal(self.molecule, box)


def read_transformations(path: Path) -> list[Transformation]:
    """The transformations of a file, in its order.

    Raises:
        UsageError: if it is missing or not sound, naming the transformation.
    """
    if not path.exists():
        raise UsageError(f"no transformations at {path}; write some there")
    entries = read_table(_File, path)
    keys = [entry.key for entry in entries.transformation]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise UsageError(f"{path}: more than one transformation has the key {twice[0]!r}")
    return [_transformation(path, entry) for entry in entries.transformation]


def products(lead: Molecule, transformations: Iterable[Transformation]) -> list[Product]:
    """All that the transformations make of a lead: each compound once, never the lead itself.

    In the order of the transformations; of one transformation the most drug-like product (QED)
    first, and of equals any, but always the same. What is no molecule for a drug lab is left out;
    the filters are not asked.
    """
    seen = {same_compound(lead.mol)}
    found: list[Product] = []
    for one in transformations:
        new: list[tuple[str, Molecule]] = []
        for molecule in _made(lead.mol, one):
            compound = same_compound(molecule.mol)
            if compound not in seen:
                seen.add(compound)
                new.append((compound, molecule))
        found += _ranked(one, new)
    return found


def _ranked(transformation: Transformation, made: Sequence[tuple[str, Molecule]]) -> list[Product]:
    def rank(one: tuple[str, Molecule]) -> tuple[float, bytes]:
        _, molecule = one
        # Places of a ring are often equals: a hash, lest it be the same place for every group.
        drawn = hashlib.sha256(f"{transformation.key} {molecule.smiles}".encode()).digest()
        return -round(float(QED.qed(molecule.mol)), 2), drawn

    return [
        Product(transformation, molecule, compound, number, len(made))
        for number, (compound, molecule) in enumerate(sorted(made, key=rank), 1)
    ]


def _made(lead: Chem.Mol, transformation: Transformation) -> Iterator[Molecule]:
    """The products that are molecules; a reaction on paper also makes what cannot exist."""
    for reaction in transformation.reactions:
        for outcome in reaction.RunReactants((lead,), maxProducts=MOST_PRODUCTS):
            try:
                yield read(Chem.MolToSmiles(outcome[0]))
            except MoleculeError:
                continue


def _transformation(path: Path, entry: _Entry) -> Transformation:
    written = [entry.smarts] if isinstance(entry.smarts, str) else entry.smarts
    return Transformation(
        key=entry.key,
        title=" ".join(entry.title.split()),
        kind=entry.kind,
        reactions=tuple(_reaction(path, entry.key, smarts) for smarts in written),
        rationale=" ".join(entry.rationale.split()),
        source=entry.source,
        try_refused=entry.try_refused,
    )


def _reaction(path: Path, key: str, smarts: str) -> rdChemReactions.ChemicalReaction:
    told = f"{path}: {key!r}: {smarts[:60]!r}"
    try:
        reaction = rdChemReactions.ReactionFromSmarts(smarts)
    except ValueError:
        raise UsageError(f"{told} is no reaction SMARTS") from None
    templates = (reaction.GetNumReactantTemplates(), reaction.GetNumProductTemplates())
    if templates != (1, 1):
        raise UsageError(f"{told} must turn one molecule into one")
    if reaction.Validate(silent=True)[1]:
        raise UsageError(f"{told} has errors: look at its atom maps")
    reaction.Initialize()
    return reaction
