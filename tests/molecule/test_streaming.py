"""A library is scored wholly: in order, in parallel, again after a kill, and nothing twice."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("rdkit")

from click.testing import CliRunner
from own_oracles import MOLECULES
from rdkit import Chem

from novum.cli import cli
from novum.errors import NovumError, UsageError
from novum.molecule.scores import Status
from novum.molecule.streaming import Wish, score_library

LIBRARY = ["CCO a", "C( b", "OCC c", "CC.CC d", "c1ccccc1 e", "CCO f", "CC"]
PATH = os.pathsep.join([str(Path(__file__).parent), *(entry for entry in sys.path if entry)])


@pytest.fixture
def make(tmp_path):
    def make(oracle="own_oracles:Counting", lines=LIBRARY, **wishes):
        (tmp_path / "oracle.toml").write_text(f'[oracle]\nkind = "{oracle}"\n')
        library = tmp_path / "library.smi"
        library.write_text("".join(f"{line}\n" for line in lines))
        return Wish(library, tmp_path / "oracle.toml", tmp_path / "scores.csv", **wishes)

    return make


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_record_gets_its_row_in_order(make, tmp_path):
    tally = score_library(make(processes=2))
    found = rows(tmp_path / "scores.csv")
    assert [row["name"] for row in found] == ["a", "b", "c", "d", "e", "f", ""]
    assert [row["value"] for row in found] == ["3.0", "", "3.0", "", "8.0", "3.0", "2.0"]
    assert [row["smiles"] for row in found][2] == "CCO"
    assert [row["status"] for row in found][1:4] == ["unreadable", "ok", "unsuitable"]
    assert all(bool(row["reason"]) == (row["status"] != "ok") for row in found)
    assert [row["carbons"] for row in found] == ["2.0", "", "2.0", "", "0.0", "2.0", "2.0"]
    assert tally.statuses == {Status.OK: 5, Status.UNREADABLE: 1, Status.UNSUITABLE: 1}
    assert [value for _, _, value in tally.best] == [2.0, 3.0, 8.0]
    assert sorted(path.name for path in tmp_path.iterdir() if "scores" in path.name) == [
        "scores.csv"
    ]


def test_nothing_is_asked_twice(make):
    first = score_library(make(processes=1))
    again = score_library(make(processes=1))
    assert first.asked > 0 and again.asked == 0
    assert again.found == first.found + first.asked


def test_each_bad_record_has_its_row_with_a_status_and_a_reason_and_no_value(make, tmp_path):
    bad = {
        "foo": "unreadable",
        "C(C)(C)(C)(C)C": "unreadable",
        "[Na+].CC(=O)[O-]": "unsuitable",
        "CC[Hg]C": "unsuitable",
        "C" * 200: "unsuitable",
        "C\xfc": "unreadable",
        "": "unreadable",
    }
    wish = replace(make(processes=1), library=tmp_path / "instrument.csv")
    lines = [f"{number};{smiles}" for number, smiles in enumerate([*bad, "CCO"])]
    wish.library.write_bytes("\r\n".join(["Weins\xe4ure;SMILES", *lines]).encode("cp1252"))
    score_library(wish)
    *found, sound = rows(tmp_path / "scores.csv")
    assert [row["status"] for row in found] == list(bad.values())
    assert all(row["reason"] and not row["value"] for row in found)
    assert (sound["status"], sound["value"]) == ("ok", "3.0")


def test_a_limit_ends_the_library_early(make, tmp_path):
    assert score_library(make(processes=1, limit=2)).written == 2
    assert len(rows(tmp_path / "scores.csv")) == 2


def test_a_process_that_dies_takes_only_its_molecule_with_it(make, tmp_path):
    score_library(make("own_oracles:Deadly", MOLECULES, processes=2))
    found = {row["smiles"]: row for row in rows(tmp_path / "scores.csv")}
    failed = {smiles: row["reason"] for smiles, row in found.items() if row["status"] != "ok"}
    assert set(failed) == {"CCC", "c1ccccc1"} and len(found) == len(MOLECULES)
    assert failed["CCC"] == "it ended the worker with SIGSEGV"
    assert failed["c1ccccc1"] == "the oracle raised RuntimeError: an aromatic surprise"


def test_who_kills_is_remembered_but_not_what_an_oracle_raises(make, tmp_path):
    first = score_library(make("own_oracles:Deadly", MOLECULES, processes=2))
    lines = (tmp_path / "asked.txt").read_text().split()
    assert lines.count("CCC") in (2, 3) and first.statuses[Status.FAILED] == 2  # twice alone
    again = score_library(make("own_oracles:Deadly", MOLECULES, processes=2))
    assert again.statuses == first.statuses
    rest = (tmp_path / "asked.txt").read_text().split()[len(lines) :]
    assert set(rest) == {"c1ccccc1"}, "it may have been the network"
    assert {row["reason"] for row in rows(tmp_path / "scores.csv") if row["smiles"] == "CCC"} == {
        "it ended the worker with SIGSEGV"
    }


def test_what_is_ended_from_outside_is_asked_again_and_not_said_to_have_failed(make, tmp_path):
    lines = ["C", "CCC", "CC"]
    first = score_library(make("own_oracles:Shot", lines, processes=1))
    assert first.statuses == {Status.OK: 2, Status.UNAVAILABLE: 1}
    (told,) = (row["reason"] for row in rows(tmp_path / "scores.csv") if row["smiles"] == "CCC")
    assert told == "the worker was ended from outside, by SIGKILL"
    (tmp_path / "quiet").touch()
    assert score_library(make("own_oracles:Shot", lines, processes=1)).statuses == {Status.OK: 3}


def test_poses_are_written_with_their_scores(make, tmp_path):
    sdf = tmp_path / "poses.sdf"
    score_library(make("own_oracles:Placing", processes=1, sdf=sdf))
    found = list(Chem.SDMolSupplier(str(sdf)))
    assert [mol.GetProp("_Name") for mol in found] == ["a", "c", "f", "7"]
    assert [mol.GetDoubleProp("value") for mol in found] == [3, 3, 3, 2]
    assert [Chem.MolToSmiles(mol) for mol in found] == ["CCO", "CCO", "CCO", "CC"]


def test_names_do_no_harm_in_a_spreadsheet_nor_in_an_sdf(make, tmp_path):
    sdf = tmp_path / "poses.sdf"
    lines = ['CCO =HYPERLINK("x"),"', "CC $$$$", "CCC a\x1b[2Jb"]
    score_library(make("own_oracles:Placing", lines, processes=1, sdf=sdf))
    names = [row["name"] for row in rows(tmp_path / "scores.csv")]
    assert names == ['\'=HYPERLINK("x"),"', "$$$$", "a [2Jb"]
    assert [Chem.MolToSmiles(mol) for mol in Chem.SDMolSupplier(str(sdf))] == ["CCO", "CC", "CCC"]


def test_an_oracle_that_is_away_ends_a_large_run_soon(make, tmp_path):
    lines = ["C" * (1 + size % 90) + "O" * (size // 90) for size in range(900)]
    with pytest.raises(NovumError, match=r"not available: the service is down; later, the same"):
        score_library(make("own_oracles:Absent", lines, processes=1))
    assert not [path for path in tmp_path.iterdir() if "scores" in path.name]


def test_what_is_read_is_not_written_over(make, tmp_path):
    wish = make()
    before = wish.library.read_bytes()
    with pytest.raises(UsageError, match="would write over what is read"):
        score_library(Wish(wish.library, wish.oracle, wish.library))
    assert wish.library.read_bytes() == before


def novum(*words, cwd):
    return subprocess.Popen(
        [sys.executable, "-m", "novum", *map(str, words)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": PATH},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_a_run_goes_on_after_a_kill_and_nothing_is_done_twice(make, tmp_path):
    lines = [f"{'C' * size} name{size}" for size in range(1, 81)]
    make("own_oracles:Noting", lines)
    noted, words = tmp_path / "asked.txt", ["score", "library.smi", "--lab", ".", "--processes", 2]
    killed = novum(*words, cwd=tmp_path)
    while not noted.exists() or len(noted.read_text().splitlines()) < 20:
        assert killed.poll() is None, killed.stderr.read()
        time.sleep(0.01)
    os.killpg(killed.pid, signal.SIGKILL)  # all of it, at once
    killed.communicate()
    before = noted.read_text().split()
    assert 20 <= len(before) < 80
    assert not (tmp_path / "scores.csv").exists()
    done = novum(*words, cwd=tmp_path)
    out, complaints = done.communicate()
    assert done.returncode == 0, complaints
    found = [row["name"] for row in rows(tmp_path / "scores.csv")]
    assert found == [f"name{size}" for size in range(1, 81)]
    twice = [smiles for smiles, count in Counter(noted.read_text().split()).items() if count > 1]
    assert len(twice) <= 2, "of each process, only the molecule that was under way"
    told = re.search(r"(\d+) asked, (\d+) remembered", out)
    assert int(told[2]) >= len(before) - 2 and int(told[1]) + int(told[2]) == 80
    assert not [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")]


def test_two_runs_do_not_write_one_file(make, tmp_path):
    long = [f"{'C' * left}O{'C' * right}" for left in range(1, 21) for right in range(20)]
    wish = make("own_oracles:Noting", long, processes=1)
    first = novum("score", "library.smi", "--lab", ".", "--processes", 1, cwd=tmp_path)
    while not (tmp_path / "asked.txt").exists():
        assert first.poll() is None, first.stderr.read()
        time.sleep(0.01)
    with pytest.raises(UsageError, match=r"another process is writing .*scores\.csv"):
        score_library(wish)
    first.send_signal(signal.SIGINT)
    _, complaints = first.communicate()
    assert first.returncode == 1 and "interrupted" in complaints
    assert not [path.name for path in tmp_path.iterdir() if "scores" in path.name]


def test_the_command_shows_the_best_and_the_counts(make, tmp_path, monkeypatch):
    make()
    monkeypatch.chdir(tmp_path)
    words = ["score", "library.smi", "--oracle", "oracle.toml", "--processes", "1"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    headings = "rank name value MW logP TPSA HBD HBA QED SMILES"
    assert " ".join(lines[0].split()) == headings
    assert lines[1].split()[:3] == ["1", "#7", "2.00000"] and lines[1].endswith("CC")
    assert lines[2].split()[:2] == ["2", "a"] and len(lines[1:-4]) == 3
    assert "7 molecules in" in done.stdout and "5 ok, 1 unreadable, 1 unsuitable" in done.stdout
    told = json.loads(CliRunner().invoke(cli, [*words, "--json"]).stdout)
    assert told["asked"] == 0 and told["best"][0]["smiles"] == "CC"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "either --oracle FILE or --lab DIRECTORY"),
        (["--oracle", "nothing.toml"], "there is no nothing.toml"),
        (["--lab", "."], r"oracle.toml: \[oracle\] no oracle is called"),
    ],
)
def test_what_is_asked_wrongly_writes_nothing(make, tmp_path, monkeypatch, words, told):
    make("divination")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["score", "library.smi", *words])
    assert isinstance(done.exception, UsageError) and re.search(told, str(done.exception))
    assert not [path for path in tmp_path.iterdir() if "scores" in path.name]


def test_a_library_without_one_value_is_no_success(make, tmp_path, monkeypatch):
    make(lines=["water", "sugar"])
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["score", "library.smi", "--lab", "."])
    assert isinstance(done.exception, NovumError)
    assert "no molecule got a value; most often: this is no SMILES" in str(done.exception)
    assert len(rows(tmp_path / "scores.csv")) == 2
