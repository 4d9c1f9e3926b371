"""Is this molecule a known one in disguise?

Another spelling, tautomer, charge, isotope, stereoisomer or salt of a known molecule is the known
molecule. Compared are the parent that RDKit makes of each, and the first block of its InChIKey.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator
from rdkit.Chem.MolStandardize import rdMolStandardize

from novum.errors import LabError
from novum.molecule.lead import SeriesError, read_series
from novum.molecule.molecules import Molecule, MoleculeError, read

RADIUS, BITS = 2, 2048
MOST_TAUTOMERS = 200
SKELETON = 14  # characters of an InChIKey that say how the atoms are connected


def parent(mol: Chem.Mol) -> Chem.Mol:
    """The molecule without salt, charge, isotopes and stereochemistry, in one of its tautomers."""
    parameters = rdMolStandardize.CleanupParameters()
    parameters.maxTautomers = MOST_TAUTOMERS
    plain = Chem.RemoveHs(rdMolStandardize.IsotopeParent(mol, parameters))
    return rdMolStandardize.SuperParent(plain, parameters)


def identities(mol: Chem.Mol) -> frozenset[str]:
    """Names for what a molecule is: two molecules are the same if they share one."""
    plain = parent(mol)
    return frozenset({Chem.MolToSmiles(plain), Chem.MolToInchiKey(plain)[:SKELETON]} - {""})


def same(one: Chem.Mol, other: Chem.Mol) -> bool:
    """Whether two molecules are one, in whatever spelling, tautomer, charge or isotope."""
    if _composition(one) != _composition(other):  # different at a glance
        return False
    return not identities(one).isdisjoint(identities(other))


def similarity(one: Chem.Mol, other: Chem.Mol) -> float:
    """Tanimoto similarity of Morgan fingerprints, radius 2, 2048 bits: from 0 to 1.

    Isotopes and charges that protons bring do not count; tautomers do.
    """
    return float(DataStructs.TanimotoSimilarity(_bits(one), _bits(other)))


def same_compound(mol: Chem.Mol) -> str:
    """A key that tautomers and protonation states of one compound share, stereoisomers not."""
    return str(Chem.MolToInchiKey(mol) or Chem.MolToSmiles(mol))


@dataclass(frozen=True, slots=True)
class Known:
    """Molecules that are known, and what is too near to them."""

    molecules: Mapping[str, Sequence[tuple[str, Chem.Mol]]]  # with names, by their composition
    fingerprints: Sequence[tuple[str, DataStructs.ExplicitBitVect]]  # with names
    identity: bool
    max_similarity: float

    def refusal(self, molecule: Molecule) -> str:
        """Why a molecule is not new; empty if it is."""
        if self.identity and (name := self._same(molecule.mol)):
            return f"it is {name}, which is known"
        if self.max_similarity < 1 and self.fingerprints:
            near, name = max(self._similarities(_bits(molecule.mol)))
            if near > self.max_similarity:
                most = self.max_similarity
                return f"its similarity to {name} is {near:.2f}; at most {most:g} is wanted"
        return ""

    def _same(self, mol: Chem.Mol) -> str:
        """The name of the known molecule that this is; empty if it is none."""
        alike = self.molecules.get(_composition(mol), ())
        return next((name for name, known in alike if same(mol, known)), "")

    def _similarities(self, bits: DataStructs.ExplicitBitVect) -> Iterator[tuple[float, str]]:
        for name, known in self.fingerprints:
            yield float(DataStructs.TanimotoSimilarity(bits, known)), name


def read_known(path: Path | None, *, identity: bool, max_similarity: float) -> Known:
    """The known molecules in a file, written as in a lead series; None is no file.

    Raises:
        LabError: if the file is missing or not sound, naming the line.
    """
    known = list(_molecules(path)) if path is not None else []
    molecules: dict[str, list[tuple[str, Chem.Mol]]] = {}
    for name, mol in known:
        molecules.setdefault(_composition(mol), []).append((name, mol))
    near = [(name, _bits(mol)) for name, mol in known] if max_similarity < 1 else []
    return Known(molecules, near, identity, max_similarity)


def _molecules(path: Path) -> Iterator[tuple[str, Chem.Mol]]:
    try:
        entries = read_series(path)
    except SeriesError as error:
        raise LabError(f"{path.name}: {error}") from None
    for entry in entries:
        try:
            yield entry.name, read(entry.smiles).mol
        except MoleculeError as error:
            raise LabError(f"{path.name}, line {entry.line}: {error}") from None


def _composition(mol: Chem.Mol) -> str:
    symbols = Counter(atom.GetSymbol() for atom in mol.GetAtoms() if atom.GetAtomicNum() > 1)
    return " ".join(f"{symbol}{count}" for symbol, count in sorted(symbols.items()))


@cache
def _generator() -> rdFingerprintGenerator.FingerprintGenerator64:
    return rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)


def _bits(mol: Chem.Mol) -> DataStructs.ExplicitBitVect:
    plain = rdMolStandardize.ChargeParent(Chem.RemoveHs(rdMolStandardize.IsotopeParent(mol)))
    return _generator().GetFingerprint(plain)
