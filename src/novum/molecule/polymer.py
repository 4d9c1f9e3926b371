"""A receptor prepared by Meeko, inside a worker process: hydrogens, atom types, PDBQT."""

from collections.abc import Callable

from meeko import MoleculePreparation, PDBQTWriterLegacy, Polymer, ResidueChemTemplates

from novum.molecule.receptors import WATERS, Prepared, Residue

ANIONS = frozenset({"F", "CL", "BR", "I"})  # of the buffer; metals stay


def preparer(_settings: None) -> Callable[[list[Residue]], Prepared]:
    """What prepares the residues of a PDB file.

    Only what Meeko has templates for is given to it: of others it would ask the network.
    """
    templates = ResidueChemTemplates.create_from_defaults()
    known = set(templates.residue_templates) | set(templates.ambiguous) | {"MSE"}
    known -= WATERS | ANIONS

    def prepare(residues: list[Residue]) -> Prepared:
        kept = [one for one in residues if one.name in known]
        if not kept:
            raise ValueError("it holds no protein and no nucleic acid")
        polymer = Polymer.from_pdb_string(
            "".join(f"{_usual(line)}\n" for one in kept for line in one.lines) + "END\n",
            templates,
            MoleculePreparation.from_config({"compute_charges": False}),
            allow_bad_res=True,
        )
        rigid, _ = PDBQTWriterLegacy.write_from_polymer(polymer)
        left_out = tuple(one.name for one in residues if one.name not in known)
        return Prepared(rigid, left_out, tuple(polymer.get_ignored_monomers()))

    return prepare


def _usual(line: str) -> str:
    """Selenomethionine, which only helps to solve a structure, as the methionine that it was."""
    if line[17:20] != "MSE":
        return line
    name, element = (" SD ", " S") if line[12:16].strip() == "SE" else (line[12:16], line[76:78])
    return f"ATOM  {line[6:12]}{name}{line[16]}MET{line[20:76]}{element}"
