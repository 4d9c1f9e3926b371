"""What the lab itself would make of its lead: candidates for a plate."""

from collections.abc import Callable, Iterable
from pathlib import Path

from novum.molecule.plates.picking import Candidate


def of_lead(directory: Path) -> Callable[[str], Iterable[Candidate]]:
    """What can be made of a lead; nothing, in a lab that has no transformations."""
    return lambda smiles: ()
