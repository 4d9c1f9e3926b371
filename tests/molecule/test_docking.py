"""Docking: the same by the same seed, and whatever fails is a status with a reason."""

import os
import signal
import threading
import time
from contextlib import closing

import psutil
import pytest

pytest.importorskip("vina")
pytest.importorskip("openbabel")
pytest.importorskip("posebusters")

from docking_cases import SMALL, pocket
from rdkit import Chem

from novum.errors import UsageError
from novum.molecule.cache import Cache, Remembered
from novum.molecule.docking import Docking
from novum.molecule.oracles import each_answer
from novum.molecule.poses import Checker, faults_of, mol_of, sdf
from novum.molecule.scores import Status

CHIRAL = "CC(N)c1ccccc1"  # two isomers
LONG = "C" * 60
KNOT = "C1CCCCCCCC#CC#CC#CC#CC#C1"  # rods that the chain cannot bridge
FLEXIBLE = "CCCCOCCCOCCCOCCCOCCC"
QUICK = {"exhaustiveness": 1, "cpu": 1}


@pytest.fixture(scope="module")
def target():
    return pocket()


@pytest.fixture(scope="module")
def docking(target):
    with closing(Docking(target, rescoring="vinardo", **QUICK)) as made:
        yield made


@pytest.fixture(scope="module")
def score(docking):
    return docking.score([SMALL])[0]


@pytest.fixture(scope="module")
def slow(target):
    with closing(Docking(target, exhaustiveness=4, cpu=1, seed=5)) as made:
        yield made


def pose_of(score):
    return Chem.MolFromMolBlock(score.pose, removeHs=False)


def test_the_value_is_an_affinity_and_the_numbers_say_the_rest(score):
    assert score.status is Status.OK and -12 < score.value < -2
    numbers = score.numbers
    assert numbers["heavy_atoms"] == 8 and numbers["rotatable_bonds"] == 0
    assert numbers["ligand_efficiency"] == pytest.approx(-score.value / 8)
    assert 1 <= numbers["poses"] <= 9 and numbers["spread"] >= 0
    assert -12 < numbers["vinardo_affinity"] < 0 and numbers["vinardo_affinity"] != score.value
    assert numbers["forms"] == 1 and numbers["pose_checks"] >= 14
    assert 0 < numbers["docking_seconds"] <= score.seconds


def test_the_pose_is_the_molecule_itself_in_the_box(score, target):
    pose = pose_of(score)
    assert Chem.MolToSmiles(Chem.RemoveHs(pose)) == score.smiles
    assert pose.GetNumAtoms() == 16  # hydrogens too
    places = pose.GetConformer().GetPositions().tolist()
    assert all(target.holds(place, 1.5) for place in places)
    assert "<affinity>" in score.pose and score.pose.endswith("$$$$\n")
    assert f"{score.value:.3f}" in score.pose and faults_of(score.pose) == ()


def test_the_same_seed_gives_the_same_score_whatever_was_docked_before(docking, score, target):
    docking.score([CHIRAL])
    (again,) = docking.score([SMALL])
    assert (again.value, again.pose) == (score.value, score.pose)
    with closing(Docking(target, exhaustiveness=1, cpu=3, processes=2)) as other:
        assert other.score([SMALL])[0].value == score.value  # threads change nothing


def test_another_seed_and_another_scoring_function_give_other_scores(score, target):
    with closing(Docking(target, seed=7, **QUICK)) as other:
        assert other.score([SMALL])[0].pose != score.pose
    with closing(Docking(target, scoring="vinardo", **QUICK)) as other:
        assert abs(other.score([SMALL])[0].value - score.value) > 0.05


def test_of_open_stereocentres_the_best_isomer_counts_and_is_named(docking):
    open_, right, left = docking.score([CHIRAL, "C[C@H](N)c1ccccc1", "C[C@@H](N)c1ccccc1"])
    assert open_.numbers["forms"] == 2 and right.numbers["forms"] == left.numbers["forms"] == 1
    assert open_.value == min(right.value, left.value)
    assert open_.pose.splitlines()[0] in ("C[C@H]([NH3+])c1ccccc1", "C[C@@H]([NH3+])c1ccccc1")


def test_what_cannot_be_docked_has_a_status_and_a_reason_and_never_a_score(docking):
    bad = {
        "no SMILES": Status.UNREADABLE,
        "C(C)(C)(C)(C)C": Status.UNREADABLE,  # an impossible valence
        "CCO.CC": Status.UNSUITABLE,
        "[Na+].CC(=O)[O-]": Status.UNSUITABLE,
        "CC[Hg]C": Status.UNSUITABLE,
        f"C1{'C' * 24}1": Status.UNSUITABLE,
        "C" * 200: Status.UNSUITABLE,
        LONG: Status.UNSUITABLE,  # of 60 atoms, in a box of 15 Å
        "OB(O)c1ccccc1": Status.UNPREPARED,
        "CC[Se]CC": Status.UNPREPARED,
        "C1C[C@@H]2CC[C@@H]1C2": Status.UNPREPARED,
        SMALL: Status.OK,
    }
    scores = docking.score(list(bad))
    assert [score.status for score in scores] == list(bad.values())
    for score in scores[:-1]:
        assert score.value is None and score.reason and "\n" not in score.reason
    assert "Å long, and the box 26.0 Å" in scores[list(bad).index(LONG)].reason


def test_what_does_not_fit_has_no_score(target):
    with closing(Docking(pocket((6.0, 6.0, 6.0)), **QUICK)) as docking:
        (score,) = docking.score(["c1ccc2cc3ccccc3cc2c1"])
    assert score.status is Status.FAILED and score.value is None
    assert "does not fit" in score.reason


def test_a_macrocycle_is_docked_closed(docking):
    (score,) = docking.score(["O=C1CCCCCCCCCCCO1"])
    assert score.status is Status.OK and score.numbers["rotatable_bonds"] == 0
    assert "bond_lengths" not in faults_of(score.pose)


def test_answers_come_as_they_are_known_and_keep_the_contract(docking):
    asked = ["?", SMALL, "OB(O)C", "OCC"]
    answers = dict(each_answer(docking, asked))
    assert sorted(answers) == [0, 1, 2, 3] and answers[3].smiles == "CCO"


def test_what_takes_too_long_times_out_and_the_next_is_docked(slow):
    slow.timeout = 1.0
    (late,) = slow.score([FLEXIBLE])
    assert late.status is Status.TIMEOUT and "1 s" in late.reason and late.seconds == 1.0
    assert not late.status.lasting
    slow.timeout = 60.0
    assert slow.score(["C"])[0].status is Status.OK


def test_a_macrocycle_that_cannot_be_made_in_time_times_out(target):
    with closing(Docking(target, timeout=1.5, **QUICK)) as impatient:
        (lost,) = impatient.score([KNOT])
    assert lost.status is Status.TIMEOUT and lost.value is None and "1.5 s" in lost.reason


def test_a_killed_process_costs_one_answer_that_is_asked_for_again(slow):
    slow.timeout = 60.0
    assert slow.score(["C"])[0].status is Status.OK
    (pid,) = slow._crew.processes()
    process, scores = psutil.Process(pid), []
    thread = threading.Thread(target=lambda: scores.extend(slow.score([FLEXIBLE, "C"])))
    before = process.cpu_times().user
    thread.start()
    while process.cpu_times().user < before + 0.3:  # until it docks
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    thread.join()
    lost, after = scores
    assert lost.status is Status.UNAVAILABLE and "SIGKILL" in lost.reason
    assert not lost.status.lasting and after.status is Status.OK


def test_a_receptor_that_vina_cannot_read_is_not_the_molecule_s_fault(target):
    spoilt = Docking(target, **QUICK)
    factory, settings = spoilt._crew._begin
    spoilt._crew._begin = (factory, (settings[0], {}, 1, 1))
    (score,) = spoilt.score([SMALL])
    assert score.status is Status.UNAVAILABLE and score.reason


def test_a_docking_is_remembered_with_its_pose(docking, score, tmp_path):
    with closing(Cache(tmp_path / "oracles.db")) as cache:
        remembered = Remembered(docking, cache)
        for _ in range(2):
            first, second = remembered.score([SMALL, "OB(O)c1ccccc1"])
            assert (first.value, first.pose) == (score.value, score.pose)
            assert first.numbers.keys() == score.numbers.keys()
            assert second.status is Status.UNPREPARED
        assert remembered.asked == 2 and remembered.found == 2
        other = Remembered(Docking(docking.target, **{**QUICK, "seed": 2}), cache)
        assert not cache.answers(other.oracle, [SMALL])


def test_settings_are_what_changes_a_value(target):
    plain = Docking(target)
    same = Docking(target, cpu=1, processes=3, timeout=5)
    assert same.settings == plain.settings and same.version == plain.version
    changes = {"seed": 2, "scoring": "vinardo", "exhaustiveness": 9, "ph": 7.0, "isomers": 1}
    for key, value in changes.items():
        assert Docking(target, **{key: value}).settings != plain.settings
    assert Docking(pocket((15.0, 15.0, 16.0))).settings["target"] != plain.settings["target"]


def test_seeds_of_any_size_are_taken(target):
    seeds = [Docking(target, seed=seed)._crew._begin[1][2] for seed in (0, 1, 2**31, 2**70)]
    assert all(1 <= seed < 2**31 for seed in seeds) and seeds[1] == 1


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "either `target`"),
        ({"target": "DRD2", "receptor": "mine.pdb"}, "either `target`"),
        ({"target": "DRD2x"}, "near: DRD2"),
        ({"target": "DRD2", "size": [20, 20, 20]}, "its own box"),
        (
            {"target": "DRD2", "exhaustivness": 3},
            "unknown key `exhaustivness` .is `exhaustiveness` meant.*known.*, seed",
        ),
        ({"target": "DRD2", "exhaustiveness": 0}, "exhaustiveness"),
        ({"target": "DRD2", "seed": -1}, "seed"),
        ({"target": "DRD2", "seed": 1.5}, "seed"),
        ({"target": "DRD2", "scoring": "ad4"}, "scoring"),
        ({"target": "DRD2", "timeout": 0}, "timeout"),
        ({"receptor": "mine.pdb"}, "either `ligand`"),
        ({"receptor": "mine.pdb", "center": [1, 2, 3]}, "either `ligand`"),
        ({"receptor": "mine.pdb", "center": [1, 2], "size": [9, 9, 9]}, "`center` is three"),
        ({"receptor": "mine.pdb", "center": [1, 2, 3], "size": [9, 9, 9]}, "cannot be read"),
        ({"receptor": "mine.pdb", "ligand": "STI"}, "cannot be read"),
    ],
)
def test_a_table_that_is_not_sound_is_refused(table, words, tmp_path):
    with pytest.raises(UsageError, match=words):
        Docking.from_table({"kind": "docking", **table}, tmp_path)


def test_a_table_names_a_target_of_dockstring(tmp_path):
    table = {"kind": "registered-otherwise", "target": "DRD2", "seed": 3}
    made = Docking.from_table(table, tmp_path)
    assert made.target.name == "DRD2" and made.settings["seed"] == 3


def test_a_pose_inside_the_protein_is_found_out(score, target):
    pose = pose_of(score)
    conformer = pose.GetConformer()
    protein = target.atoms()[40].place
    shift = [a - b for a, b in zip(protein, conformer.GetPositions()[0].tolist(), strict=True)]
    conformer.SetPositions(conformer.GetPositions() + shift)
    faults, checks = Checker(target).check(pose)
    assert "minimum_distance_to_protein" in faults and checks >= 14


def test_a_torn_molecule_is_found_out_and_named_in_its_record(score, target):
    pose = pose_of(score)
    conformer = pose.GetConformer()
    conformer.SetPositions(conformer.GetPositions() * 1.5)
    faults, _ = Checker(target).check(pose, energy=False)
    assert "bond_lengths" in faults
    assert faults_of(sdf(pose, "torn", {"pose_faults": ", ".join(faults)})) == tuple(faults)


def test_what_are_no_poses_is_an_error():
    with pytest.raises((ValueError, RuntimeError, KeyError, IndexError)):
        mol_of("MODEL 1\nENDMDL\n")
