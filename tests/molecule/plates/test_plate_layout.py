"""Which well holds what: every well once, the same plate again, and what does not fit is said."""

import pytest

pytest.importorskip("rdkit")

from hypothesis import given
from hypothesis import strategies as st
from plate_cases import LEAD, SIGNAL, signal

from novum.errors import UsageError
from novum.molecule.plates.assay import parse_assay
from novum.molecule.plates.layout import SHAPES, arrange, room, well_called, wells


def assays(controls: str, replicates: int, lead: int, count: int, edge: bool):
    text = SIGNAL.replace("replicates = 2\nlead = 2", f"replicates = {replicates}\nlead = {lead}")
    text = text.replace("wells = 3", f"wells = {count}")
    keys = f'controls = "{controls}"\navoid_edge = {str(edge).lower()}\n'
    return parse_assay(text.replace("[controls.positive]", f"{keys}[controls.positive]", 1))


ASSAYS = st.builds(
    assays,
    st.sampled_from(["spread", "columns"]),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(2, 6),
    st.booleans(),
)


@given(ASSAYS, st.sampled_from(sorted(SHAPES)), st.integers(0, 2**31), st.data())
def test_every_well_is_used_once_and_everything_is_there(assay, size, seed, data):
    space = room(assay, size)
    if space.molecules < 1:
        with pytest.raises(UsageError, match="nothing is left"):
            arrange(assay, size, LEAD, ["C"], seed)
        return
    count = data.draw(st.integers(1, space.molecules))
    molecules = [f"M{number}" for number in range(count)]
    made = arrange(assay, size, LEAD, molecules, seed)
    used = [content.well for content in made]
    assert len(used) == len(set(used))
    assert set(used) <= set(wells(size))
    found = sorted((one.role, one.subject, one.replicate) for one in made)
    plate = assay.tables.plate
    wanted = [("sample", one, n + 1) for one in molecules for n in range(plate.replicates)]
    wanted += [("lead", LEAD, n + 1) for n in range(plate.lead)]
    for role, control in assay.controls.items():
        wanted += [(role, control.name, n + 1) for n in range(control.wells)]
    assert found == sorted(wanted)
    if plate.avoid_edge:
        rows, columns = SHAPES[size]
        last = "ABCDEFGHIJKLMNOP"[rows - 1]
        assert not [w for w in used if w[0] in {"A", last} or int(w[1:]) in {1, columns}]
    assert made == arrange(assay, size, LEAD, molecules, seed)


def test_another_seed_is_another_plate():
    one, other = (arrange(signal(), 96, LEAD, ["M1", "M2"], seed) for seed in (1, 2))
    assert [c.well for c in one if c.subject == "M1"] != [
        c.well for c in other if c.subject == "M1"
    ]


def test_controls_in_columns_stand_at_both_ends():
    assay = assays("columns", 2, 2, 4, False)
    made = arrange(assay, 96, LEAD, ["M1"], 5)
    columns = {int(one.well[1:]) for one in made if one.role in {"positive", "negative"}}
    assert columns == {1, 12}
    for role in ("positive", "negative"):
        assert {int(one.well[1:]) for one in made if one.role == role} == {1, 12}


def test_what_does_not_fit_is_said_with_what_does():
    with pytest.raises(UsageError, match="8 do"):
        arrange(signal(), 24, LEAD, [f"M{n}" for n in range(9)], 1)


def test_wells_have_one_name_however_they_are_written():
    assert {well_called(text) for text in ("a1", "A1", "A01", "A-1", " A:001 ")} == {"A01"}
    assert well_called("P24") == "P24"
    assert well_called("Z99") == "Z99"  # a name, though no plate has such a well
    for text in ("", "Mean", "A", "1", "A1B", "12A", "A1 A2"):
        assert well_called(text) is None


def test_plates_have_their_wells():
    assert [len(wells(size)) for size in SHAPES] == [24, 96, 384]
    assert (wells(384)[0], wells(384)[-1]) == ("A01", "P24")
