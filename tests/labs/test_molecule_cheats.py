"""Cheats that the molecule lab refuses, with the reason, before any docking is paid for."""

import shutil
import subprocess
import sys
import threading

import pytest

pytest.importorskip("rdkit")

import molecule_cases
from molecule_cases import SHIPPED, START, Scripted, scripted

from novum.errors import LabError
from novum.lab import read_lab
from novum.molecule.lead import appended
from novum.molecule.measuring import NoAnswerYetError, RefusedError, Trial, measure
from novum.records import TrialState
from novum.runners import Order
from novum.runners.local import LocalRunner

GOOD = "NC(=O)c1cccc2[nH]c(-c3ccncc3)nc12"
NIRAPARIB = "NC(=O)c1cccc2cn(-c3ccc(C4CCCNC4)cc3)nc12"


@pytest.fixture
def lab(tmp_path):
    """The shipped lab's files, with an oracle that counts what it is asked."""
    copy = tmp_path / "lab"
    shutil.copytree(SHIPPED, copy, ignore=shutil.ignore_patterns("__pycache__"))
    scripted(copy)
    Scripted.asked.clear()
    Scripted.seeds.clear()
    return copy


@pytest.fixture
def measured(lab, tmp_path):
    def measured(content: str | bytes, **more):
        (tmp_path / "lead.smi").write_bytes(
            content if isinstance(content, bytes) else content.encode()
        )
        return measure(Trial(lab, tmp_path, **{"seed": 7, **more}))

    return measured


def with_lead(smiles: str) -> str:
    return f"{START}{smiles} cheat  # trust me\n"


def test_an_honest_change_is_measured_with_the_seed_of_the_trial(measured):
    numbers = measured(appended(START, GOOD, "m1", "a pyridine"))
    assert numbers["docking_qed"] == pytest.approx(-13 + 10 * (1 - numbers["qed"]))
    assert numbers["affinity"] == -13
    assert {"qed", "sa", "mw", "logp", "tpsa", "heavy_atoms"} <= set(numbers)
    assert (Scripted.asked, Scripted.seeds) == ([GOOD], [7])


LEADS = {
    "a huge greasy molecule": ("CCCCCCCCCCCC" + "c1ccc(cc1)" * 2 + "CCCCCCCCCC", "at most"),
    "a giant": ("C" * 150, "heavy atoms; at most 100"),
    "a molecule longer than the box": ("NCCCCCOCCNCCCCCOCCNCCCCCOCCN", "at most 10 is wanted"),
    "an acyl halide": ("NC(=O)c1cccc(C(=O)Cl)c1", "acyl-halide"),
    "a Michael acceptor": ("C=CC(=O)Nc1cccc(C(N)=O)c1", "michael-acceptor"),
    "a known drug": (NIRAPARIB, "it is niraparib, which is known"),
    "a known drug, charged": (NIRAPARIB.replace("CCCNC4", "CCC[NH2+]C4"), "niraparib"),
    "a known drug, deuterated": (NIRAPARIB.replace("NC(=O)", "[2H]NC(=O)"), "niraparib"),
    "a known drug, as a tautomer": ("CC1(CCCN1)c1[nH]c2cccc(C(N)=O)c2n1", "it is veliparib"),
    "a known drug, as a mirror image": (
        "NC(=O)c1cccc2cn(-c3ccc([C@H]4CCCNC4)cc3)nc12",
        "niraparib",
    ),
    "a known drug, spelt backwards": (
        "c1cc(ccc1C1CNCCC1)n1nc2c(c1)cccc2C(N)=O",
        "niraparib",
    ),
    "a salt": (f"{GOOD}.Cl", "2 separate pieces"),
    "a metal": ("CC[Hg]c1ccccc1", "it holds Hg"),
    "a radical": ("[CH2]c1ccccc1", "radical"),
    "nonsense": ("hello", "this is no SMILES"),
    "an impossible valence": ("CC(C)(C)(C)(C)c1ccccc1", "valence"),
    "a wildcard": ("*c1ccccc1", "it holds *"),
}


@pytest.mark.parametrize("cheat", LEADS)
def test_a_lead_that_is_not_wanted_is_refused_before_the_oracle_is_asked(measured, cheat):
    smiles, told = LEADS[cheat]
    with pytest.raises(RefusedError) as caught:
        measured(with_lead(smiles))
    assert told in str(caught.value)
    assert str(caught.value).isprintable()
    assert Scripted.asked == []


SERIES = {
    "several molecules on one line": (f"{START}{GOOD} m1 {GOOD} m2\n", "one molecule a line"),
    "two molecules behind one another": (f"{START}{GOOD} {NIRAPARIB} m2\n", "one molecule a line"),
    "a million lines": (f"{START}" + f"{GOOD} m\n" * 1_000_000, "larger than 256 kB"),
    "a binary file": (bytes(range(256)) * 10, "lead.smi, line 2: this is not text"),
    "nothing": ("", "no molecule"),
    "a name with control characters": (f"{START}{GOOD} m\x1b]0;\x07\n", "U+001B"),
    "a name that turns the text around": (f"{START}{GOOD} m\u202e1\n", "U+202E"),
    "a past that is changed": (
        START.replace("c3ccccc3", "c3ccncc3") + f"{GOOD} m1\n",
        "the past of the series is not changed",
    ),
    "a past that is renamed": (START.replace("  start  ", "  best  "), "is not changed"),
    "a series without its start": (f"{GOOD} m1\n", "is not changed"),
}


@pytest.mark.parametrize("cheat", SERIES)
def test_a_series_that_is_none_is_refused(measured, cheat):
    content, told = SERIES[cheat]
    with pytest.raises(RefusedError) as caught:
        measured(content)
    assert told in str(caught.value)
    assert Scripted.asked == []


def test_blanks_and_words_may_change_in_the_past(measured):
    text = START.replace("  # small, with room at the far end of the phenyl", "   ") + "\n\n"
    assert measured(text.replace("# The lead", "# My lead"))["affinity"] < 0


def test_a_molecule_that_fits_no_small_box_is_refused(lab, measured):
    class Boxed(Scripted):
        class target:
            size = (12.0, 10.0, 10.0)

    molecule_cases.Boxed = Boxed
    text = (lab / "oracle.toml").read_text().replace("Scripted", "Boxed")
    (lab / "oracle.toml").write_text(text)
    chain = "NC(=O)c1ccc(-c2ccc(-c3ccccc3)cc2)cc1"
    with pytest.raises(RefusedError, match="the docking box is 12 Å"):
        measured(with_lead(chain))


def test_the_cache_answers_a_molecule_that_comes_again_in_another_spelling(measured, tmp_path):
    cache = tmp_path / "oracles.db"
    first = measured(with_lead("NC(=O)c1cccc2[nH]c(-c3ccncc3)nc12"), cache=cache)
    again = measured(with_lead("c1cc(ccn1)-c1nc2c(cccc2[nH]1)C(N)=O"), cache=cache)
    assert (first.pop("docking_seconds"), again.pop("docking_seconds")) == (2.5, 0), "spent once"
    assert first == again
    assert len(Scripted.asked) == 1
    measured(with_lead(GOOD), cache=cache, seed=8)
    measured(with_lead(GOOD), cache=cache, split="holdout")
    assert len(Scripted.asked) == 3


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("failed", RefusedError),
        ("timeout", RefusedError),
        ("unprepared", RefusedError),
        ("pending", NoAnswerYetError),
        ("unavailable", NoAnswerYetError),
    ],
)
def test_a_molecule_without_a_score_is_never_given_one(lab, measured, status, error):
    scripted(lab, status=status, reason="because")
    with pytest.raises(error, match="because"):
        measured(with_lead(GOOD))


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("oracle.toml", "seeded", "seeds", "unknown key `seeds`"),
        ("oracle.toml", 'kind = "docking_qed"', 'kind = "luck"', "objective.kind"),
        ("oracle.toml", "penalty = 10.0", "penalty = -1.0", "penalty"),
        ("oracle.toml", "molecule_cases:Scripted", "nothing", "no oracle is called `nothing`"),
        ("oracle.toml", 'kind = "docking_qed"', 'kind = "affinity"', "write the same name in both"),
        ("lab.toml", '"minimize"', '"maximize"', 'direction = "minimize"'),
        ("filters.toml", "[range]", "[ranges]", "ranges"),
        ("known.smi", "olaparib", "", "known.smi"),
        ("lead.smi", "NC(=O)", "NC(=O", "as the campaign began with it"),
    ],
)
def test_a_lab_that_is_not_sound_is_no_fault_of_the_molecule(lab, measured, file, old, new, told):
    text = (lab / file).read_text()
    assert old in text
    (lab / file).write_text(text.replace(old, new, 1))
    with pytest.raises(LabError if file != "oracle.toml" else Exception) as caught:
        measured(with_lead(GOOD))
    assert not isinstance(caught.value, RefusedError)
    assert told in str(caught.value)


# -- the real programs, in a real sandbox ---------------------------------------------------------


@pytest.fixture
def trial(tmp_path, lab):
    """The lab's own hand_in.py and evaluate.py, run by the machine."""

    def run(lead: str):
        shutil.copytree(SHIPPED, tmp_path / "pristine", ignore=shutil.ignore_patterns("__py*"))
        shutil.copytree(tmp_path / "pristine", tmp_path / "tree")
        (tmp_path / "tree" / "lead.smi").write_text(lead)
        for name in ("scratch", "cache"):
            (tmp_path / name).mkdir()
        paths = {name: tmp_path / name for name in ("tree", "pristine", "scratch", "cache")}
        order = Order(read_lab(SHIPPED), **paths, seed=1, seconds=5.0)
        return LocalRunner().run(order, lambda pulse: None, threading.Event())

    return run


def test_the_machine_calls_a_refused_molecule_invalid_and_says_why(trial):
    result = trial(with_lead(NIRAPARIB.replace("NC(=O)", "[2H]NC(=O)")))
    assert result.state is TrialState.INVALID
    assert "it is niraparib, which is known" in result.detail


def test_the_evaluator_tells_an_unsound_lab_from_a_bad_molecule(lab, tmp_path):
    (lab / "oracle.toml").write_text("[oracle]\n")
    done = subprocess.run(
        [sys.executable, lab / "evaluate.py"], capture_output=True, text=True, cwd=tmp_path
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
