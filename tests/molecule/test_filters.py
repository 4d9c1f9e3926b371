"""What a lab does not want is refused in a sentence, before anything is docked."""

import shutil
from pathlib import Path

import pytest

pytest.importorskip("rdkit")

from novum.errors import LabError, UsageError
from novum.molecule.filters import read_filters
from novum.molecule.molecules import read

LAB = Path(__file__).parents[2] / "src" / "novum" / "labs" / "molecule"
BOX = (30.0, 30.0, 30.0)


@pytest.fixture(scope="module")
def filters():
    return read_filters(LAB / "filters.toml")


@pytest.fixture
def filters_of(tmp_path):
    def make(text: str, known: str = "CCO ethanol\n"):
        (tmp_path / "filters.toml").write_text(text)
        (tmp_path / "known.smi").write_text(known)
        return read_filters(tmp_path / "filters.toml")

    return make


UNWANTED = {
    "CCCCCCCCCCCCCCCCCCc1ccccc1": "the logP (Crippen) is",
    "c1ccc(-c2ccc(-c3ccc(-c4ccc(-c5ccccc5)cc4)cc3)cc2)cc1": "the logP",
    "CCO": "the number of heavy atoms is 3; at least 8",
    "NC(=O)c1ccc(C(=O)Cl)cc1": "acyl-halide",
    "O=Cc1ccc(C(N)=O)cc1": "aldehyde",
    "C=CC(=O)Nc1ccc(C(N)=O)cc1": "michael-acceptor",
    "CC(=O)C=Cc1ccc(C(N)=O)cc1": "michael-acceptor",
    "O=C1C=CC(=O)C=C1CCC": "quinone",
    "C1OC1c1ccc(C(N)=O)cc1": "epoxide",
    "O=C=Nc1ccc(C(N)=O)cc1": "isocyanate",
    "CC(C)OOc1ccc(C(N)=O)cc1": "peroxide",
    "[N-]=[N+]=Nc1ccc(C(N)=O)cc1": "azide",
    "O=[N+]([O-])c1ccc(C(N)=O)cc1": "nitro",
    "NC(=O)c1ccc(O)c(O)c1": "catechol",
    "NC(=O)c1ccc(N=Nc2ccccc2)cc1": "azo",
    "NC(=O)c1ccc(CS)cc1": "thiol",
    "ClCc1ccc(C(N)=O)cc1": "alkyl-halide",
    "O=C1NC(=S)SC1=Cc1ccccc1": "PAINS_A",
    "Nc1ccc(C(N)=O)cc1": "the alert aniline of Brenk",
    "NC(=O)c1cccc2cn(-c3ccc([C@@H]4CCCNC4)cc3)nc12": "it is niraparib, which is known",
    "OCC1OC(Oc2c(O)cc(O)c3c2OC(c2ccccc2)CC3=O)C(O)C(O)C1O": "the polar surface",
    "C[N+](C)(C)CC[N+](C)(C)Cc1ccccc1": "the formal charge is 2",
}


@pytest.mark.parametrize("smiles", UNWANTED)
def test_a_molecule_that_is_not_wanted_is_refused_with_the_reason(filters, smiles):
    told = " / ".join(filters.refusals(read(smiles), BOX))
    assert UNWANTED[smiles] in told
    assert filters.refusal(read(smiles), BOX) == told.split(" / ")[0]
    assert told.isprintable()


@pytest.mark.parametrize(
    "smiles",
    [
        "NC(=O)c1cccc2[nH]c(-c3ccccc3)nc12",
        "NC(=O)c1cccc2cn(-c3ccc(CN4CCOCC4)cc3)nc12",
        "COc1ccccc1N1CCNCC1",
        "CC(=O)Nc1c[nH]nc1C(=O)Nc1ccc(F)cc1",
        "O=C(NCc1ccccc1)c1ccncc1",
        "FC(F)(F)c1ccc(C(=O)N2CCOCC2)cc1",
        "C[NH+]1CCN(Cc2ccc(C(N)=O)cc2)CC1",
    ],
)
def test_an_ordinary_lead_passes(filters, smiles):
    assert filters.refusal(read(smiles), BOX) == ""


def test_a_chain_longer_than_the_box_is_refused(filters_of):
    filters = filters_of("")
    chain = read("C" * 30)
    assert filters.refusal(chain) == ""
    assert filters.refusal(chain, (40.0, 10.0, 10.0)) == ""
    assert "stretched out it is 36 Å long; the docking box is 30 Å" in filters.refusal(chain, BOX)
    assert filters_of("[size]\nfits_box = false").refusal(chain, BOX) == ""


def test_the_lead_of_the_start_is_never_refused_and_its_alerts_may_stay(filters):
    nitro, other = "O=[N+]([O-])c1ccc(C(N)=O)cc1", "O=[N+]([O-])c1ccc(C(=O)NC)cc1"
    started = filters.from_start(read(nitro))
    assert started.refusal(read(nitro), BOX) == ""
    assert started.refusal(read(other), BOX) == ""
    assert "azide" in started.refusal(read("[N-]=[N+]=Nc1ccc(C(N)=O)cc1"), BOX)
    assert "nitro" in filters.refusal(read(other), BOX)
    drug = filters.from_start(read("CC1=C(CCN2CCC(CC2)c2noc3cc(F)ccc23)C(=O)N2CCCCC2=N1"))
    assert "niraparib" in drug.refusal(read("NC(=O)c1cccc2cn(-c3ccc(C4CCCNC4)cc3)nc12"))


def test_alerts_can_be_allowed_by_their_name(filters_of):
    text = '[alerts]\ncatalogs = ["BRENK"]\nallow = ["aniline", "mine"]\n[reactive]\nmine = "C#N"'
    filters = filters_of(text)
    assert filters.refusal(read("Nc1ccc(C#N)cc1")) == ""
    strict = filters_of(text.replace("allow_start", "").replace('"aniline", "mine"', ""))
    assert len(list(strict.refusals(read("Nc1ccc(C#N)cc1")))) == 2
    hard = filters_of('[alerts]\nallow_start = false\n[reactive]\nmine = "C#N"')
    assert "mine" in hard.from_start(read("CC#N")).refusal(read("CCC#N"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[range]\nmass = { max = 3 }", "no property is called `mass`; there are: aromatic_rings"),
        ("[range]\nmw = { max = 3, min = 4 }", "min is greater than max"),
        ("[range]\nmw = { most = 3 }", "range.mw.most"),
        ("[range]\nmw = { max = nan }", "range.mw.max"),
        ('[alerts]\ncatalogs = ["PAIN"]', "alerts.catalogs.0"),
        ('[reactive]\nodd = "C("', "reactive.odd: this is no SMARTS"),
        ('[reactive]\nodd = ""', "reactive.odd: this is no SMARTS"),
        ("[novelty]\nmax_similarity = 0.0", "novelty.max_similarity"),
        ('[novelty]\nknown = "nowhere.smi"', "nowhere.smi: No such file"),
        ("[filter]", "filters.toml:1: unknown key `filter`; known here: range, alerts"),
        ("[range", "filters.toml cannot be read: "),
    ],
)
def test_filters_that_are_not_sound_are_an_error_that_names_the_key(filters_of, text, told):
    with pytest.raises(UsageError) as caught:
        filters_of(text)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_too_near_to_a_known_molecule_is_refused(filters_of):
    near = read("NC(=O)c1cccc2cn(-c3ccc(C4CCNCC4)cc3)nc12")
    known = "NC(=O)c1cccc2cn(-c3ccc(C4CCCNC4)cc3)nc12 niraparib\n"
    text = '[novelty]\nknown = "known.smi"\nmax_similarity = '
    told = filters_of(text + "0.7", known).refusal(near)
    assert told == "its similarity to niraparib is 0.79; at most 0.7 is wanted"
    assert filters_of(text + "0.9", known).refusal(near) == ""
    with_identity_only = filters_of(text + "1.0", known)
    assert with_identity_only.refusal(near) == ""


def test_a_known_molecule_that_cannot_be_read_is_named(filters_of):
    with pytest.raises(LabError, match=r"known\.smi, line 2: "):
        filters_of('[novelty]\nknown = "known.smi"', "CCO a\nCC.C salt\n")
    with pytest.raises(LabError, match=r"known\.smi: .*line 1: "):
        filters_of('[novelty]\nknown = "known.smi"', "CCO\n")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"there is no .*filters\.toml"):
        read_filters(tmp_path / "filters.toml")
    shutil.copy(LAB / "filters.toml", tmp_path)
    with pytest.raises(LabError, match=r"known\.smi: No such file"):
        read_filters(tmp_path / "filters.toml")
