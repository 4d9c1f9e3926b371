"""The researcher medchem: every kind gets its turn, no compound twice, nothing that is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("rdkit")

from novum.briefing import Briefing
from novum.errors import ResearcherError, UsageError
from novum.lab import parse_lab
from novum.molecule.filters import read_filters
from novum.molecule.identity import same_compound
from novum.molecule.lead import appended, parse
from novum.molecule.medchem import Medchem
from novum.molecule.molecules import read
from novum.patch import apply_edits
from novum.records import Edit, Proposal
from novum.researchers import Desk
from novum.testing import check_researcher

LAB = Path(__file__).parents[2] / "src" / "novum" / "labs" / "molecule"
SERIES = (LAB / "lead.smi").read_text()


@pytest.fixture(scope="module")
def medchem():
    return Medchem.for_lab(parse_lab((LAB / "lab.toml").read_text()), LAB)


@pytest.fixture
def briefing():
    lab = parse_lab((LAB / "lab.toml").read_text())
    files = {"lead.smi": SERIES}
    return Briefing(lab, "0" * 40, files, frozenset(), (), start=files)


def asked(medchem, briefing, times) -> list[Proposal]:
    found, tried = [], set(briefing.tried)
    for number in range(1, times + 1):
        one = medchem.propose(replace(briefing, tried=frozenset(tried), number=number), Desk())
        found.append(one)
        tried.add(one.key)
    return found


def lead_after(proposal, text=SERIES) -> str:
    files = apply_edits({"lead.smi": text}, proposal.edits, {"lead.smi"})
    return parse(files["lead.smi"])[-1].smiles


@pytest.fixture(scope="module")
def everything(medchem):
    lab = parse_lab((LAB / "lab.toml").read_text())
    files = {"lead.smi": SERIES}
    return check_researcher(
        lambda: medchem, Briefing(lab, "0" * 40, files, frozenset(), (), start=files)
    )


def test_it_conforms_and_has_enough_for_a_night(everything):
    assert len(everything) >= 60


def test_each_proposal_appends_one_molecule(everything):
    for one in everything:
        files = apply_edits({"lead.smi": SERIES}, one.edits, {"lead.smi"})
        assert files["lead.smi"].startswith(SERIES)
        assert len(parse(files["lead.smi"])) == len(parse(SERIES)) + 1
        assert one.key.endswith(":" + parse(files["lead.smi"])[-1].smiles)
        assert one.hypothesis and one.kind and one.source


def test_no_compound_is_proposed_twice(everything):
    compounds = [same_compound(read(lead_after(one)).mol) for one in everything]
    assert len(set(compounds)) == len(compounds)


def test_what_the_filters_refuse_is_proposed_only_where_the_backlog_says_so(everything):
    filters = read_filters(LAB / "filters.toml").from_start(read(parse(SERIES)[-1].smiles))
    refused = {
        one.key.partition(":")[0] for one in everything if filters.refusal(read(lead_after(one)))
    }
    assert refused == {"octyl-tail", "nitro", "aldehyde", "catechol"}


def test_all_kinds_get_their_turn(medchem, briefing):
    first = asked(medchem, briefing, 12)
    assert len({one.kind for one in first}) >= 11
    assert len({one.key.partition(":")[0] for one in asked(medchem, briefing, 30)}) == 30


def test_a_new_lead_is_met_with_other_ideas_first(medchem, briefing):
    first = asked(medchem, briefing, 5)
    after = apply_edits(briefing.files, first[-1].edits, {"lead.smi"})
    tried = frozenset(one.key for one in first)
    following = asked(medchem, replace(briefing, files=after, tried=tried), 5)
    names = {one.key.partition(":")[0] for one in first}
    assert not names & {one.key.partition(":")[0] for one in following}
    assert all(len(apply_edits(after, one.edits, {"lead.smi"})["lead.smi"]) > len(SERIES)
               for one in following)  # fmt: skip


def test_what_somebody_else_proposes_is_not_proposed_again(medchem, briefing):
    first = medchem.propose(briefing, Desk())
    other = read(lead_after(first)).mol
    text = appended(SERIES, "N" + lead_after(first).removeprefix("N"), "theirs", "")
    theirs = Proposal("theirs", (Edit("lead.smi", None, text),), key="x")
    following = medchem.propose(replace(briefing, pending=(theirs,)), Desk())
    assert same_compound(read(lead_after(following)).mol) != same_compound(other)


def test_an_exhausted_backlog_proposes_nothing(tmp_path, briefing):
    (tmp_path / "ideas.toml").write_text("")
    assert Medchem.for_lab(briefing.lab, tmp_path).propose(briefing, Desk()) is None


def test_a_backlog_that_is_just_being_saved_does_not_stop_the_night(tmp_path, briefing):
    ideas = tmp_path / "ideas.toml"
    ideas.write_text((LAB / "ideas.toml").read_text())
    medchem = Medchem.for_lab(briefing.lab, tmp_path)
    ideas.write_text("[[transf")
    told = []
    assert medchem.propose(briefing, Desk(notice=told.append)) is not None
    assert "ideas.toml" in told[0]


def test_a_lab_whose_files_are_not_sound_is_told_at_once(tmp_path, briefing):
    with pytest.raises(UsageError, match="no transformations"):
        Medchem.for_lab(briefing.lab, tmp_path)
    (tmp_path / "ideas.toml").write_text("")
    (tmp_path / "filters.toml").write_text("odd = 1")
    with pytest.raises(UsageError, match="odd"):
        Medchem.for_lab(briefing.lab, tmp_path)


@pytest.mark.parametrize("text", ["", "# nothing\n", "CC.C salt\n", "nonsense x\n"])
def test_a_parent_without_a_lead_pauses_with_the_reason(medchem, briefing, text):
    with pytest.raises(ResearcherError, match=r"lead\.smi has no lead to change"):
        medchem.propose(replace(briefing, files={"lead.smi": text}), Desk())
