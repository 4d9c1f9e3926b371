"""SMILES, read with suspicion: what is no molecule, or none for a drug lab, gets a reason."""

from dataclasses import dataclass

from rdkit import Chem, RDLogger

from novum.molecule.scores import Status

LONGEST = 1000  # characters of a SMILES
MOST_ATOMS = 100  # heavy ones; a docking program and its user have no use for more
LARGEST_RING = 20  # larger macrocycles defeat the embedding of one rigid conformer
ELEMENTS = frozenset({"H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Se", "Br", "I"})

RDLogger.DisableLog("rdApp.*")  # its complaints go to standard error; ours go into the reason


class MoleculeError(ValueError):
    """What was given is no molecule that can be worked with; `status` says in which way."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Molecule:
    """A molecule: one neutral or charged organic species, sanitised, without explicit hydrogens."""

    smiles: str  # canonical, with stereochemistry
    mol: Chem.Mol

    @property
    def heavy_atoms(self) -> int:
        """How many atoms it has, without hydrogens."""
        return int(self.mol.GetNumHeavyAtoms())


def read(smiles: str) -> Molecule:
    """The molecule that a SMILES stands for.

    Raises:
        MoleculeError: if it stands for none, or for one that no oracle of ours should see.
    """
    text = smiles.strip()
    if not text:
        raise MoleculeError(Status.UNREADABLE, "there is no SMILES")
    if len(text) > LONGEST:
        raise MoleculeError(
            Status.UNREADABLE, f"a SMILES of {len(text)} characters; at most {LONGEST}"
        )
    mol = _parsed(text)
    _require_one_organic_species(mol)
    return Molecule(Chem.MolToSmiles(mol), mol)


def canonical(smiles: str) -> str:
    """The canonical SMILES of a molecule.

    Raises:
        MoleculeError: as `read` does.
    """
    return read(smiles).smiles


def _parsed(text: str) -> Chem.Mol:
    if len(text.split()) > 1:
        raise MoleculeError(Status.UNREADABLE, "a SMILES has no spaces; names go elsewhere")
    if not text.isascii():
        raise MoleculeError(Status.UNREADABLE, "a SMILES has no letters beyond ASCII")
    mol = Chem.MolFromSmiles(text)
    if mol is None:
        raise MoleculeError(Status.UNREADABLE, _problem(text))
    return mol


def _problem(text: str) -> str:
    """Why RDKit cannot read a SMILES, which takes longer to find out than to read one."""
    raw = Chem.MolFromSmiles(text, sanitize=False)
    if raw is None:
        return "this is no SMILES"
    problems = Chem.DetectChemistryProblems(raw)
    return " ".join(problems[0].Message().split()) if problems else "RDKit cannot make sense of it"


def _require_one_organic_species(mol: Chem.Mol) -> None:
    if mol.GetNumHeavyAtoms() == 0:
        raise MoleculeError(Status.UNSUITABLE, "it has no heavy atom")
    if mol.GetNumHeavyAtoms() > MOST_ATOMS:
        heavy = mol.GetNumHeavyAtoms()
        raise MoleculeError(Status.UNSUITABLE, f"{heavy} heavy atoms; at most {MOST_ATOMS}")
    pieces = len(Chem.GetMolFrags(mol))
    if pieces > 1:
        raise MoleculeError(
            Status.UNSUITABLE,
            f"{pieces} separate pieces: a salt or a mixture; give the parent alone",
        )
    atoms = [(atom.GetSymbol(), atom.GetNumRadicalElectrons()) for atom in mol.GetAtoms()]
    if strange := sorted({symbol for symbol, _ in atoms} - ELEMENTS):
        raise MoleculeError(Status.UNSUITABLE, f"it holds {', '.join(strange)}")
    if any(electrons for _, electrons in atoms):
        raise MoleculeError(Status.UNSUITABLE, "it is a radical")
    largest = max((len(ring) for ring in mol.GetRingInfo().AtomRings()), default=0)
    if largest > LARGEST_RING:
        raise MoleculeError(Status.UNSUITABLE, f"a ring of {largest} atoms; at most {LARGEST_RING}")
