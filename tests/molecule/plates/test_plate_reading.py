"""What instruments write, and what each well of it says: a number, or a status with a reason."""

import codecs

import pytest

pytest.importorskip("rdkit")

from hypothesis import given
from hypothesis import strategies as st
from plate_cases import LEAD, potency, sheet, signal

from novum.molecule.plates.file import FileError
from novum.molecule.plates.layout import wells
from novum.molecule.plates.reading import Found, Hints, Holding, read_sheet

LAYOUT = {
    "A01": Holding("m1", "CCO"),
    "A02": Holding("m2", "CCN"),
    "A03": Holding("m3", "c1ccccc1O"),
    "B01": Holding("lead", LEAD),
}
GOOD = {"A01": 100, "A02": 12.5, "A03": 3}


def read(content: bytes | str, assay=None, **hints):
    if isinstance(content, str):
        content = content.encode()
    return read_sheet(content, "r.csv", assay or potency(), 24, LAYOUT, Hints(**hints))


def numbers(found) -> dict[str, float | None]:
    return {one.well: one.number for one in found.readings}


def only(content: bytes | str, well: str = "A01", **more):
    return {one.well: one for one in read(content, **more).readings}[well]


def refused(content: bytes | str, *words: str, **more) -> None:
    with pytest.raises(FileError) as caught:
        read(content, **more)
    for word in words:
        assert word in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2
    assert caught.value.exit_status == 2


PLAIN = "well,IC50 (nM)\nA01,100\nA02,12.5\nA03,3\n"
MICRO = "well;IC50 (µM)\nA01;0,1\nA02;0,0125\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace(",", "\t").encode(),
        PLAIN.replace(".", ";").replace(",", "|").replace(";", ",").replace("|", ";").encode(),
        PLAIN.replace("100", '"100"').replace("well", '"Well"').encode(),
        PLAIN.replace("A0", "a").encode(),
        ("Reader 3000\nUser: Müller\nPlate,P001\n\n" + PLAIN).encode("cp1252"),
        (PLAIN + "\nMean,38.5\nZ',0.8\n").encode(),
        PLAIN.replace("IC50 (nM)", "IC50_nM").encode(),
        PLAIN.replace("(nM)", "[nM]").encode(),
        b"row,column,IC50 (nM)\nA,1,100\nA,2,12.5\nA,3,3\n",
        b"Well,Compound,IC50,Unit\nA1,m1,100,nM\nA2,m2,12.5,nM\nA3,m3,3,nM\n",
        b"Well,SMILES,IC50 (nM)\nA1,OCC,100\nA2,CCN,12.5\nA3,Oc1ccccc1,3\n",
        b"well,IC50 (nM)\nA01,100 nM\nA02,12.5nM\nA03,3.0e0\n",
    ],
)
def test_the_same_results_are_read_from_every_kind_of_file(content):
    assert numbers(read(content)) == GOOD


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_micromolar_with_its_own_letter_is_read_in_every_encoding(encoding):
    assay = potency().tables.model_dump()
    assay["assay"]["unit"] = "uM"
    micro = type(potency())(type(potency().tables)(**assay), "x")
    assert numbers(read(MICRO.encode(encoding), micro)) == {"A01": 0.1, "A02": 0.0125}


def matrix(size=(4, 6), above: str = "IC50 (nM)\n") -> str:
    rows, columns = size
    lines = ["," + ",".join(str(n + 1) for n in range(columns))]
    lines += [
        "ABCDEFGHIJKLMNOP"[row] + "".join(f",{row * 10 + n + 1}" for n in range(columns))
        for row in range(rows)
    ]
    return above + "\n".join(lines) + "\n"


def test_a_matrix_is_read_well_by_well():
    found = {one.well: one for one in read(matrix()).readings}
    assert [found[well].number for well in LAYOUT] == [1, 2, 3, 11]
    assert {one.found for well, one in found.items() if well not in LAYOUT} == {Found.UNUSED}
    assert set(found) == set(wells(24))
    cornered = matrix().replace("\n,1,", "\n<>,1,")
    assert read(cornered).readings == read(matrix()).readings
    assert read(matrix(above=""), unit="nM").readings == read(matrix()).readings


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ND", Found.TEXT),
        ("n/a", Found.TEXT),
        ("OVRFLW", Found.TEXT),
        ("~10", Found.TEXT),
        ("1 2", Found.TEXT),
        ("1.2.3", Found.TEXT),
        ("10 ug", Found.TEXT),
        ("٣", Found.TEXT),
        ("NaN", Found.NOT_FINITE),
        ("inf", Found.NOT_FINITE),
        ("#N/A", Found.NOT_FINITE),
        ("1e999", Found.NOT_FINITE),
        (">NaN", Found.NOT_FINITE),
        ("-3", Found.NOT_POSITIVE),
        ("0", Found.NOT_POSITIVE),
        (">-3", Found.NOT_POSITIVE),
        (">10000", Found.CENSORED),
        ("> 10000", Found.CENSORED),
        ("≥10000", Found.CENSORED),
        ("<0.1", Found.CENSORED),
        ("2 uM", Found.WRONG_UNIT),
        ("", Found.EMPTY),
        ("  ", Found.EMPTY),
    ],
)
def test_what_is_no_number_is_a_status_with_a_reason(text, found):
    one = only(sheet({"A01": text, "A02": 5}))
    assert one.found is found
    assert one.reason
    assert one.text.strip() == text.strip()
    assert (one.number is None) == (found is not Found.CENSORED)


def test_a_bound_says_on_which_side_the_truth_lies():
    above, below = only(sheet({"A01": ">10000"})), only(sheet({"A01": "<0.1"}))
    assert (above.number, above.above) == (10000, True)
    assert (below.number, below.above) == (0.1, False)


def test_a_number_beyond_the_limits_of_the_assay_is_a_bound():
    assay = potency("[limits]\nlowest = 1.0\nhighest = 1000.0\n")
    found = {one.well: one for one in read(sheet({"A01": 5000, "A02": 0.2, "A03": 7}),
                                           assay).readings}  # fmt: skip
    assert [found[well].found for well in ("A01", "A02", "A03")] == [
        Found.CENSORED, Found.CENSORED, Found.NUMBER,
    ]  # fmt: skip
    assert (found["A01"].number, found["A01"].above) == (1000, True)
    assert (found["A02"].number, found["A02"].above) == (1, False)


def test_two_results_for_a_well_are_none():
    one = only("well,IC50 (nM)\nA01,5\nA01,6\nA02,1\n")
    assert one.found is Found.DUPLICATE
    assert "5 and 6" in one.reason
    assert only("well,IC50 (nM)\nA01,5\nA01,5\n").number == 5
    assert only("well,IC50 (nM)\nA01,5\nA01,\n").number == 5


def test_a_well_that_is_not_on_the_plate_is_said():
    found = {one.well: one for one in read(sheet({"A01": 5, "H12": 6, "D06": 7})).readings}
    assert found["H12"].found is Found.OFF_PLATE
    assert found["D06"].found is Found.UNUSED
    assert found["A01"].number == 5


def test_another_molecule_in_a_well_is_no_result_of_ours():
    text = "well,molecule,smiles,IC50 (nM)\nA01,m1,CCO,5\nA02,m2,CCCl,6\nA03,m9,,7\nB01,lead,,1\n"
    found = {one.well: one for one in read(text.replace("A03,m9", "A03,m3")).readings}
    assert found["A02"].found is Found.MISMATCH
    assert "CCCl" in found["A02"].reason
    assert (found["A01"].number, found["B01"].number) == (5, 1)


def test_a_plate_that_was_turned_is_refused_as_a_whole():
    text = "well,molecule,IC50 (nM)\nA01,lead,5\nA02,m3,6\nA03,m2,7\nB01,m1,1\n"
    refused(text, "4 of 4 wells", "turned")


@pytest.mark.parametrize("heading", ["IC50 (uM)", "IC50 (µM)", "IC50 [mM]", "IC50 (ug/ml)"])
def test_another_unit_is_refused_as_a_whole(heading):
    refused(sheet(GOOD, heading), "assay.toml says", "nM")


def test_a_concentration_without_a_unit_is_refused_until_somebody_says_it():
    refused(sheet(GOOD, "IC50"), "does not say in which unit", "--unit nM")
    assert numbers(read(sheet(GOOD, "IC50"), unit="nM")) == GOOD
    refused(sheet(GOOD, "IC50"), "--unit uM", unit="uM")
    refused(sheet(GOOD), "--unit uM", unit="uM")
    refused("well,IC50,unit\nA01,5,nM\nA02,6,uM\n", "uM")
    refused(matrix(above="IC50 (uM)\n"), "uM")


def test_a_raw_signal_needs_no_unit_but_may_not_be_a_concentration():
    assert numbers(read(sheet({"A01": -3}, "Signal"), signal())) == {"A01": -3}
    assert numbers(read(sheet({"A01": 3}, "RFU"), signal())) == {"A01": 3}
    assert numbers(read(sheet({"A01": 3}, "Signal (RFU)"), signal())) == {"A01": 3}
    refused(sheet({"A01": 3}, "Signal (nM)"), "nM", assay=signal())


def test_the_column_of_results_must_be_clear():
    refused("well,Ki (nM)\nA01,5\n", "no column IC50", "Ki (nM)", "--column")
    assert only("well,Ki (nM)\nA01,5\n", column="Ki").number == 5
    refused("well,value,result\nA01,5,6\n", "several columns", "value, result")
    assert only("well,value,result\nA01,5,6\n", column="result", unit="nM").number == 6
    refused("well,value,result\nA01,5,6\n", "no column third", column="third", unit="nM")


@pytest.mark.parametrize(
    ("cells", "value"),
    [(["0,5", "12,25"], 0.5), (["1.234,5", "3"], 1234.5), (["12,5", "1,234"], 12.5)],
)
def test_decimal_commas_are_told_by_all_numbers_of_a_file(cells, value):
    text = "well;IC50 (nM)\n" + "".join(f"A0{n};{cell}\n" for n, cell in enumerate(cells, 1))
    assert only(text).number == value


def test_thousands_with_commas_are_told_by_their_points():
    text = "well;IC50 (nM)\nA01;1,234.5\nA02;2,000\n"
    assert numbers(read(text)) == {"A01": 1234.5, "A02": 2000}


def test_thousands_that_are_not_by_threes_are_no_number():
    found = {one.well: one for one in read("well;IC50 (nM)\nA01;1.234,5\nA02;1.5\n").readings}
    assert found["A01"].number == 1234.5
    assert found["A02"].found is Found.TEXT, "it is neither 15 nor 1.5"
    one = only("well;IC50 (nM)\nA01;1,23\n", decimal="point")
    assert one.found is Found.TEXT
    assert only("well;IC50 (nM)\nA01;1,234,567.5\n").number == 1234567.5


def test_what_nobody_can_tell_is_refused():
    text = "well;IC50 (nM)\nA01;1,234\nA02;2,500\n"
    refused(text, "nobody can tell", "--decimal")
    assert numbers(read(text, decimal="comma")) == {"A01": 1.234, "A02": 2.5}
    assert numbers(read(text, decimal="point")) == {"A01": 1234, "A02": 2500}
    refused("well;IC50 (nM)\nA01;1,2\nA02;2.5\n", "two ways")
    refused("well;IC50 (nM)\nA01;1,234.5\nA02;2.500,1\n", "two ways")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"PK\x03\x04rest", "spreadsheet"),
        (b"well,IC50 (nM)\nA01,\x00\x05\n", "no text"),
        (b"\xff\xfeA", "damaged"),
        (b"hello\nworld\n", "no table"),
        (b"well,IC50 (nM)\n", "no results"),
        (sheet({"A01": "", "A02": ""}), "every cell"),
        ((PLAIN + "\n" + PLAIN).encode(), "several tables"),
        ((PLAIN + matrix()).encode(), "several tables"),
        (matrix((8, 12)).encode(), "96 wells"),
        (b"well,IC50 (nM)\nA01,12,5\nA02,1\n", "line 2 has more cells"),
        (matrix().replace("A,1,2", "A,1,5,2").encode(), "line 3 has more cells"),
        (matrix().replace("D,", "E,").encode(), "no plate of"),
        (matrix().encode().rpartition(b"D,")[0], "no plate of"),
    ],
)
def test_a_file_that_is_no_plates_results_is_refused(content, word):
    refused(content, word)


def test_a_file_that_is_too_large_is_refused():
    refused(b"well,IC50 (nM)\n" + b"A01,5\n" * 4_000_000, "larger than 20 MB")


def test_the_file_says_which_plate_it_is_of():
    assert read("Plate: P007\n" + PLAIN).plates == {"P007"}
    assert read("Barcode,P007\n" + PLAIN).plates == {"P007"}
    assert read("plate,well,IC50 (nM)\nP1,A01,5\nP2,A02,6\n").plates == {"P1", "P2"}
    assert read(PLAIN).plates == frozenset()


def test_lines_that_speak_of_no_well_are_told():
    assert read(PLAIN + "Mean,38.5\n").ignored == (5,)


@given(st.binary(max_size=300))
def test_no_bytes_whatever_make_a_traceback(content):
    try:
        found = read(content)
    except FileError:
        return
    assert all(one.reason or one.number is not None for one in found.readings)


@given(st.text(max_size=20))
def test_no_cell_whatever_is_a_number_by_accident(text):
    one = None
    try:
        one = only(sheet({"A01": text, "A02": 5}))
    except FileError:
        return
    if one.found is Found.NUMBER:
        assert float(text.strip().lower().replace("nm", "").replace(",", ".").strip()) > 0
