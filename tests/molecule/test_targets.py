"""What is docked into is checked before anything is paid for."""

import dataclasses

import pytest

pytest.importorskip("dockstring")

from docking_cases import pocket

from novum.errors import UsageError
from novum.molecule.targets import dockstring_names, dockstring_target


def test_all_58_targets_of_dockstring_are_there_and_different():
    names = dockstring_names()
    assert len(names) == 58 and list(names) == sorted(names)
    digests = {dockstring_target(name).digest for name in names}
    assert len(digests) == 58


def test_a_target_holds_the_published_box():
    target = dockstring_target("DRD2")
    assert target.center == (9.25, 6.167, -7.0) and target.size == (30.0, 30.0, 32.0)
    assert target.about == "prepared by DOCKSTRING"


@pytest.mark.parametrize("name", ["drd2", "DRD5", "DRD2 "])
def test_an_unknown_target_is_answered_with_near_names(name):
    with pytest.raises(UsageError, match=f"`{name}`; near: .*DRD2"):
        dockstring_target(name)


def test_a_name_like_none_is_answered_with_all():
    with pytest.raises(UsageError, match=r"known: ABL1, .*, THRB"):
        dockstring_target("???")


def test_a_path_is_no_name():
    with pytest.raises(UsageError):
        dockstring_target("../targets/DRD2")


def test_the_digest_is_of_what_changes_a_score_and_of_nothing_else():
    target = pocket()
    assert dataclasses.replace(target, name="other", about="").digest == target.digest
    moved = (target.center[0] + 0.5, *target.center[1:])
    assert dataclasses.replace(target, center=moved).digest != target.digest
    assert dataclasses.replace(target, size=(15.0, 15.0, 16.0)).digest != target.digest
    fewer = target.receptor.partition("\n")[2]
    assert dataclasses.replace(target, receptor=fewer).digest != target.digest


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": (0.0, 20.0, 20.0)}, "sides may be 6 to 60"),
        ({"size": (20.0, 20.0, 200.0)}, "sides may be 6 to 60"),
        ({"size": (60.0, 60.0, 60.0)}, "search one pocket"),
        ({"size": (float("nan"), 20.0, 20.0)}, "finite"),
        ({"center": (float("inf"), 0.0, 0.0)}, "finite"),
        ({"center": (500.0, 0.0, 0.0)}, "holds no atom"),
        ({"receptor": ""}, "no atoms"),
        ({"receptor": "hello\n"}, "no atoms"),
    ],
)
def test_what_cannot_be_docked_into_is_refused(change, words):
    with pytest.raises(UsageError, match=words):
        dataclasses.replace(pocket(), **change)


def test_the_line_that_is_not_sound_is_named():
    target = pocket()
    lines = target.receptor.splitlines()
    lines[4] = lines[4][:77] + "Xx"
    with pytest.raises(UsageError, match="line 5: `Xx` is no atom type"):
        dataclasses.replace(target, receptor="\n".join(lines))
    lines[4] = lines[4][:30] + "     nan" + lines[4][38:]
    with pytest.raises(UsageError, match="line 5: coordinates"):
        dataclasses.replace(target, receptor="\n".join(lines))


def test_the_pdbqt_of_a_ligand_is_no_receptor():
    target = pocket()
    with pytest.raises(UsageError, match="of a ligand"):
        dataclasses.replace(target, receptor=f"ROOT\n{target.receptor}ENDROOT\nTORSDOF 0\n")
