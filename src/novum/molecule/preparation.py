"""From a molecule to what Vina docks: protonated, its isomers, one conformer each, as PDBQT.

The steps are DOCKSTRING's (García-Ortegón et al. 2022, 10.1021/acs.jcim.1c01334): charges are
taken off, Open Babel protonates for a pH, ETKDG makes a conformer, MMFF94 relaxes it. Beyond that,
open stereocentres are enumerated, and Meeko writes the PDBQT. Rings stay as they were embedded.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from meeko import MoleculePreparation, PDBQTWriterLegacy
from openbabel import openbabel  # never pybel: beside Vina, its iterators abort the process
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers
from rdkit.Chem.EnumerateStereoisomers import EnumerateStereoisomers, StereoEnumerationOptions
from rdkit.Chem.MolStandardize import rdMolStandardize

from novum.molecule.molecules import Molecule, MoleculeError
from novum.molecule.scores import Status

ELEMENTS = frozenset({"H", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Br", "I"})  # that Vina knows
TRIED = 4  # times the isomers that are wanted: many drawn ones cannot exist in a ring system
CHOICE = 20220401  # which isomers are taken where there are too many: not the docking's seed
RELAXATION = 1000  # steps
MOST_TAUTOMERS = 64


@dataclass(frozen=True, slots=True)
class Rules:
    """How ligands are made."""

    seed: int  # of the conformer, 1 to 2**31 - 1
    ph: float = 7.4
    isomers: int = 4  # at most, of a molecule with open stereocentres; 1: whichever is embedded
    tautomers: int = 1  # at most; 1: as it is given
    seconds: float = 60.0  # for one conformer


@dataclass(frozen=True, slots=True)
class Ligand:
    """One form of a molecule, ready to be docked."""

    smiles: str  # of this form: its protonation and all its stereochemistry
    mol: Chem.Mol  # with hydrogens and one conformer
    pdbqt: str
    protonated: bool  # whether Open Babel's protonation could be used
    seconds: float  # that its conformer took


def ligands(molecule: Molecule, rules: Rules) -> list[Ligand]:
    """The forms of a molecule that are docked; the one that docks best will count.

    Raises:
        MoleculeError: `unprepared` or `timeout`, if there is none.
    """
    strange = {atom.GetSymbol() for atom in molecule.mol.GetAtoms()} - ELEMENTS
    if strange:
        named = ", ".join(sorted(strange))
        raise MoleculeError(Status.UNPREPARED, f"AutoDock Vina has no parameters for {named}")
    made: list[Ligand] = []
    trouble: MoleculeError | None = None
    for tautomer in _tautomers(uncharged(molecule.mol), rules.tautomers):
        enough = len(made) + rules.isomers
        for isomer in _isomers(tautomer, rules.isomers):  # before nitrogens seem to be centres
            form = protonated(isomer, rules.ph)
            try:
                made.append(_ligand(form or isomer, rules, protonated=form is not None))
            except MoleculeError as error:
                trouble = error
                if error.status is Status.TIMEOUT:
                    break
            if len(made) == enough:
                break
    if not made:
        raise trouble or MoleculeError(Status.UNPREPARED, "it has no isomer")
    return made


def uncharged(mol: Chem.Mol) -> Chem.Mol:
    """The molecule with as many charges taken off as protons can."""
    return rdMolStandardize.Uncharger().uncharge(mol)


def protonated(mol: Chem.Mol, ph: float) -> Chem.Mol | None:
    """The molecule as it is at a pH, by Open Babel's rules; None where these make another one.

    They do: an impossible anion, for example, of a tetrazole.
    """
    conversion = openbabel.OBConversion()
    conversion.SetInAndOutFormats("smi", "can")
    other = openbabel.OBMol()
    if not conversion.ReadString(other, Chem.MolToSmiles(mol)):
        return None
    other.AddHydrogens(False, True, ph)  # not only polar ones; by pH
    form = Chem.MolFromSmiles(conversion.WriteString(other).strip())
    if form is None or Chem.MolToSmiles(uncharged(form)) != Chem.MolToSmiles(uncharged(mol)):
        return None
    return form


def _tautomers(mol: Chem.Mol, count: int) -> list[Chem.Mol]:
    if count == 1:
        return [mol]
    enumerator = rdMolStandardize.TautomerEnumerator()
    enumerator.SetMaxTautomers(MOST_TAUTOMERS)
    given = Chem.MolToSmiles(mol)
    by_name = {Chem.MolToSmiles(form): form for form in enumerator.Enumerate(mol)}
    by_name.pop(given, None)
    likely = sorted(by_name, key=lambda name: (-enumerator.ScoreTautomer(by_name[name]), name))
    return [mol, *(by_name[name] for name in likely[: count - 1])]


def _isomers(mol: Chem.Mol, count: int) -> Iterator[Chem.Mol]:
    if count == 1:
        return iter([mol])
    options = StereoEnumerationOptions(
        onlyUnassigned=True, unique=True, maxIsomers=TRIED * count, rand=CHOICE
    )
    return iter(EnumerateStereoisomers(mol, options=options))


def _ligand(isomer: Chem.Mol, rules: Rules, protonated: bool) -> Ligand:
    begin = time.monotonic()
    mol = conformer(isomer, rules.seed, rules.seconds)
    seconds = time.monotonic() - begin
    Chem.AssignStereochemistryFrom3D(mol)
    smiles = Chem.MolToSmiles(Chem.RemoveHs(mol))
    return Ligand(smiles, mol, _pdbqt(mol), protonated, seconds)


def conformer(mol: Chem.Mol, seed: int, seconds: float) -> Chem.Mol:
    """The molecule with hydrogens and one relaxed conformer: ETKDGv3, then MMFF94, else UFF.

    Raises:
        MoleculeError: `timeout` if there is none after so many seconds, `unprepared` if there
            is none at all.
    """
    with_hydrogens = Chem.AddHs(mol)
    end = time.monotonic() + seconds
    for anywhere in (False, True):  # random coordinates embed what distances alone do not
        settings = rdDistGeom.ETKDGv3()
        settings.randomSeed = seed
        settings.useRandomCoords = anywhere
        settings.timeout = max(1, round(end - time.monotonic()))
        if rdDistGeom.EmbedMolecule(with_hydrogens, settings) == 0:
            _relax(with_hydrogens)
            return with_hydrogens
        if time.monotonic() > end - 1:
            raise MoleculeError(Status.TIMEOUT, f"no 3D conformer within {seconds:g} s")
    raise MoleculeError(Status.UNPREPARED, "no 3D conformer can be made; is its stereo possible?")


def _relax(mol: Chem.Mol) -> None:
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        done = rdForceFieldHelpers.MMFFOptimizeMolecule(mol, "MMFF94", RELAXATION)
        if done >= 0:  # 1: it could be relaxed further
            return
    if not rdForceFieldHelpers.UFFHasAllMoleculeParams(mol):
        raise MoleculeError(Status.UNPREPARED, "no force field knows all its atoms")
    rdForceFieldHelpers.UFFOptimizeMolecule(mol, RELAXATION)


def _pdbqt(mol: Chem.Mol) -> str:
    setup = MoleculePreparation(rigid_macrocycles=True).prepare(mol)[0]
    text, is_ok, trouble = PDBQTWriterLegacy.write_string(setup)
    if not is_ok or not text.strip():
        told = " ".join(str(trouble).split())[:200]
        raise MoleculeError(Status.UNPREPARED, f"Meeko cannot prepare it: {told}")
    return str(text)
