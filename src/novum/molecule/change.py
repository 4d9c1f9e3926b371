"""What was changed between two molecules: the atoms and bonds that the larger common part lacks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rdkit import Chem
from rdkit.Chem import rdFMCS

SECONDS = 2  # for the search of a common part; then the largest that was found is taken
MOST_MATCHES = 200  # ways to lay the common part on a symmetric molecule


@dataclass(frozen=True, slots=True)
class Change:
    """What is new in a molecule against another, by its own atom and bond indices.

    `common` leads from each atom that both have to the other's; an element that was swapped is in
    it, and is also among `atoms`. `cut` are atoms where the other had more.
    """

    atoms: frozenset[int] = frozenset()
    bonds: frozenset[int] = frozenset()
    cut: frozenset[int] = frozenset()
    common: Mapping[int, int] = field(default_factory=dict)


def change(mol: Chem.Mol, other: Chem.Mol) -> Change:
    """What `mol` has that `other` has not, by their maximum common substructure (rdFMCS).

    Elements may differ inside the common part, so that a nitrogen in the place of a carbon is a
    change of one atom; rings are matched as wholes.
    """
    common = _common(mol, other)
    if not common:
        return Change()
    atoms = {atom.GetIdx() for atom in mol.GetAtoms()}
    new = {index for index in atoms if not _same(mol, other, index, common)}
    bonds = {bond.GetIdx() for bond in mol.GetBonds() if _is_new(bond, other, common)}
    cut = {
        index
        for index, theirs in common.items()
        if index not in new and _lost(other, theirs, common) and not _gained(mol, index, common)
    }
    if not new and not bonds and not cut:
        new = _stereo(mol, other, common)
    return Change(frozenset(new), frozenset(bonds), frozenset(cut), common)


def _common(mol: Chem.Mol, other: Chem.Mol) -> dict[int, int]:
    """The common part: from atoms of `mol` to those of `other`, as many of them equal as can be."""
    found = rdFMCS.FindMCS(
        [mol, other],
        timeout=SECONDS,
        atomCompare=rdFMCS.AtomCompare.CompareAny,
        bondCompare=rdFMCS.BondCompare.CompareAny,
        ringMatchesRingOnly=True,
        completeRingsOnly=True,
    )
    if found.numAtoms == 0 or found.queryMol is None:
        return {}
    query = found.queryMol
    theirs = other.GetSubstructMatch(query)
    if not theirs:  # a single atom, of which rdFMCS says less than it matched
        return {}
    ways = mol.GetSubstructMatches(query, uniquify=False, maxMatches=MOST_MATCHES)
    pairs = [dict(zip(mine, theirs, strict=True)) for mine in ways]
    return max(pairs, key=lambda pair: _likeness(mol, other, pair), default={})


def _likeness(mol: Chem.Mol, other: Chem.Mol, common: Mapping[int, int]) -> int:
    atoms = sum(_same(mol, other, index, common) for index in common)
    return 2 * atoms + sum(not _is_new(bond, other, common) for bond in mol.GetBonds())


def _same(mol: Chem.Mol, other: Chem.Mol, index: int, common: Mapping[int, int]) -> bool:
    if index not in common:
        return False
    mine, theirs = mol.GetAtomWithIdx(index), other.GetAtomWithIdx(common[index])
    return bool(
        mine.GetAtomicNum() == theirs.GetAtomicNum()
        and mine.GetFormalCharge() == theirs.GetFormalCharge()
        and mine.GetIsotope() == theirs.GetIsotope()
    )


def _is_new(bond: Chem.Bond, other: Chem.Mol, common: Mapping[int, int]) -> bool:
    ends = [common.get(bond.GetBeginAtomIdx()), common.get(bond.GetEndAtomIdx())]
    if None in ends:
        return True
    theirs = other.GetBondBetweenAtoms(*ends)
    return theirs is None or theirs.GetBondType() != bond.GetBondType()


def _neighbours(mol: Chem.Mol, index: int) -> Iterator[int]:
    yield from (atom.GetIdx() for atom in mol.GetAtomWithIdx(index).GetNeighbors())


def _lost(other: Chem.Mol, theirs: int, common: Mapping[int, int]) -> bool:
    kept = set(common.values())
    return any(index not in kept for index in _neighbours(other, theirs))


def _gained(mol: Chem.Mol, index: int, common: Mapping[int, int]) -> bool:
    return any(neighbour not in common for neighbour in _neighbours(mol, index))


def _stereo(mol: Chem.Mol, other: Chem.Mol, common: Mapping[int, int]) -> set[int]:
    """Atoms whose stereochemistry differs, where nothing else does: then labels can be compared."""
    mine = dict(Chem.FindMolChiralCenters(mol, includeUnassigned=True))
    theirs = dict(Chem.FindMolChiralCenters(other, includeUnassigned=True))
    centres = {index for index, at in common.items() if mine.get(index) != theirs.get(at)}
    turned = (bond for bond in mol.GetBonds() if _is_turned(bond, other, common))
    ends = {end for bond in turned for end in (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())}
    return centres | ends


def _is_turned(bond: Chem.Bond, other: Chem.Mol, common: Mapping[int, int]) -> bool:
    """Whether a double bond is E here and Z there, or open in one of them."""
    ends = (common[bond.GetBeginAtomIdx()], common[bond.GetEndAtomIdx()])
    return bool(other.GetBondBetweenAtoms(*ends).GetStereo() != bond.GetStereo())
