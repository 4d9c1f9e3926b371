"""The formulas of the PMO benchmark that need no downloaded model, by name.

Each entry makes a function from a molecule to a score between 0 and 1. Definitions: GuacaMol
(Brown et al. 2019, table 2 and its supporting information), with the constants of PyTDC 1.1.15; QED
is that of Bickerton et al. 2012. PyTDC also keeps older forms of the isomers, sitagliptin and
zaleplon (`..._prev`), which took the number of atoms from the SMILES: those are not here.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from rdkit import Chem
from rdkit.Chem import QED, Crippen, GraphDescriptors, rdMolDescriptors

from novum.molecule.pmo.desirability import (
    arithmetic,
    at_least,
    at_most,
    clipped,
    gaussian,
    geometric,
)
from novum.molecule.pmo.likeness import Fingerprint, Likeness

Formula = Callable[[Chem.Mol], float]

ALBUTEROL = "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1"
AMLODIPINE = r"Clc1ccccc1C2C(=C(/N/C(=C2/C(=O)OCC)COCCN)C)\C(=O)OC"
CAMPHOR = "CC1(C)C2CCC1(C)C(=O)C2"
CELECOXIB = "CC1=CC=C(C=C1)C1=CC(=NN1C1=CC=C(C=C1)S(N)(=O)=O)C(F)(F)F"
FEXOFENADINE = "CC(C)(C(=O)O)c1ccc(cc1)C(O)CCCN2CCC(CC2)C(O)(c3ccccc3)c4ccccc4"
HOPPED = "CCCOc1cc2ncnc(Nc3ccc4ncsc4c3)c2cc1S(=O)(=O)C(C)(C)C"  # where the hops start
MENTHOL = "CC(C)C1CCC(C)CC1O"
MESTRANOL = "COc1ccc2[C@H]3CC[C@@]4(C)[C@@H](CC[C@@]4(O)C#C)[C@@H]3CCc2c1"
OSIMERTINIB = "COc1cc(N(C)CCN(C)C)c(NC(=O)C=C)cc1Nc2nccc(n2)c3cn(C)c4ccccc34"
PERINDOPRIL = "O=C(OCC)C(NC(C(=O)N1C(C(=O)O)CC2CCCCC12)C)CCC"
RANOLAZINE = "COc1ccccc1OCC(O)CN2CCN(CC(=O)Nc3c(C)cccc3C)CC2"
SILDENAFIL = "CCCC1=NN(C2=C1N=C(NC2=O)C3=C(C=CC(=C3)S(=O)(=O)N4CCN(CC4)C)OCC)C"
SITAGLIPTIN = "Fc1cc(c(F)cc1F)CC(N)CC(=O)N3Cc2nnc(n2CC3)C(F)(F)F"
SITAGLIPTIN_ISOMER = "NC(CC(=O)N1CCn2c(nnc2C(F)(F)F)C1)Cc1cc(F)c(F)cc1F"  # of valsartan_smarts
TADALAFIL = "O=C1N(CC(N2C1CC3=C(C2C4=CC5=C(OCO5)C=C4)NC6=C3C=CC=C6)=O)C"
THIOTHIXENE = "CN(C)S(=O)(=O)c1ccc2Sc3ccccc3C(=CCCN4CCN(C)CC4)c2c1"
TROGLITAZONE = "Cc1c(C)c2OC(C)(COc3ccc(CC4SC(=O)NC4=O)cc3)CCc2c(C)c1O"
ZALEPLON = "O=C(C)N(CC)C1=CC=CC(C2=CC=NC3=C(C=NN23)C#N)=C1"

QUINAZOLINE = "[#7]-c1n[c;h1]nc2[c;h1]c(-[#8])[c;h0][c;h1]c12"  # the scaffold to keep, or to leave
SULFONE = "CS([#6])(=O)=O"
BENZOTHIAZOLE = "[#7]-c1ccc2ncsc2c1"
DECORATED = "[#6]-[#6]-[#6]-[#8]-[#6]~[#6]~[#6]~[#6]~[#6]-[#7]-c1ccc2ncsc2c1"
VALSARTAN = "CN(C=O)Cc1ccc(c2ccccc2)cc1"


def _similarity(smiles: str, kind: Fingerprint, upper: float = 1.0) -> Formula:
    likeness = Likeness(smiles, kind)
    return lambda mol: clipped(likeness(mol), upper)


def _median(first: str, second: str, kind: Fingerprint) -> Formula:
    one, other = Likeness(first, kind), Likeness(second, kind)
    return lambda mol: geometric(one(mol), other(mol))


def _contains(smarts: str) -> Formula:
    pattern = Chem.MolFromSmarts(smarts)
    return lambda mol: float(mol.HasSubstructMatch(pattern))


def _isomer(counts: Mapping[str, int]) -> Formula:
    """How near a molecule's formula is to one: a bell for each element, and one for the size."""
    atoms = sum(counts.values())

    def score(mol: Chem.Mol) -> float:
        found = [atom.GetSymbol() for atom in Chem.AddHs(mol).GetAtoms()]
        bells = [gaussian(found.count(name), count, 1.0) for name, count in counts.items()]
        return geometric(*bells, gaussian(len(found), atoms, 2.0))

    return score


def _osimertinib() -> Formula:
    features = Likeness(OSIMERTINIB, "FCFP4")
    atoms = Likeness(OSIMERTINIB, "ECFP6")
    return lambda mol: geometric(
        at_least(rdMolDescriptors.CalcTPSA(mol), 100, 10),
        at_most(Crippen.MolLogP(mol), 1, 1),
        clipped(features(mol), 0.8),
        at_most(atoms(mol), 0.85, 0.1),
    )


def _fexofenadine() -> Formula:
    likeness = Likeness(FEXOFENADINE, "AP")
    return lambda mol: geometric(
        at_least(rdMolDescriptors.CalcTPSA(mol), 90, 10),
        at_most(Crippen.MolLogP(mol), 4, 1),
        clipped(likeness(mol), 0.8),
    )


def _ranolazine() -> Formula:
    likeness = Likeness(RANOLAZINE, "AP")

    def score(mol: Chem.Mol) -> float:
        fluorines = sum(atom.GetSymbol() == "F" for atom in mol.GetAtoms())
        return geometric(
            at_least(rdMolDescriptors.CalcTPSA(mol), 95, 20),
            at_least(Crippen.MolLogP(mol), 7, 1),
            clipped(likeness(mol), 0.7),
            gaussian(fluorines, 1, 1),
        )

    return score


def _perindopril() -> Formula:
    likeness = Likeness(PERINDOPRIL, "ECFP4")
    return lambda mol: geometric(
        likeness(mol), gaussian(rdMolDescriptors.CalcNumAromaticRings(mol), 2, 0.5)
    )


def _amlodipine() -> Formula:
    likeness = Likeness(AMLODIPINE, "ECFP4")
    return lambda mol: geometric(
        likeness(mol), gaussian(rdMolDescriptors.CalcNumRings(mol), 3, 0.5)
    )


def _zaleplon() -> Formula:
    likeness = Likeness(ZALEPLON, "ECFP4")
    isomer = _isomer({"C": 19, "H": 17, "N": 3, "O": 2})
    return lambda mol: geometric(likeness(mol), isomer(mol))


def _sitagliptin() -> Formula:
    likeness = Likeness(SITAGLIPTIN, "ECFP4")
    isomer = _isomer({"C": 16, "H": 15, "F": 6, "N": 5, "O": 1})
    drug = Chem.MolFromSmiles(SITAGLIPTIN)
    logp, tpsa = Crippen.MolLogP(drug), rdMolDescriptors.CalcTPSA(drug)
    return lambda mol: geometric(
        gaussian(likeness(mol), 0, 0.1),
        gaussian(Crippen.MolLogP(mol), logp, 0.2),
        gaussian(rdMolDescriptors.CalcTPSA(mol), tpsa, 5),
        isomer(mol),
    )


def _valsartan() -> Formula:
    contains = _contains(VALSARTAN)
    drug = Chem.MolFromSmiles(SITAGLIPTIN_ISOMER)
    logp, tpsa = Crippen.MolLogP(drug), rdMolDescriptors.CalcTPSA(drug)
    bertz = GraphDescriptors.BertzCT(drug)
    return lambda mol: geometric(
        contains(mol),
        gaussian(rdMolDescriptors.CalcTPSA(mol), tpsa, 5),
        gaussian(Crippen.MolLogP(mol), logp, 0.2),
        gaussian(GraphDescriptors.BertzCT(mol), bertz, 30),
    )


def _deco_hop() -> Formula:
    likeness = Likeness(HOPPED, "PHCO")
    sulfone, benzothiazole = _contains(SULFONE), _contains(BENZOTHIAZOLE)
    scaffold = _contains(QUINAZOLINE)
    return lambda mol: arithmetic(
        clipped(likeness(mol), 0.85), 1 - sulfone(mol), 1 - benzothiazole(mol), scaffold(mol)
    )


def _scaffold_hop() -> Formula:
    likeness = Likeness(HOPPED, "PHCO")
    decoration, scaffold = _contains(DECORATED), _contains(QUINAZOLINE)
    return lambda mol: arithmetic(clipped(likeness(mol), 0.75), decoration(mol), 1 - scaffold(mol))


FORMULAS: Mapping[str, Callable[[], Formula]] = MappingProxyType(
    {
        "albuterol_similarity": lambda: _similarity(ALBUTEROL, "FCFP4", 0.75),
        "amlodipine_mpo": _amlodipine,
        "celecoxib_rediscovery": lambda: _similarity(CELECOXIB, "ECFP4"),
        "deco_hop": _deco_hop,
        "fexofenadine_mpo": _fexofenadine,
        "isomers_c7h8n2o2": lambda: _isomer({"C": 7, "H": 8, "N": 2, "O": 2}),
        "isomers_c9h10n2o2pf2cl": lambda: _isomer(
            {"C": 9, "H": 10, "N": 2, "O": 2, "P": 1, "F": 2, "Cl": 1}
        ),
        "median1": lambda: _median(CAMPHOR, MENTHOL, "ECFP4"),
        "median2": lambda: _median(TADALAFIL, SILDENAFIL, "ECFP6"),
        "mestranol_similarity": lambda: _similarity(MESTRANOL, "AP", 0.75),
        "osimertinib_mpo": _osimertinib,
        "perindopril_mpo": _perindopril,
        "qed": lambda: QED.qed,
        "ranolazine_mpo": _ranolazine,
        "scaffold_hop": _scaffold_hop,
        "sitagliptin_mpo": _sitagliptin,
        "thiothixene_rediscovery": lambda: _similarity(THIOTHIXENE, "ECFP4"),
        "troglitazone_rediscovery": lambda: _similarity(TROGLITAZONE, "ECFP4"),
        "valsartan_smarts": _valsartan,
        "zaleplon_mpo": _zaleplon,
    }
)
