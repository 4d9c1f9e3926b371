"""A small place to dock into, so that tests are quick: a pocket of DRD2, cut out of its target."""

from novum.molecule.targets import Target, dockstring_target

SMALL = "Cc1ccccc1O"
CENTER, SIDE = (9.25, 6.167, -7.0), 15.0


def pocket(size=(SIDE, SIDE, SIDE)):
    whole = dockstring_target("DRD2")
    near = [
        line
        for line in whole.receptor.splitlines(keepends=True)
        if line.startswith("ATOM")
        and all(
            abs(float(line[30 + 8 * axis : 38 + 8 * axis]) - CENTER[axis]) < SIDE / 2 + 5
            for axis in range(3)
        )
    ]
    return Target("pocket", "".join(near), CENTER, size, "cut out")


def pdb_line(serial, atom, *, record="ATOM"):
    x, y, z = atom.place
    return (
        f"{record:6}{serial:5d} {atom.name:4} {atom.residue:3} {atom.chain}{atom.number:4d}    "
        f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {atom.element:>2}"
    )


def hetero(name, places, *, chain="X", number=1, element="C"):
    return [
        f"HETATM{9000 + count:5d}  {element}{count:<2} {name:3} {chain}{number:4d}    "
        f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {element:>2}"
        for count, (x, y, z) in enumerate(places, 1)
    ]


def structure():
    """The residues of the pocket, whole and without hydrogens, as the lines of a PDB file."""
    whole, inside = dockstring_target("DRD2"), pocket()
    residues = {(atom.chain, atom.number) for atom in inside.atoms()}
    atoms = [
        atom
        for atom in whole.atoms()
        if (atom.chain, atom.number) in residues and atom.element != "H"
    ]
    return [pdb_line(serial, atom) for serial, atom in enumerate(atoms, 1)]
