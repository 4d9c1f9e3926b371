"""What came in is never lost, never counted twice, and what it was before can be looked at."""

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest

pytest.importorskip("rdkit")

from plate_cases import LEAD, POTENCY, contents, potency, signal

from novum.errors import LabError, NovumError, UsageError
from novum.molecule.plates.assay import parse_assay
from novum.molecule.plates.oracle import PlateOracle
from novum.molecule.plates.reading import Found, Reading
from novum.molecule.plates.results import PlateError, Worth, evaluated
from novum.molecule.plates.store import Import, Known, Plate, PlateStore
from novum.molecule.scores import Status

ASSAY = potency()
LAYOUT = contents("CCO", "CCN")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "plates.db"


@pytest.fixture
def store(path):
    with closing(PlateStore(path)) as made:
        out(made)
        yield made


def out(store: PlateStore, name: str = "P001", created: float = 1.0, layout=LAYOUT):
    plate = Plate(name, created, 24, 1, "nM", "IC50 (nM)", f"{LEAD} lead\n", LEAD)
    known = [Known(one, one) for one in {content.subject for content in layout}]
    return store.add_plate(plate, layout, known)


def bring(store, digest: str, plate: str = "P001", at: float = 5.0, layout=LAYOUT, **texts) -> bool:
    """A file with some results, as `intake` takes one in."""
    readings = [
        Reading(well, Found.NUMBER if isinstance(value, float) else value, str(value),
                value if isinstance(value, float) else None, None, "why")
        for well, value in texts.items()
    ]  # fmt: skip
    came = Import(0, plate, f"{digest}.csv", digest, at, "me")
    worth = partial(evaluated, ASSAY, layout)
    return store.add_import(came, "a", digest.encode(), readings, worth) is not None


def values(store, smiles: str) -> list[float | None]:
    return [one.value for one in store.samples(smiles)]


def test_a_partial_file_fills_what_it_has(store):
    assert bring(store, "one", A01=100.0)
    assert values(store, "CCO") == [7.0, None]
    assert bring(store, "two", A02=10.0, A03=1.0)
    assert values(store, "CCO") == [7.0, 8.0]
    assert values(store, "CCN") == [9.0, None]


def test_the_same_file_twice_changes_nothing(store, path):
    assert bring(store, "one", A01=100.0)
    before = store.version()
    assert not bring(store, "one", A01=1.0)
    assert store.version() == before
    assert len(store.imports()) == 1


def test_a_correction_takes_the_place_and_the_past_stays(store, path):
    bring(store, "one", A01=100.0, A02=10.0)
    assert store.corrected_at("CCO") == float("-inf")
    bring(store, "two", at=9.0, A01=1000.0)
    assert values(store, "CCO") == [6.0, 8.0]
    assert store.corrected_at("CCO") == 9.0
    assert store.corrected_at("CCN") == float("-inf")
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT value, supersedes FROM value WHERE well = 'A01' ORDER BY id")
        assert rows.fetchall() == [(7.0, None), (6.0, 1)]
        kept = db.execute("SELECT content FROM import").fetchall()
        assert kept == [(b"one",), (b"two",)]


def test_an_empty_cell_takes_nothing_away_and_a_fault_of_a_file_neither(store):
    bring(store, "one", A01=100.0)
    for digest, found in (("two", Found.EMPTY), ("three", Found.DUPLICATE)):
        assert bring(store, digest, A01=found)
        assert store.readings("P001")["A01"].number == 100
    bring(store, "four", A01=Found.TEXT)
    assert store.readings("P001")["A01"].found is Found.TEXT
    assert store.samples("CCO")[0].worth is Worth.NONE


def test_a_plate_keeps_its_name_and_its_wells(store):
    assert out(store) is None, "the name is taken"
    assert out(store, "P002", 2.0, contents(LEAD, role="lead"))
    assert store.layout("P001") == LAYOUT
    assert [one.name for one in store.plates()] == ["P001", "P002"]
    assert store.plate("p002").lead == LEAD
    assert store.plate("P009") is None
    assert store.parent("CCO").name == "P001"
    assert store.parent(LEAD) is None, "the lead was made from nothing here"


def test_wells_of_several_plates_are_all_of_one_molecule(store):
    out(store, "P002", 2.0, contents("CCO"))
    bring(store, "one", A01=100.0, A02=10.0)
    bring(store, "two", "P002", layout=contents("CCO"), A01=1.0)
    assert values(store, "CCO") == [7.0, 8.0, 9.0, None]


def test_a_dropped_or_old_plate_awaits_nothing_and_takes_what_comes(store):
    assert [one.open for one in store.samples("CCO")] == [True, True]
    assert [one.open for one in store.samples("CCO", open_since=2.0)] == [False, False]
    store.drop("P001")
    assert [one.open for one in store.samples("CCO")] == [False, False]
    bring(store, "late", A01=100.0)
    assert values(store, "CCO") == [7.0, None]


def test_two_processes_that_bring_the_same_file_leave_it_once(store, path):
    came = []

    def work():
        with closing(PlateStore(path)) as own:
            came.append(bring(own, "one", A01=100.0))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came) == [False, False, False, True]
    assert len(store.imports()) == 1
    assert values(store, "CCO") == [7.0, None]


def test_a_plate_that_is_refused_leaves_nothing_behind(store):
    def refusing(merged):
        raise PlateError("Z' is too low")

    came = Import(0, "P001", "r.csv", "x", 1.0, "me")
    with pytest.raises(PlateError):
        store.add_import(came, "a", b"", [Reading("A01", Found.NUMBER, "9", 9.0)], refusing)
    assert store.imports() == []
    assert store.readings("P001") == {}
    assert bring(store, "x", A01=100.0), "its digest is not taken"


def test_controls_and_samples_in_two_files_make_values_in_either_order(path):
    assay = signal()
    layout = (
        *contents("inhibited", role="positive", replicates=3),
        *(replace(one, well=f"B{one.well[1:]}")
          for one in contents("vehicle", role="negative", replicates=3)),
        *(replace(one, well=f"C{one.well[1:]}") for one in contents("CCO")),
    )  # fmt: skip
    controls = {"A01": 10.0, "A02": 11.0, "A03": 9.0, "B01": 100.0, "B02": 101.0, "B03": 99.0}
    files = [controls, {"C01": 55.0, "C02": 56.0}]
    for name, order in (("P001", files), ("P002", files[::-1])):
        with closing(PlateStore(path.with_name(name))) as store:
            out(store, name, 1.0, layout)
            for number, texts in enumerate(order):
                readings = [Reading(w, Found.NUMBER, "", value) for w, value in texts.items()]
                came = Import(0, name, "r", str(number), 1.0, "me")
                store.add_import(came, "a", b"", readings, partial(evaluated, assay, layout))
            assert values(store, "CCO") == pytest.approx([50, 48.8888889])


def test_a_file_that_is_no_store_is_told(path):
    path.write_text("hello " * 1000)
    with pytest.raises(NovumError, match=r"plates\.db"):
        PlateStore(path)


# -- the oracle -----------------------------------------------------------------------------------


def test_each_run_is_answered_with_another_well_and_then_with_none(store, path):
    bring(store, "one", A01=100.0, A02=10.0)
    answers = [PlateOracle(ASSAY, path, run).score(["OCC"])[0] for run in range(4)]
    assert [one.value for one in answers] == [7.0, 8.0, None, None]
    assert answers[2].status is Status.PENDING
    assert "no fresh evidence" in answers[2].reason
    assert PlateOracle(ASSAY, path).score(["CCO"])[0].value == 7.5


def test_what_is_not_measured_is_pending_and_never_a_value(store, path):
    bring(store, "one", A01=100.0, A03=Found.TEXT, A04=5.0)
    known = PlateOracle(ASSAY, path, 0).score(["CCO", "CCN", "CCC", "c1cc", "CCO.CCO"])
    assert [one.value for one in known] == [None] * 5
    assert [one.status for one in known] == [
        Status.PENDING, Status.PENDING, Status.PENDING, Status.UNREADABLE, Status.UNSUITABLE,
    ]  # fmt: skip
    assert all(one.reason for one in known)


def test_what_is_beyond_the_assay_is_failed_and_never_a_value(store, path):
    text = Reading("A01", Found.CENSORED, ">10000", 10000.0, True, "beyond")
    came = Import(0, "P001", "r.csv", "x", 1.0, "me")
    found = {"A01": text, "A02": Reading("A02", Found.NUMBER, "9", 9.0)}
    store.add_import(came, "a", b"", [*found.values()], partial(evaluated, ASSAY, LAYOUT))
    (score,) = PlateOracle(ASSAY, path, 0).score(["CCO"])
    assert (score.value, score.status) == (None, Status.FAILED)
    assert "pic50 < 5" in score.reason


def test_every_file_changes_what_answers_are_remembered_by(store, path):
    before = PlateOracle(ASSAY, path, 0).settings
    bring(store, "one", A01=100.0)
    assert PlateOracle(ASSAY, path, 0).settings != before
    assert PlateOracle(ASSAY, path, 1).settings != PlateOracle(ASSAY, path, 0).settings


def test_without_plates_nothing_is_known_and_nothing_is_made(path):
    oracle = PlateOracle(ASSAY, path, 0)
    assert oracle.score(["CCO"])[0].status is Status.PENDING
    assert oracle.settings["values"] == 0
    assert not path.exists()


def test_the_table_of_the_oracle_is_checked(tmp_path, monkeypatch):
    (tmp_path / "assay.toml").write_text(POTENCY)
    monkeypatch.delenv("NOVUM_CACHE", raising=False)
    with pytest.raises(LabError, match=r"trial\.cache = true"):
        PlateOracle.from_table({"kind": "plate"}, tmp_path)
    monkeypatch.setenv("NOVUM_CACHE", str(tmp_path))
    monkeypatch.setenv("NOVUM_RUN", "2")
    oracle = PlateOracle.from_table({"kind": "plate"}, tmp_path)
    assert (oracle.better, oracle.settings["run"]) == ("high", 2)
    assert PlateOracle.from_table({"replicate": 1}, tmp_path).settings["run"] == 1
    for table in ({"colour": 1}, {"replicate": -1}, {"assay": "../assay.toml"}):
        with pytest.raises(UsageError, match=next(iter(table))):
            PlateOracle.from_table(table, tmp_path)
    assert parse_assay(POTENCY).digest[:16] == oracle.settings["assay"]
