"""What the lab itself would make of its lead: the products of its transformations."""

from collections.abc import Callable, Iterator
from pathlib import Path

from novum.lab import read_lab
from novum.molecule.filters import read_filters
from novum.molecule.medchem import FILTERS
from novum.molecule.molecules import read
from novum.molecule.plates.picking import Candidate
from novum.molecule.transformations import Transformation, products, read_transformations


def of_lead(directory: Path) -> Callable[[str], Iterator[Candidate]]:
    """What the lab's transformations make of a lead, and its filters let pass.

    Nothing, in a lab that has no file of transformations.

    Raises:
        UsageError: if the lab, its transformations or its filters are not sound.
    """
    path = directory / read_lab(directory).researcher.backlog
    known = read_transformations(path) if path.exists() else []

    def candidates(smiles: str) -> Iterator[Candidate]:
        if known:
            yield from _products(directory, smiles, known)

    return candidates


def _products(
    directory: Path, smiles: str, transformations: list[Transformation]
) -> Iterator[Candidate]:
    lead = read(smiles)
    there = (directory / FILTERS).exists()
    filters = read_filters(directory / FILTERS).from_start(lead) if there else None
    for product in products(lead, transformations):
        one = product.transformation
        if not product.refusal(filters):
            yield Candidate(
                product.molecule.smiles,
                product.title,
                one.rationale,
                product.key,
                one.kind,
                one.source,
            )
