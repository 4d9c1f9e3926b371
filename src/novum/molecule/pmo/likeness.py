"""How similar a molecule is to a known one: Tanimoto similarity of count fingerprints.

The fingerprints are those of GuacaMol: ECFP4 and ECFP6 (Morgan, radius 2 and 3), FCFP4 (Morgan,
radius 2, over features), AP (atom pairs up to ten bonds apart) and PHCO (the pharmacophores of
Gobbi and Poppinger 1998). None is folded, and none sees chirality.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal

from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator
from rdkit.Chem.Pharm2D import Generate, Gobbi_Pharm2D

Fingerprint = Literal["ECFP4", "ECFP6", "FCFP4", "AP", "PHCO"]
_PAIRS_UP_TO = 10  # bonds


@functools.cache
def _maker(kind: Fingerprint) -> Callable[[Chem.Mol], Any]:
    if kind == "PHCO":
        return lambda mol: Generate.Gen2DFingerprint(mol, Gobbi_Pharm2D.factory)
    if kind == "AP":
        generator = rdFingerprintGenerator.GetAtomPairGenerator(maxDistance=_PAIRS_UP_TO)
    elif kind == "FCFP4":
        features = rdFingerprintGenerator.GetMorganFeatureAtomInvGen()
        generator = rdFingerprintGenerator.GetMorganGenerator(
            radius=2, atomInvariantsGenerator=features
        )
    else:
        generator = rdFingerprintGenerator.GetMorganGenerator(radius=2 if kind == "ECFP4" else 3)
    make: Callable[[Chem.Mol], Any] = generator.GetSparseCountFingerprint
    return make


class Likeness:
    """Similarity to one molecule, between 0 and 1."""

    def __init__(self, smiles: str, kind: Fingerprint) -> None:
        self._make = _maker(kind)
        self._target = self._make(Chem.MolFromSmiles(smiles))

    def __call__(self, mol: Chem.Mol) -> float:
        """The similarity of a molecule to the one that is known."""
        return float(DataStructs.TanimotoSimilarity(self._target, self._make(mol)))
